/* Bytes and when they came, from the thread that reads to the one that takes; neither waits for the other. */
#ifndef VB_STAMP_RING_H
#define VB_STAMP_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RING_BYTES = 256 << 10,
    RING_READS = 16384, /* that were not taken yet: serial consoles come byte by byte */
    READ_MOST = 64 << 10,
    TAKE_MOST = 96 << 10,
    BEHIND = 64 << 10 /* who is this far behind is told more at once, and no line's own time */
};

struct read_mark {
    uint64_t end; /* of all bytes that ever came, up to and with this read */
    int64_t at_ns;
};

struct ring {
    _Atomic uint64_t written, taken; /* bytes, of all that ever came */
    _Atomic uint64_t marked, passed; /* reads, likewise */
    struct read_mark marks[RING_READS];
    uint8_t bytes[RING_BYTES];
};

/* For the thread that reads: where the next bytes go, and how many fit there. */
size_t ring_room(struct ring *ring, uint8_t **where);
void ring_put(struct ring *ring, size_t count, int64_t at_ns);

/* For the one that takes. */
bool ring_empty(struct ring *ring);
size_t ring_peek(struct ring *ring, const void **bytes, int64_t *at_ns);
void ring_consume(struct ring *ring, size_t count);

#endif
