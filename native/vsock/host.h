/* The host's side: unix sockets in the convention of Firecracker and cloud-hypervisor. A client connects to the
   device's socket and says "CONNECT <port>\n"; a port of the host is a socket named after it. */
#ifndef VB_VSOCK_HOST_H
#define VB_VSOCK_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct connection;
struct device;

/* Listen on the device's path; false, errno says why. */
bool host_listen(struct device *device);

/* A socket to whoever listens on a port of the host; -1. */
int host_connect(struct device *device, uint32_t port);
void host_close(int fd);

/* From now on the loop tells of the connection's socket. */
bool host_watch(struct connection *connection);

/* The guest accepted what a client asked for. */
void host_answered(struct connection *connection);

/* Pass bytes of the guest's on, what the socket does not take later; false when nobody will. */
bool host_send(struct connection *connection, struct iovec *slices, unsigned count);

/* The guest's flags of what it will not do any more have changed. */
void host_guest_done(struct connection *connection);

#endif
