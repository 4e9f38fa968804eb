#include "to_guest.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "device.h"

/* Copy the header over the first slices, which then begin after it. */
static unsigned put_header(struct chain *chain, const struct header *packet)
{
    const char *from = (const char *)packet;
    size_t left = sizeof *packet;
    unsigned first = 0;
    while (left > 0) {
        struct iovec *slice = &chain->slices[first];
        size_t part = slice->iov_len < left ? slice->iov_len : left;
        memcpy(slice->iov_base, from, part);
        from += part;
        left -= part;
        first += part == slice->iov_len;
    }
    return first;
}

static struct header header_of(const struct connection *connection, enum operation operation)
{
    return (struct header){.from_cid = CID_HOST,
                           .to_cid = connection->device->cid,
                           .from_port = connection->host_port,
                           .to_port = connection->guest_port,
                           .type = TYPE_STREAM,
                           .operation = operation,
                           .allocated = WINDOW,
                           .forwarded = connection->forwarded};
}

static void send_header(struct device *device, struct chain *chain, const struct header *packet)
{
    put_header(chain, packet);
    queue_give(&device->queues[QUEUE_TO_GUEST], chain, sizeof *packet);
}

/* The first packet that the connection owes; every one also says how much was forwarded. */
static void send_owed(struct connection *connection, struct chain *chain)
{
    static const struct {
        uint8_t owed;
        enum operation operation;
    } order[] = {{OWES_RST, OP_RST},
                 {OWES_REQUEST, OP_REQUEST},
                 {OWES_RESPONSE, OP_RESPONSE},
                 {OWES_SHUTDOWN, OP_SHUTDOWN},
                 {OWES_CREDIT, OP_CREDIT_UPDATE}};
    unsigned i = 0;
    while (!(connection->owes & order[i].owed))
        i++;
    struct header packet = header_of(connection, order[i].operation);
    if (order[i].owed == OWES_SHUTDOWN)
        packet.flags = connection->host_done;
    connection->announced = connection->forwarded;
    connection->owes &= (uint8_t) ~(order[i].owed | OWES_CREDIT);
    send_header(connection->device, chain, &packet);
    if (order[i].owed == OWES_RST)
        connection_bury(connection);
}

/* Bytes read from the socket into the guest's buffer, after its first 44 bytes; errno when negative. */
static ssize_t read_into(struct connection *connection, const struct chain *chain, uint32_t most)
{
    struct iovec slices[CHAIN_SLICES];
    unsigned count = 0;
    size_t skip = sizeof(struct header), left = most;
    for (unsigned i = 0; i < chain->count && left > 0; i++) {
        struct iovec slice = chain->slices[i];
        size_t before = skip < slice.iov_len ? skip : slice.iov_len;
        skip -= before;
        slice.iov_base = (char *)slice.iov_base + before;
        slice.iov_len -= before;
        if (slice.iov_len > left)
            slice.iov_len = left;
        left -= slice.iov_len;
        if (slice.iov_len > 0)
            slices[count++] = slice;
    }
    struct msghdr message = {.msg_iov = slices, .msg_iovlen = count};
    return recvmsg(connection->source.fd, &message, MSG_DONTWAIT);
}

/* The host sends no more; when its socket is closed, it does not receive either. */
static void on_end(struct connection *connection)
{
    connection->readable = false;
    connection->host_done |= connection->gone ? NO_MORE : NO_MORE_SENDING;
    connection->owes |= OWES_SHUTDOWN;
    if (connection->gone) {
        connection_hang_up(connection);
        connection->stage = PARTED;
    }
}

/* Send what the socket has; false when that was nothing, and the chain is still unused. */
static bool send_data(struct connection *connection, struct chain *chain)
{
    uint32_t credit = connection_credit(connection);
    uint64_t room = chain->length - sizeof(struct header);
    uint32_t most = room < credit ? (uint32_t)room : credit;
    ssize_t got = read_into(connection, chain, most);
    if (got < 0 && errno == EAGAIN) {
        connection->readable = false;
        return false;
    }
    if (got <= 0) {
        connection->gone |= got < 0;
        on_end(connection);
        return false;
    }
    /* Fewer than asked for: the socket is empty, and epoll tells of what comes (epoll(7)). Its end was told already. */
    if ((uint32_t)got < most && !connection->ended)
        connection->readable = false;
    struct header packet = header_of(connection, OP_RW);
    packet.length = (uint32_t)got;
    connection->sent += packet.length;
    connection->announced = connection->forwarded;
    connection->owes &= (uint8_t)~OWES_CREDIT;
    put_header(chain, &packet);
    queue_give(&connection->device->queues[QUEUE_TO_GUEST], chain, (uint32_t)sizeof packet + packet.length);
    return true;
}

static bool has_data(const struct connection *connection)
{
    return connection->readable && connection->stage == ESTABLISHED && connection_credit(connection) > 0 &&
           !(connection->guest_done & NO_MORE_RECEIVING);
}

/* A socket whose peer has closed is of no more use to a guest that does not want what it still has. */
static void notice_end(struct connection *connection)
{
    if (connection->stage == REQUESTED && connection->gone)
        connection->owes = connection->owes & OWES_REQUEST ? 0 : OWES_RST;
    if (connection->stage == REQUESTED && connection->gone && !connection->owes)
        connection_bury(connection); /* the guest never heard of it */
    else if (connection->stage == ESTABLISHED && connection->gone && connection->guest_done & NO_MORE_RECEIVING)
        on_end(connection);
}

/* One packet of one connection; whether the chain was used. */
static bool send_one(struct connection *connection, struct chain *chain)
{
    if (connection->stage == BURIED || connection->stage == FLUSHING)
        return false;
    notice_end(connection);
    bool used = true;
    if (connection->owes)
        send_owed(connection, chain);
    else
        used = has_data(connection) && send_data(connection, chain);
    if (connection->owes || has_data(connection))
        connection_line_up(connection);
    return used;
}

/* A buffer of the guest's for one packet. Without one, the guest is to say when it has some. */
static bool take_buffer(struct device *device, struct chain *chain)
{
    struct queue *queue = &device->queues[QUEUE_TO_GUEST];
    if (!queue_take(queue, &device->memory, DEVICE_WRITES, chain)) {
        queue_mute(queue, false);
        if (!queue_take(queue, &device->memory, DEVICE_WRITES, chain))
            return false;
        queue_mute(queue, true);
    }
    if (chain->length <= sizeof(struct header)) {
        queue_break(queue, "a buffer has no room for a packet");
        return false;
    }
    return true;
}

static bool send_reply(struct device *device, struct chain *chain)
{
    struct replies *replies = &device->replies;
    if (replies->count == 0)
        return false;
    send_header(device, chain, &replies->queued[replies->first]);
    replies->first = (replies->first + 1) % REPLIES;
    replies->count--;
    return true;
}

void to_guest(struct device *device)
{
    struct queue *queue = &device->queues[QUEUE_TO_GUEST];
    struct chain chain;
    bool taken = false, sent = false;
    queue_mute(queue, true);
    while (device->replies.count > 0 || device->connections.first_ready) {
        if (!taken && !take_buffer(device, &chain))
            break;
        taken = true;
        struct connection *connection = NULL;
        bool used = send_reply(device, &chain);
        if (!used && (connection = connection_next(&device->connections)))
            used = send_one(connection, &chain);
        sent |= used;
        taken = !used;
    }
    if (taken)
        queue_return(queue);
    if (sent)
        queue_interrupt(queue);
}
