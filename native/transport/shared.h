/* A stream in memory that both ends map: an ivshmem device's, or a file. The other end is harness/channels/shared_memory.py,
   which lays it out before this one looks.

   Words of 32 bits, little-endian: 0 magic, 1 bytes of each ring, a power of two; the rings' counters, which run on and
   wrap, each in a cache line of its own: 16 written and 32 read of what goes to the guest, 48 written and 64 read of
   what comes from it. The ring to the guest begins at byte 4096, the other one right behind it. */
#ifndef VB_TRANSPORT_SHARED_H
#define VB_TRANSPORT_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    uint32_t *written, *read;
    uint8_t *bytes;
    uint32_t size;
};

struct shared {
    struct ring in, out;
};

/* Maps the memory; false with errno, EBADMSG for one without this layout. */
bool shared_open(const char *path, struct shared *shared);

/* Whole reads and writes, which wait awake; an end that had nothing to do for a while sleeps in between. */
void shared_read(struct shared *shared, void *to, size_t size);
void shared_write(struct shared *shared, const void *from, size_t size);

#endif
