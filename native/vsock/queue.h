/* One split virtqueue (virtio 1.3, 2.7), read with the distrust that a guest's memory deserves: every index and
   descriptor is read once, and checked before it is used. */
#ifndef VB_VSOCK_QUEUE_H
#define VB_VSOCK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

enum { QUEUE_MOST = 32768, CHAIN_SLICES = 128 };

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

struct used_element {
    uint32_t head, written;
};

struct queue {
    uint32_t size; /* 0: not told yet */
    uint64_t descriptors_at, available_at, used_at; /* the front-end's addresses */
    bool addressed; /* it has told them */
    struct descriptor *descriptors; /* NULL while any of the three is not in mapped memory */
    uint16_t *available; /* flags, index, ring */
    uint16_t *used; /* flags, index, ring of used_element */
    uint16_t next; /* what to take next of `available` */
    int kick, call, error; /* eventfds, or -1 */
    bool enabled;
    const char *broken; /* what the guest did to it; nothing is read of it until it starts anew */
};

/* What one chain of descriptors covers. */
struct chain {
    uint16_t head;
    unsigned count;
    uint64_t length; /* of all slices */
    struct iovec slices[CHAIN_SLICES];
};

enum chain_use { DEVICE_READS, DEVICE_WRITES };

void queue_init(struct queue *queue);

/* Find the rings in mapped memory, after either has changed. What is wrong, or NULL. */
const char *queue_locate(struct queue *queue, const struct memory *memory);

bool queue_runs(const struct queue *queue);

/* Whether there was another chain, all of it for this use. A chain that is not sound breaks the queue. */
bool queue_take(struct queue *queue, const struct memory *memory, enum chain_use use, struct chain *chain);

/* The chain that was taken last is still to be taken. */
void queue_return(struct queue *queue);

/* The guest may have it back; `written` bytes of it are new. */
void queue_give(struct queue *queue, const struct chain *chain, uint32_t written);

/* Interrupt the guest, unless it wants none. */
void queue_interrupt(struct queue *queue);

/* Whether the guest need not kick. After it must again, look once more: it may have been about to. */
void queue_mute(struct queue *queue, bool mute);

void queue_break(struct queue *queue, const char *why);

#endif
