#include "from_guest.h"

#include <string.h>
#include <time.h>

#include "device.h"
#include "host.h"

enum { PACKETS_AT_ONCE = 256, PATIENCE_NS = 1000000 };

static void refuse(struct device *device, const struct header *packet)
{
    if (packet->operation == OP_RST)
        return; /* or two sides would reset each other for ever */
    struct replies *replies = &device->replies;
    replies->queued[(replies->first + replies->count++) % REPLIES] = (struct header){.from_cid = packet->to_cid,
                                                                                     .to_cid = packet->from_cid,
                                                                                     .from_port = packet->to_port,
                                                                                     .to_port = packet->from_port,
                                                                                     .type = packet->type,
                                                                                     .operation = OP_RST};
}

static void refuse_connection(struct connection *connection, const struct header *packet)
{
    struct device *device = connection->device;
    connection_bury(connection);
    refuse(device, packet);
}

static void owe(struct connection *connection, uint8_t what)
{
    connection->owes |= what;
    connection_line_up(connection);
}

static void on_request(struct device *device, const struct header *packet)
{
    int fd = host_connect(device, packet->to_port);
    struct connection *connection = fd < 0 ? NULL : connection_new(device, fd, ESTABLISHED);
    if (!connection) {
        host_close(fd);
        refuse(device, packet);
        return;
    }
    connection->guest_port = packet->from_port;
    connection->host_port = packet->to_port;
    connection->peer_allocated = packet->allocated;
    connection->peer_forwarded = packet->forwarded;
    connection_enter(connection);
    owe(connection, OWES_RESPONSE);
    if (!host_watch(connection))
        refuse_connection(connection, packet);
}

/* `slices` begin after the header, and cover exactly the packet's data. */
static void on_data(struct connection *connection, const struct header *packet, struct iovec *slices, unsigned count)
{
    uint32_t waiting = connection->taken - connection->forwarded;
    if (connection->guest_done & NO_MORE_SENDING || packet->length > WINDOW - waiting) {
        refuse_connection(connection, packet); /* it broke its word */
        return;
    }
    connection->taken += packet->length;
    if (!host_send(connection, slices, count)) {
        refuse_connection(connection, packet);
        return;
    }
    if (connection_wants_credit(connection))
        owe(connection, OWES_CREDIT);
}

static void on_shutdown(struct connection *connection, const struct header *packet)
{
    connection->guest_done |= packet->flags & NO_MORE;
    if (connection->guest_done == NO_MORE) { /* the guest closes, and waits for this to be confirmed (5.10.6.6.1) */
        refuse(connection->device, packet);
        connection_leave(connection);
        connection->stage = FLUSHING;
        connection->owes = 0;
    }
    host_guest_done(connection);
}

static void on_connection(struct connection *connection, const struct header *packet, struct iovec *slices,
                          unsigned count)
{
    connection->peer_allocated = packet->allocated;
    connection->peer_forwarded = packet->forwarded;
    bool open = connection->stage == ESTABLISHED;
    if (packet->operation == OP_RST) {
        connection_bury(connection);
    } else if (packet->operation == OP_RESPONSE && connection->stage == REQUESTED) {
        host_answered(connection);
    } else if (packet->operation == OP_RW && open) {
        on_data(connection, packet, slices, count);
    } else if (packet->operation == OP_SHUTDOWN && (open || connection->stage == PARTED)) {
        on_shutdown(connection, packet);
    } else if (packet->operation == OP_CREDIT_REQUEST) {
        owe(connection, OWES_CREDIT);
    } else if (packet->operation != OP_CREDIT_UPDATE) {
        refuse_connection(connection, packet);
    }
    if (connection->readable) /* it may have waited for credit */
        connection_line_up(connection);
}

/* Take `size` bytes off the front of the slices; how many slices are used up. */
static unsigned take_bytes(struct chain *chain, void *to, size_t size)
{
    unsigned first = 0;
    while (size > 0) {
        struct iovec *slice = &chain->slices[first];
        size_t part = slice->iov_len < size ? slice->iov_len : size;
        memcpy(to, slice->iov_base, part);
        to = (char *)to + part;
        size -= part;
        slice->iov_base = (char *)slice->iov_base + part;
        slice->iov_len -= part;
        first += slice->iov_len == 0;
    }
    return first;
}

/* The number of slices that cover `length` bytes, the last one shortened; the chain has as many. */
static unsigned cover(struct iovec *slices, uint32_t length)
{
    unsigned count = 0;
    while (length > 0) {
        if (slices[count].iov_len > length)
            slices[count].iov_len = length;
        length -= (uint32_t)slices[count++].iov_len;
    }
    return count;
}

static void on_packet(struct device *device, struct chain *chain)
{
    struct header packet;
    if (chain->length < sizeof packet)
        return; /* nothing to answer to */
    unsigned first = take_bytes(chain, &packet, sizeof packet);
    if (packet.from_cid != device->cid)
        return; /* nor is there to somebody else */
    struct connection *connection = connection_find(&device->connections, packet.from_port, packet.to_port);
    if (packet.to_cid != CID_HOST || packet.type != TYPE_STREAM || packet.length > chain->length - sizeof packet) {
        if (connection && packet.to_cid == CID_HOST)
            refuse_connection(connection, &packet);
        else
            refuse(device, &packet);
        return;
    }
    struct iovec *slices = chain->slices + first;
    if (connection)
        on_connection(connection, &packet, slices, cover(slices, packet.length));
    else if (packet.operation == OP_REQUEST)
        on_request(device, &packet);
    else
        refuse(device, &packet);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void give_back(struct device *device, struct chain *chain)
{
    queue_give(&device->queues[QUEUE_FROM_GUEST], chain, 0);
    if (device->uninterrupted++ == 0)
        device->uninterrupted_since_ns = now_ns();
}

void from_guest(struct device *device)
{
    struct queue *queue = &device->queues[QUEUE_FROM_GUEST];
    struct chain chain;
    bool unmuted = false;
    queue_mute(queue, true);
    for (int packets = 0; packets < PACKETS_AT_ONCE && device->replies.count < REPLIES; packets++) {
        while (!queue_take(queue, &device->memory, DEVICE_READS, &chain)) {
            if (unmuted || !queue_runs(queue)) {
                device->more_from_guest = false;
                return;
            }
            queue_mute(queue, false);
            unmuted = true; /* and one more look: the guest may not have kicked while it was muted */
        }
        if (unmuted) {
            queue_mute(queue, true);
            unmuted = false;
        }
        on_packet(device, &chain);
        give_back(device, &chain);
    }
}

void from_guest_interrupt(struct device *device)
{
    struct queue *queue = &device->queues[QUEUE_FROM_GUEST];
    if (device->uninterrupted == 0)
        return;
    if (device->uninterrupted < queue->size / 4 && now_ns() - device->uninterrupted_since_ns < PATIENCE_NS)
        return;
    device->uninterrupted = 0;
    queue_interrupt(queue);
}
