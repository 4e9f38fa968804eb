/* Streams of whoever connects, character devices, shared memory, and whole reads and writes on them. */
#ifndef VB_TRANSPORT_STREAM_H
#define VB_TRANSPORT_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "shared.h"

/* A descriptor, or memory that the other end maps too. */
struct stream {
    int fd;
    struct shared *shared; /* NULL: a descriptor */
};

typedef bool work_fn(const struct stream *stream);

/* Have `work` done for whoever connects to an address, each in a process of its own. Says "listening" first, and the
   port of TCP. Returns only when it cannot. */
void stream_accept(const char *where, work_fn *work);

bool stream_read(const struct stream *stream, void *to, size_t size);
bool stream_write(const struct stream *stream, const void *from, size_t size);

#endif
