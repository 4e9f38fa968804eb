/* What the guest does on a stream. */
#ifndef VB_TRANSPORT_WORK_H
#define VB_TRANSPORT_WORK_H

#include <stdbool.h>

#include "stream.h"

/* Until the host sends no more: read a request (two 32-bit numbers, little endian: bytes that follow, bytes wanted
   back), read what follows, answer with as many bytes as are wanted. */
bool work_requests(const struct stream *stream);

/* Send back what comes through a descriptor, until the host sends no more. */
bool work_echo(const struct stream *stream);

/* Send `bytes` of a pattern to a port of the host, say that no more comes, read until the host says so too; print the
   number of bytes read and their sum. */
bool work_send(unsigned port, unsigned long long bytes);

/* One connection after the other: connect, send a byte, read it back, close. Prints how many. */
bool work_many(unsigned port, unsigned long long count);

/* Requests of `size` bytes to where requests are served, each answered with as many, one after the other. Prints the
   nanoseconds of each round trip. */
bool work_ping(const char *where, unsigned long size, unsigned long long count);

#endif
