/* The messages of vhost-user that a vsock device needs (QEMU: docs/interop/vhost-user.rst). */
#ifndef VB_VSOCK_MESSAGE_H
#define VB_VSOCK_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "memory.h"

enum request {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    RESET_OWNER = 4,
    SET_MEM_TABLE = 5,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    GET_VRING_BASE = 11,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    SET_VRING_ERR = 14,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    GET_QUEUE_NUM = 17,
    SET_VRING_ENABLE = 18,
    GET_CONFIG = 24,
};

/* Of virtio, by their bits. */
#define FEATURE_INDIRECT (1ULL << 28)
#define FEATURE_PROTOCOL (1ULL << 30)
#define FEATURE_VERSION_1 (1ULL << 32)
/* Of vhost-user itself. */
#define PROTOCOL_MQ (1ULL << 0)
#define PROTOCOL_REPLY_ACK (1ULL << 3)
#define PROTOCOL_CONFIG (1ULL << 9)

enum { MESSAGE_VERSION = 1, MESSAGE_REPLY = 4, MESSAGE_NEED_REPLY = 8, MESSAGE_VERSION_MASK = 3 };
enum { MESSAGE_FDS = MEMORY_REGIONS, MESSAGE_HEADER = 12 };
enum { VRING_INDEX = 0xff, VRING_NO_FD = 0x100 }; /* of the number in SET_VRING_KICK, _CALL and _ERR */
enum { CONFIG_MOST = 256 };

struct vring_state {
    uint32_t index, number;
};

struct vring_address {
    uint32_t index, flags;
    uint64_t descriptors, used, available, log;
};

struct memory_table {
    uint32_t count, padding;
    struct region_description regions[MEMORY_REGIONS];
};

struct config_space {
    uint32_t offset, size, flags;
    uint8_t bytes[CONFIG_MOST];
};

union payload {
    uint64_t number;
    struct vring_state state;
    struct vring_address address;
    struct memory_table memory;
    struct config_space config;
};

struct message {
    uint32_t request, flags, size;
    union payload payload;
    int fds[MESSAGE_FDS];
    unsigned fd_count;
};

_Static_assert(offsetof(struct message, payload) == 16 && MESSAGE_HEADER == 12, "read and written in two parts");
_Static_assert(sizeof(struct vring_address) == 40 && sizeof(struct memory_table) == 264, "as vhost-user has them");

#endif
