/* Packets to the guest: what is owed to it, and what sockets of the host have for it, each connection in its turn. */
#ifndef VB_VSOCK_TO_GUEST_H
#define VB_VSOCK_TO_GUEST_H

struct device;

void to_guest(struct device *device);

#endif
