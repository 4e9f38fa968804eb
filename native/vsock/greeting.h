/* What a client of the host says first: which port of the guest it wants. */
#ifndef VB_VSOCK_GREETING_H
#define VB_VSOCK_GREETING_H

struct connection;

/* Read as much of it as is there, and not a byte of what follows. When it is whole, the guest is asked; a client that
   says anything else, or comes before the guest has a driver, is hung up on. */
void greeting_read(struct connection *connection);

#endif
