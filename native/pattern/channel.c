#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "options.h"

static int connected(int fd, const void *address, socklen_t size, const char *what)
{
    while (fd >= 0 && connect(fd, address, size) != 0)
        if (errno != EINTR)
            die(what);
    if (fd < 0)
        die(what);
    return fd;
}

static int open_vsock(const char *port, const char *what)
{
    struct sockaddr_vm address = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = (unsigned)strtoul(port, NULL, 10)};
    return connected(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), &address, sizeof address, what);
}

static int open_unix(const char *path, const char *what)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        die(what);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    return connected(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &address, sizeof address, what);
}

static int open_tcp(const char *where, const char *what)
{
    char host[256];
    const char *colon = strrchr(where, ':');
    if (!colon || (size_t)(colon - where) >= sizeof host) {
        errno = EINVAL;
        die(what);
    }
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        errno = EINVAL;
        die(what);
    }
    int fd = connected(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), found->ai_addr, found->ai_addrlen, what);
    freeaddrinfo(found);
    int at_once = 1; /* a request must not wait for the acknowledgement of the one before */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once) != 0)
        die(what);
    return fd;
}

int channel_open(const char *address)
{
    if (strncmp(address, "vsock:", 6) == 0)
        return open_vsock(address + 6, address);
    if (strncmp(address, "tcp:", 4) == 0)
        return open_tcp(address + 4, address);
    if (strncmp(address, "unix:", 5) == 0)
        return open_unix(address + 5, address);
    int fd = strncmp(address, "file:", 5) == 0 ? open(address + 5, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        die(address);
    return fd;
}

bool channel_read(int fd, void *to, size_t size)
{
    char *next = to;
    while (size > 0) {
        errno = 0;
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

bool channel_write(int fd, const void *from, size_t size)
{
    const char *next = from;
    while (size > 0) {
        ssize_t done = write(fd, next, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        next += done;
        size -= (size_t)done;
    }
    return true;
}
