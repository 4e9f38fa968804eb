/* Packets from the guest: each is answered, passed on to the host, or both. */
#ifndef VB_VSOCK_FROM_GUEST_H
#define VB_VSOCK_FROM_GUEST_H

struct device;

/* Take what the guest has sent, as far as there is room for answers. */
void from_guest(struct device *device);

/* Tell the guest that it has its buffers back: not after each packet, which would cost it an interrupt every time, but
   in bulk or after a millisecond. */
void from_guest_interrupt(struct device *device);

#endif
