/* Where streams begin: "vsock:PORT", "tcp:ADDRESS:PORT" (port 0: one that is free), "unix:PATH". */
#ifndef VB_TRANSPORT_ADDRESS_H
#define VB_TRANSPORT_ADDRESS_H

/* A socket that listens there; -1, with errno EINVAL for what is no such place. */
int address_listen(const char *where);

/* The port of a TCP socket that listens; 0 for any other. */
unsigned address_port(int listener);

/* A stream to a vsock port of the host, from a guest; -1. */
int address_connect(unsigned port);

/* A stream to "tcp:ADDRESS:PORT", whose small pieces wait for no others; -1, with errno EINVAL for what is no such
   place. */
int address_connect_tcp(const char *where);

#endif
