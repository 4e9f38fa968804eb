#include "stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"

void stream_accept(const char *where, work_fn *work)
{
    int listener = address_listen(where), on = 1;
    if (listener < 0)
        return;
    (void)signal(SIGCHLD, SIG_IGN); /* nobody waits for the children */
    unsigned tcp_port = address_port(listener);
    (void)printf(tcp_port ? "listening %u\n" : "listening\n", tcp_port);
    (void)fflush(stdout);
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0 || errno == EINTR || errno == ECONNABORTED) {
        if (fd < 0)
            continue;
        if (tcp_port) /* an answer's last bytes do not wait for the host's acknowledgement */
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (fork() == 0) {
            close(listener);
            _exit(work(&(struct stream){.fd = fd}) ? 0 : 1);
        }
        close(fd);
    }
}

bool stream_read(const struct stream *stream, void *to, size_t size)
{
    if (stream->shared) {
        shared_read(stream->shared, to, size);
        return true;
    }
    char *next = to;
    while (size > 0) {
        ssize_t got = read(stream->fd, next, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        next += got;
        size -= (size_t)got;
    }
    return true;
}

bool stream_write(const struct stream *stream, const void *from, size_t size)
{
    if (stream->shared) {
        shared_write(stream->shared, from, size);
        return true;
    }
    const char *next = from;
    while (size > 0) {
        ssize_t done = write(stream->fd, next, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        next += done;
        size -= (size_t)done;
    }
    return true;
}
