/* The device of one machine: its memory, its queues, its connections. The parts know each other through this. */
#ifndef VB_VSOCK_DEVICE_H
#define VB_VSOCK_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"
#include "memory.h"
#include "packet.h"
#include "queue.h"

enum { QUEUE_TO_GUEST = 0, QUEUE_FROM_GUEST = 1, QUEUES = 2 }; /* the third, of events, stays with the front-end */
enum { REPLIES = 256 };

/* Answers to packets of no connection. When they are full, the guest must first take some. */
struct replies {
    struct header queued[REPLIES];
    unsigned first, count;
};

struct device {
    uint64_t cid; /* the guest's */
    const char *path; /* of the host's socket; a port of the host is `path`_PORT */
    int loop;
    struct memory memory;
    struct queue queues[QUEUES];
    struct source kicks[QUEUES];
    struct source host; /* where clients of the host connect */
    struct connections connections;
    struct replies replies;
    bool more_from_guest; /* left for the next turn, so that one guest's flood does not stall its other direction */
    unsigned uninterrupted; /* chains given back to the sending guest, of which no interrupt has told it */
    uint64_t uninterrupted_since_ns;
    bool complained[QUEUES]; /* a broken queue is told of once */
};

/* Ready for a front-end; false when the host's socket cannot be made, errno says why. */
bool device_open(struct device *device, uint64_t cid, const char *path, unsigned most_connections);
void device_close(struct device *device);

/* Everything that the guest knew is void: it has been reset. */
void device_forget(struct device *device);

/* After each turn of the loop: send what can be sent. */
void device_work(struct device *device);

/* For how long the loop may wait. */
int device_patience_ms(const struct device *device);

#endif
