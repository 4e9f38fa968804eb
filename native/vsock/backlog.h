/* What a guest has sent and its peer on the host does not take yet: a queue of bytes that is there only while needed. */
#ifndef VB_VSOCK_BACKLOG_H
#define VB_VSOCK_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct backlog {
    uint8_t *bytes;
    size_t start, length, capacity;
};

/* Copy all slices to the end; false when there is no memory, and nothing has changed. */
bool backlog_add(struct backlog *backlog, const struct iovec *slices, unsigned count);

/* The first `count` bytes are gone. */
void backlog_drop(struct backlog *backlog, size_t count);

void backlog_free(struct backlog *backlog);

#endif
