/*
 * Shared memory that comes as descriptors, mapped once and found again.
 *
 * A display server sends a new descriptor of the same memory at every page flip. A mapping keeps its file alive, so
 * that a file's device and inode number name it for as long as the mapping is here.
 */
#ifndef VB_MAPPING_H
#define VB_MAPPING_H

#include <stdbool.h>
#include <sys/types.h>

#include "vb_encoder.h"

enum { VB_MAPPINGS_KEPT = 8 }; /* a desktop flips between two to four buffers */

typedef struct vb_mapping {
    dev_t device;
    ino_t inode;
    uint64_t start; /* in the file, at a page */
    uint64_t length;
    uint8_t *address; /* NULL: this place is free */
    uint64_t last_used;
    bool is_dma_buf;
} vb_mapping;

typedef struct vb_mappings {
    vb_mapping kept[VB_MAPPINGS_KEPT];
    uint64_t uses;
    uint64_t made;
} vb_mappings;

/* `bytes` bytes of the file from `offset` on, to be read until the next call; their mapping in `*found`. */
vb_encoder_status vb_mappings_view(vb_mappings *mappings, int fd, uint64_t offset, uint64_t bytes,
                                   const uint8_t **pixels, const vb_mapping **found, vb_encoder_failure *failure);

/* The CPU is about to read, or has read: a DMA-BUF's caches are kept coherent. `fd` is of the mapping's file. */
void vb_mapping_begin_read(const vb_mapping *mapping, int fd);
void vb_mapping_end_read(const vb_mapping *mapping, int fd);

void vb_mappings_clear(vb_mappings *mappings);

#endif
