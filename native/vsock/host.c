#include "host.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "device.h"
#include "greeting.h"

enum { CLIENTS_WAITING = 4096 };

static bool address_of(const struct device *device, const char *suffix, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length = snprintf(address->sun_path, sizeof address->sun_path, "%s%s", device->path, suffix);
    return length > 0 && (size_t)length < sizeof address->sun_path;
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Clients that connect are taken until there are no more; too many are turned away at once. */
static void client_came(struct source *host, uint32_t events)
{
    struct device *device = (struct device *)(void *)((char *)host - offsetof(struct device, host));
    (void)events;
    int fd;
    while ((fd = accept4(host->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = connection_new(device, fd, GREETING);
        if (!connection)
            close(fd);
        else if (!host_watch(connection))
            connection_bury(connection);
    }
}

bool host_listen(struct device *device)
{
    struct sockaddr_un address;
    if (!address_of(device, "", &address)) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = unix_socket();
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, CLIENTS_WAITING) != 0) {
        host_close(fd);
        return false;
    }
    device->host = (struct source){client_came, fd};
    return loop_add(device->loop, &device->host, EPOLLIN);
}

int host_connect(struct device *device, uint32_t port)
{
    char suffix[16];
    struct sockaddr_un address;
    (void)snprintf(suffix, sizeof suffix, "_%u", port);
    if (!address_of(device, suffix, &address))
        return -1;
    int fd = unix_socket();
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd; /* or else nobody listens, or who does has too many waiting: a unix socket never says "later" */
    host_close(fd);
    return -1;
}

void host_close(int fd)
{
    if (fd >= 0) {
        int kept = errno;
        close(fd);
        errno = kept;
    }
}

static void flush(struct connection *connection)
{
    struct backlog *backlog = &connection->backlog;
    while (backlog->length > 0) {
        ssize_t done = send(connection->source.fd, backlog->bytes + backlog->start, backlog->length,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0)
            return; /* full again, or gone: then the socket says so by itself */
        connection->forwarded += (uint32_t)done;
        connection->device->connections.waiting -= (size_t)done;
        backlog_drop(backlog, (size_t)done);
    }
    connection->blocked = false;
    loop_change(connection->device->loop, &connection->source, EPOLLIN | EPOLLRDHUP | EPOLLET);
    host_guest_done(connection);
}

static void told(struct source *source, uint32_t events)
{
    struct connection *connection = (struct connection *)source;
    if (connection->stage == BURIED || source->fd < 0)
        return;
    if (events & (EPOLLHUP | EPOLLERR))
        connection->gone = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        connection->ended = true;
    if (connection->stage == GREETING) {
        greeting_read(connection);
        return;
    }
    if (events & EPOLLOUT && connection->blocked) {
        flush(connection);
        if (connection->stage == BURIED)
            return;
        if (connection->stage == ESTABLISHED && connection_wants_credit(connection))
            connection->owes |= OWES_CREDIT;
    }
    if (connection->stage == FLUSHING) {
        if (connection->gone)
            connection_bury(connection);
        return;
    }
    connection->readable = true;
    connection_line_up(connection);
}

bool host_watch(struct connection *connection)
{
    connection->source.told = told;
    return loop_add(connection->device->loop, &connection->source, EPOLLIN | EPOLLRDHUP | EPOLLET);
}

void host_answered(struct connection *connection)
{
    char answer[24];
    int length = snprintf(answer, sizeof answer, "OK %u\n", connection->host_port);
    connection->stage = ESTABLISHED;
    connection->readable = true; /* the client need not have waited for the answer */
    if (send(connection->source.fd, answer, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) != length)
        connection->gone = connection->ended = true; /* a new socket takes so few bytes unless nobody is there */
}

/* How much of the slices the socket takes now: 0 when it takes nothing, -1 when it never will. */
static ssize_t send_now(struct connection *connection, struct iovec *slices, unsigned count)
{
    if (connection->blocked || count == 0)
        return 0;
    struct msghdr message = {.msg_iov = slices, .msg_iovlen = count};
    ssize_t done = sendmsg(connection->source.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return done < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) ? 0 : done;
}

bool host_send(struct connection *connection, struct iovec *slices, unsigned count)
{
    ssize_t done = send_now(connection, slices, count);
    if (done < 0)
        return false;
    connection->forwarded += (uint32_t)done;
    size_t skip = (size_t)done;
    while (count > 0 && skip >= slices->iov_len) {
        skip -= slices->iov_len;
        slices++;
        count--;
    }
    if (count == 0)
        return true;
    slices->iov_base = (char *)slices->iov_base + skip;
    slices->iov_len -= skip;
    size_t before = connection->backlog.length;
    if (!backlog_add(&connection->backlog, slices, count))
        return false;
    size_t *waiting = &connection->device->connections.waiting;
    *waiting += connection->backlog.length - before;
    if (!connection->blocked) {
        connection->blocked = true;
        loop_change(connection->device->loop, &connection->source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
    return *waiting <= MOST_WAITING;
}

void host_guest_done(struct connection *connection)
{
    if (connection->guest_done & NO_MORE_RECEIVING)
        connection->readable = false;
    if (connection->blocked)
        return; /* what the guest sent before comes first */
    if (connection->stage == FLUSHING)
        connection_bury(connection);
    else if (connection->guest_done & NO_MORE_SENDING)
        (void)shutdown(connection->source.fd, SHUT_WR);
}
