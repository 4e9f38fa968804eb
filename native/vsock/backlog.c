#include "backlog.h"

#include <stdlib.h>
#include <string.h>

static bool make_room(struct backlog *backlog, size_t more)
{
    if (backlog->start + backlog->length + more <= backlog->capacity)
        return true;
    size_t capacity = backlog->capacity;
    if (backlog->length + more > capacity) {
        capacity = (backlog->length + more) * 2;
        uint8_t *bytes = realloc(backlog->bytes, capacity);
        if (!bytes)
            return false;
        backlog->bytes = bytes;
        backlog->capacity = capacity;
    }
    memmove(backlog->bytes, backlog->bytes + backlog->start, backlog->length);
    backlog->start = 0;
    return true;
}

bool backlog_add(struct backlog *backlog, const struct iovec *slices, unsigned count)
{
    size_t more = 0;
    for (unsigned i = 0; i < count; i++)
        more += slices[i].iov_len;
    if (more == 0)
        return true;
    if (!make_room(backlog, more))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (slices[i].iov_len == 0)
            continue;
        memcpy(backlog->bytes + backlog->start + backlog->length, slices[i].iov_base, slices[i].iov_len);
        backlog->length += slices[i].iov_len;
    }
    return true;
}

void backlog_drop(struct backlog *backlog, size_t count)
{
    backlog->start += count;
    backlog->length -= count;
    if (backlog->length == 0)
        backlog_free(backlog);
}

void backlog_free(struct backlog *backlog)
{
    free(backlog->bytes);
    *backlog = (struct backlog){0};
}
