/* Guest memory as the front-end shares it: regions of files, mapped here, and the only way to an address in them. */
#ifndef VB_VSOCK_MEMORY_H
#define VB_VSOCK_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { MEMORY_REGIONS = 8 }; /* what vhost-user allows without CONFIGURE_MEM_SLOTS */

/* One region as VHOST_USER_SET_MEM_TABLE describes it (QEMU: docs/interop/vhost-user.rst). */
struct region_description {
    uint64_t guest; /* guest physical address */
    uint64_t size;
    uint64_t front; /* address in the front-end's process; the rings are named by these */
    uint64_t offset; /* of the region in its file */
};

struct region {
    uint64_t guest, size, front;
    uint8_t *bytes;
    void *mapping;
    size_t mapped;
};

struct memory {
    struct region regions[MEMORY_REGIONS];
    unsigned count;
};

/* Replace every region; `files` stay the caller's. What is wrong, or NULL; then nothing is mapped. */
const char *memory_map(struct memory *memory, const struct region_description *described, const int *files,
                       unsigned count);

void memory_unmap(struct memory *memory);

/* `size` bytes at an address of the front-end's, all in one region; NULL when they are not. */
void *memory_of_front(const struct memory *memory, uint64_t front, uint64_t size);

/* The guest's range as at most `room` slices, one for each region that it crosses; -1 when a byte of it is outside
   every region, or the room does not suffice. An empty range has no slices. */
int memory_slices(const struct memory *memory, uint64_t guest, uint32_t size, struct iovec *slices, unsigned room);

/* Copy a small object of the guest's, wherever region borders are; false when a byte of it is outside. */
int memory_read(const struct memory *memory, uint64_t guest, void *to, uint32_t size);

#endif
