/* A stream to whoever encodes: vsock, TCP, a unix socket or a character device (virtio-serial). */
#ifndef VB_CHANNEL_H
#define VB_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

/* Opens what `address` names: vsock:PORT (of the host), tcp:HOST:PORT, unix:PATH, file:PATH. Ends the program with what
   was wrong when it cannot. */
int channel_open(const char *address);

/* Whole reads and writes; false with errno, which is 0 at the stream's end. */
bool channel_read(int fd, void *to, size_t size);
bool channel_write(int fd, const void *from, size_t size);

#endif
