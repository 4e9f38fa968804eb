/* The socket to the front-end (QEMU): messages in, answers out. */
#ifndef VB_VSOCK_FRONT_H
#define VB_VSOCK_FRONT_H

#include <stdbool.h>

#include "loop.h"
#include "message.h"

struct device;

struct front {
    struct source source; /* first: the loop knows it by this */
    struct device *device;
    struct message message; /* as far as it has come */
    unsigned received; /* bytes of it */
    bool talked; /* whether a whole message has come */
    bool ended; /* the front-end is gone, or makes no sense */
    const char *wrong; /* why, when it makes no sense */
};

/* Listen to `fd`, which is the front's from now on; false when the loop does not take it. */
bool front_open(struct front *front, struct device *device, int fd);
void front_close(struct front *front);

#endif
