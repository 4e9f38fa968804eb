#include "ring.h"

#include <string.h>

/* Positions only grow and are taken modulo the size; each is written by one thread. */

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

size_t ring_room(struct ring *ring, uint8_t **where)
{
    uint64_t written = atomic_load(&ring->written);
    size_t room = RING_BYTES - (size_t)(written - atomic_load(&ring->taken));
    if (atomic_load(&ring->marked) - atomic_load(&ring->passed) == RING_READS)
        return 0;
    *where = ring->bytes + written % RING_BYTES;
    return least(least(room, READ_MOST), RING_BYTES - written % RING_BYTES); /* no read goes round the end */
}

void ring_put(struct ring *ring, size_t count, int64_t at_ns)
{
    uint64_t end = atomic_load(&ring->written) + count, marked = atomic_load(&ring->marked);
    ring->marks[marked % RING_READS] = (struct read_mark){end, at_ns};
    atomic_store(&ring->written, end);
    atomic_store(&ring->marked, marked + 1); /* last: from now on it can be seen */
}

bool ring_empty(struct ring *ring)
{
    return atomic_load(&ring->marked) == atomic_load(&ring->passed);
}

static bool ends_a_line(const uint8_t *bytes, size_t count)
{
    return memchr(bytes, '\n', count) || memchr(bytes, '\r', count);
}

size_t ring_peek(struct ring *ring, const void **bytes, int64_t *at_ns)
{
    uint64_t taken = atomic_load(&ring->taken), read = atomic_load(&ring->passed), marked = atomic_load(&ring->marked);
    if (read == marked)
        return 0;
    const uint8_t *start = ring->bytes + taken % RING_BYTES;
    bool behind = atomic_load(&ring->written) - taken > BEHIND, first = taken == 0;
    size_t most = least(TAKE_MOST, RING_BYTES - taken % RING_BYTES), count = 0;
    for (; read != marked; read++) {
        const struct read_mark *mark = &ring->marks[read % RING_READS];
        size_t with = (size_t)(mark->end - taken), before = count;
        if (with > most)
            break;
        count = with;
        *at_ns = mark->at_ns;
        if (first || (!behind && ends_a_line(start + before, with - before)))
            break;
    }
    *bytes = start;
    return count;
}

void ring_consume(struct ring *ring, size_t count)
{
    uint64_t taken = atomic_load(&ring->taken) + count, passed = atomic_load(&ring->passed);
    while (passed != atomic_load(&ring->marked) && ring->marks[passed % RING_READS].end <= taken)
        passed++;
    atomic_store(&ring->passed, passed);
    atomic_store(&ring->taken, taken);
}
