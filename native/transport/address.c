#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/vm_sockets.h>
#endif

enum { BACKLOG = 128, PORT_MAX = 65535 };

static int failed(int fd)
{
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int listen_at(int family, const void *address, socklen_t size)
{
    int fd = socket(family, SOCK_STREAM, 0), on = 1;
    if (fd < 0)
        return -1;
    bool bound = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(fd, address, size) == 0;
    return bound && listen(fd, BACKLOG) == 0 ? fd : failed(fd);
}

static int listen_tcp(const char *host, size_t length, unsigned long port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    char name[INET_ADDRSTRLEN] = "";
    if (length < sizeof name)
        memcpy(name, host, length);
    if (inet_pton(AF_INET, name, &address.sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    return listen_at(AF_INET, &address, sizeof address);
}

unsigned address_port(int listener)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    bool known = getsockname(listener, (struct sockaddr *)&address, &size) == 0 && address.sin_family == AF_INET;
    return known ? ntohs(address.sin_port) : 0;
}

static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    return listen_at(AF_UNIX, &address, sizeof address);
}

#ifdef __linux__
static int listen_vsock(unsigned long port)
{
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = (unsigned)port};
    return listen_at(AF_VSOCK, &address, sizeof address);
}

int address_connect(unsigned port)
{
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : failed(fd);
}
#else
static int listen_vsock(unsigned long port)
{
    (void)port;
    errno = EAFNOSUPPORT;
    return -1;
}

int address_connect(unsigned port)
{
    return listen_vsock(port);
}
#endif

int address_listen(const char *where)
{
    if (strncmp(where, "unix:", 5) == 0)
        return listen_unix(where + 5);
    const char *colon = strrchr(where, ':');
    char *end = NULL;
    errno = EINVAL;
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return -1;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != '\0')
        return -1;
    if (strncmp(where, "vsock:", 6) == 0 && colon == where + 5 && port > 0 && port < UINT32_MAX)
        return listen_vsock(port);
    if (strncmp(where, "tcp:", 4) == 0 && colon > where + 4 && port <= PORT_MAX)
        return listen_tcp(where + 4, (size_t)(colon - where - 4), port);
    return -1;
}
