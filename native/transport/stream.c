#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

enum { BACKLOG = 128 };

int stream_open(const char *path)
{
    return open(path, O_RDWR);
}

static struct sockaddr_vm address_of(unsigned cid, unsigned port)
{
    return (struct sockaddr_vm){.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
}

int stream_connect(unsigned port)
{
    struct sockaddr_vm address = address_of(VMADDR_CID_HOST, port);
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static int stream_listen(unsigned port)
{
    struct sockaddr_vm address = address_of(VMADDR_CID_ANY, port);
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0)
        return -1;
    return fd;
}

void stream_accept(unsigned port, work_fn *work)
{
    int listener = stream_listen(port);
    if (listener < 0)
        return;
    (void)signal(SIGCHLD, SIG_IGN); /* nobody waits for the children */
    (void)puts("listening");
    (void)fflush(stdout);
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0 || errno == EINTR || errno == ECONNABORTED) {
        if (fd < 0)
            continue;
        if (fork() == 0) {
            close(listener);
            _exit(work(fd) ? 0 : 1);
        }
        close(fd);
    }
}

bool stream_read(int fd, void *to, size_t size)
{
    char *next = to;
    while (size > 0) {
        ssize_t got = read(fd, next, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        next += got;
        size -= (size_t)got;
    }
    return true;
}

bool stream_write(int fd, const void *from, size_t size)
{
    const char *next = from;
    while (size > 0) {
        ssize_t done = write(fd, next, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        next += done;
        size -= (size_t)done;
    }
    return true;
}
