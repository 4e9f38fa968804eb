/*
 * libvbstamp: reads descriptors in a thread of its own, and says when what it read had arrived.
 *
 * One thread for all of a process, from the first descriptor on. It does nothing else, takes no lock that a reader holds
 * while it works, and waits for no interpreter: a stamp is as late as the kernel wakes it.
 *
 * Each descriptor belongs to one stream; add, remove and free are for any thread, peek and consume for one at a time.
 * What has arrived and was not taken is bounded: a stream that is full is not read until something was taken.
 */
#ifndef VB_STAMP_H
#define VB_STAMP_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

typedef struct vb_stamp vb_stamp;

/* Read `fd`, which does not block and stays open until it is removed. `started` becomes the number of the
   thread, as the kernel knows it, where that was started for this; 0 where it ran already, or the system has no such
   numbers. NULL, and errno, when there is no memory, descriptor or thread for it, or it cannot be polled. */
vb_stamp *vb_stamp_add(int fd, int *started);

/* Readable while there is something to peek at, the end included; stays the stream's. */
int vb_stamp_bell(const vb_stamp *stream);

/* How many bytes have arrived and where they are, until they are consumed; `at_ns` is when the last of them came, in ns
   of the clock of Python's time.monotonic_ns(). They end with the first read that ended a line, so that its time is told,
   unless much more waits; the first read of all is told alone. 0: nothing has come; -1: nothing will. */
ptrdiff_t vb_stamp_peek(vb_stamp *stream, const void **bytes, int64_t *at_ns);

/* So many of them were taken. */
void vb_stamp_consume(vb_stamp *stream, size_t count);

/* When this returns, all that had come to any stream before can be taken, as far as there was room and one read of it
   goes. */
void vb_stamp_settle(void);

/* Read its descriptor no more; when this returns nobody does. What has arrived can still be taken. Idempotent. */
void vb_stamp_remove(vb_stamp *stream);

/* Removed, if it is not yet, and gone. */
void vb_stamp_free(vb_stamp *stream);

#pragma GCC visibility pop

#endif
