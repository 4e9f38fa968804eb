/* What travels in the queues of a vsock device (virtio 1.3, 5.10.6). */
#ifndef VB_VSOCK_PACKET_H
#define VB_VSOCK_PACKET_H

#include <stdint.h>

enum { CID_HOST = 2, TYPE_STREAM = 1 };

enum operation {
    OP_REQUEST = 1,
    OP_RESPONSE = 2,
    OP_RST = 3,
    OP_SHUTDOWN = 4,
    OP_RW = 5,
    OP_CREDIT_UPDATE = 6,
    OP_CREDIT_REQUEST = 7,
};

/* Flags of OP_SHUTDOWN: what its sender will not do any more. */
enum { NO_MORE_RECEIVING = 1, NO_MORE_SENDING = 2, NO_MORE = 3 };

struct __attribute__((packed)) header {
    uint64_t from_cid, to_cid;
    uint32_t from_port, to_port;
    uint32_t length;
    uint16_t type, operation;
    uint32_t flags;
    uint32_t allocated; /* the sender's buffer for this connection, bytes */
    uint32_t forwarded; /* of it freed since the beginning, modulo 2^32 */
};

_Static_assert(sizeof(struct header) == 44, "as virtio has it");

#endif
