#include "device.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "from_guest.h"
#include "host.h"
#include "to_guest.h"

enum { PATIENCE_MS = 1 };

/* A kick only says that there is something: what, device_work looks for. */
static void kicked(struct source *kick, uint32_t events)
{
    uint64_t count;
    (void)events;
    (void)!read(kick->fd, &count, sizeof count);
}

static void kicked_by_sender(struct source *kick, uint32_t events)
{
    kicked(kick, events);
    struct device *device = (struct device *)(void *)((char *)(kick - QUEUE_FROM_GUEST) - offsetof(struct device, kicks));
    device->more_from_guest = true;
}

bool device_open(struct device *device, uint64_t cid, const char *path, unsigned most_connections)
{
    *device = (struct device){.cid = cid, .path = path, .host.fd = -1};
    device->loop = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < QUEUES; i++)
        queue_init(&device->queues[i]);
    device->kicks[QUEUE_TO_GUEST] = (struct source){kicked, -1};
    device->kicks[QUEUE_FROM_GUEST] = (struct source){kicked_by_sender, -1};
    connections_init(&device->connections, most_connections);
    return device->loop >= 0 && host_listen(device);
}

void device_forget(struct device *device)
{
    connections_bury_all(&device->connections);
    device->replies.count = 0; /* an interrupt that the sending queue is owed stays owed */
}

void device_close(struct device *device)
{
    device_forget(device);
    connections_sweep(&device->connections);
    memory_unmap(&device->memory);
    if (device->host.fd >= 0) {
        close(device->host.fd);
        (void)unlink(device->path);
    }
    close(device->loop);
}

/* A guest that breaks a queue has no connections any more; the device waits for it to start anew. */
static void look_after(struct device *device, int index, const char *name)
{
    const char *broken = device->queues[index].broken;
    if (broken && !device->complained[index]) {
        fprintf(stderr, "vb-vsock: the guest broke the queue %s: %s\n", name, broken);
        device_forget(device);
    }
    device->complained[index] = broken != NULL;
}

void device_work(struct device *device)
{
    if (device->more_from_guest)
        from_guest(device);
    to_guest(device);
    from_guest_interrupt(device);
    look_after(device, QUEUE_TO_GUEST, "that it receives from");
    look_after(device, QUEUE_FROM_GUEST, "that it sends to");
    connections_sweep(&device->connections);
}

int device_patience_ms(const struct device *device)
{
    if (device->more_from_guest && device->replies.count < REPLIES)
        return 0;
    return device->uninterrupted ? PATIENCE_MS : -1;
}
