#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAGIC = 0x54534256 /* "VBST" */, RINGS_AT = 4096, LEAST = 4096, NS_PER_S = 1000000000 };
enum { RING_BYTES = 1, IN_WRITTEN = 16, IN_READ = 32, OUT_WRITTEN = 48, OUT_READ = 64 };
enum { AWAKE_NS = 100000000, NAP_NS = 10000000 };

bool shared_open(const char *path, struct shared *shared)
{
    struct stat status;
    int fd = open(path, O_RDWR);
    if (fd < 0 || fstat(fd, &status) != 0)
        return false;
    size_t room = (size_t)status.st_size;
    uint32_t *words = room < RINGS_AT ? MAP_FAILED : mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (words == MAP_FAILED)
        return false;
    uint32_t size = words[RING_BYTES];
    if (words[0] != MAGIC || size < LEAST || (size & (size - 1)) != 0 || RINGS_AT + 2 * (uint64_t)size > room) {
        munmap(words, room);
        errno = EBADMSG;
        return false;
    }
    uint8_t *bytes = (uint8_t *)words + RINGS_AT;
    *shared = (struct shared){.in = {words + IN_WRITTEN, words + IN_READ, bytes, size},
                              .out = {words + OUT_WRITTEN, words + OUT_READ, bytes + size, size}};
    return true;
}

/* How far one counter is ahead of the other. */
static uint32_t ahead(const uint32_t *counter, const uint32_t *of)
{
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE) - __atomic_load_n(of, __ATOMIC_ACQUIRE);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint32_t readable(const struct ring *ring)
{
    return ahead(ring->written, ring->read);
}

static uint32_t writable(const struct ring *ring)
{
    return ring->size - ahead(ring->written, ring->read);
}

static uint32_t await(const struct ring *ring, uint32_t (*amount)(const struct ring *))
{
    uint32_t some = amount(ring);
    for (uint64_t since = some ? 0 : now_ns(); !some; some = amount(ring)) {
        if (now_ns() - since < AWAKE_NS)
            sched_yield();
        else
            nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    }
    return some;
}

/* Bytes that lie in one piece from a counter on: as many as there are, as are wanted, as are left up to the ring's end. */
static uint32_t piece(const struct ring *ring, uint32_t at, uint32_t some, size_t wanted)
{
    uint32_t left = ring->size - at % ring->size;
    some = some < left ? some : left;
    return some < wanted ? some : (uint32_t)wanted;
}

void shared_read(struct shared *shared, void *to, size_t size)
{
    const struct ring *ring = &shared->in;
    uint8_t *next = to;
    while (size > 0) {
        uint32_t at = *ring->read, part = piece(ring, at, await(ring, readable), size);
        memcpy(next, ring->bytes + at % ring->size, part);
        __atomic_store_n(ring->read, at + part, __ATOMIC_SEQ_CST);
        next += part;
        size -= part;
    }
}

void shared_write(struct shared *shared, const void *from, size_t size)
{
    const struct ring *ring = &shared->out;
    const uint8_t *next = from;
    while (size > 0) {
        uint32_t at = *ring->written, part = piece(ring, at, await(ring, writable), size);
        memcpy(ring->bytes + at % ring->size, next, part);
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* memory that combines writes is written before it is counted */
        __atomic_store_n(ring->written, at + part, __ATOMIC_SEQ_CST);
        next += part;
        size -= part;
    }
}
