#include "front.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "requests.h"

static void drop_fds(struct message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        if (message->fds[i] >= 0)
            close(message->fds[i]);
    message->fd_count = 0;
}

/* Keep the descriptors of a message; what is more than any message has is closed and makes it wrong. */
static bool keep_fds(struct message *message, struct msghdr *received)
{
    bool fits = !(received->msg_flags & MSG_CTRUNC);
    struct cmsghdr *rights = CMSG_FIRSTHDR(received); /* nothing else was asked for, so there is no second part */
    if (!rights || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
        return fits;
    size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(rights) + i * sizeof fd, sizeof fd);
        if (message->fd_count < MESSAGE_FDS) {
            message->fds[message->fd_count++] = fd;
        } else {
            close(fd);
            fits = false;
        }
    }
    return fits;
}

/* Where the next byte of the message goes, and how many are still wanted of its part. */
static uint8_t *next_part(struct front *front, size_t *wanted)
{
    struct message *message = &front->message;
    if (front->received < MESSAGE_HEADER) {
        *wanted = MESSAGE_HEADER - front->received;
        return (uint8_t *)message + front->received;
    }
    unsigned of_payload = front->received - MESSAGE_HEADER;
    *wanted = message->size - of_payload;
    return (uint8_t *)&message->payload + of_payload;
}

/* The number of bytes that came; 0 when the front-end is gone; -1 when there is nothing now. */
static ssize_t receive(struct front *front)
{
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS)];
    } control;
    struct iovec slice;
    slice.iov_base = next_part(front, &slice.iov_len);
    struct msghdr received = {
        .msg_iov = &slice, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t count = recvmsg(front->source.fd, &received, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? -1 : 0;
    if (!keep_fds(&front->message, &received))
        front->wrong = "a message with too many descriptors";
    front->received += (unsigned)count;
    return count;
}

static void reply(struct front *front, struct message *message)
{
    message->flags = MESSAGE_VERSION | MESSAGE_REPLY;
    struct iovec slices[] = {{message, MESSAGE_HEADER}, {&message->payload, message->size}};
    struct msghdr sent = {.msg_iov = slices, .msg_iovlen = 2};
    if (sendmsg(front->source.fd, &sent, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)(MESSAGE_HEADER + message->size))
        front->ended = true; /* it reads no answers */
}

static void answer(struct front *front)
{
    struct message *message = &front->message;
    bool acknowledge = message->flags & MESSAGE_NEED_REPLY;
    bool answers = false;
    if ((message->flags & MESSAGE_VERSION_MASK) != MESSAGE_VERSION || message->flags & MESSAGE_REPLY)
        front->wrong = "a message of another version of the protocol";
    else
        front->wrong = request_answer(front->device, message, &answers);
    if (!answers && acknowledge) {
        message->payload.number = front->wrong != NULL;
        message->size = sizeof message->payload.number;
        answers = true;
    }
    if (answers)
        reply(front, message);
    drop_fds(message);
    front->received = 0;
    front->talked = true;
}

static void told(struct source *source, uint32_t events)
{
    struct front *front = (struct front *)source;
    (void)events;
    while (!front->ended && !front->wrong) {
        ssize_t count = receive(front);
        if (count < 0)
            return;
        if (count == 0) {
            front->ended = true;
            if (front->received > 0)
                front->wrong = "half a message, and then nothing";
            return;
        }
        if (front->wrong || front->received < MESSAGE_HEADER)
            continue;
        if (front->message.size > sizeof front->message.payload)
            front->wrong = "a message larger than any";
        else if (front->received == MESSAGE_HEADER + front->message.size)
            answer(front);
    }
    front->ended = true;
}

bool front_open(struct front *front, struct device *device, int fd)
{
    *front = (struct front){.source = {told, fd}, .device = device};
    return loop_add(device->loop, &front->source, EPOLLIN);
}

void front_close(struct front *front)
{
    drop_fds(&front->message);
    close(front->source.fd);
}
