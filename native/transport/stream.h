/* Streams of whoever connects, character devices, and whole reads and writes on them. */
#ifndef VB_TRANSPORT_STREAM_H
#define VB_TRANSPORT_STREAM_H

#include <stdbool.h>
#include <stddef.h>

typedef bool work_fn(int fd);

/* A character device; -1. */
int stream_open(const char *path);

/* Have `work` done for whoever connects to an address, each in a process of its own. Says "listening" first, and the
   port of TCP. Returns only when it cannot. */
void stream_accept(const char *where, work_fn *work);

bool stream_read(int fd, void *to, size_t size);
bool stream_write(int fd, const void *from, size_t size);

#endif
