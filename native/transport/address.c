#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

/* What stands before the port, `length` bytes of it, as an address; false, with errno EINVAL. */
static bool parse_tcp(const char *host, size_t length, unsigned long port, struct sockaddr_in *address)
{
    char name[INET_ADDRSTRLEN] = "";
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    if (length < sizeof name)
        memcpy(name, host, length);
    errno = EINVAL;
    return inet_pton(AF_INET, name, &address->sin_addr) == 1;
}

/* The port behind the last colon; false, with errno EINVAL. */
static bool parse_port(const char *where, const char **colon, unsigned long *port)
{
    char *end = NULL;
    *colon = strrchr(where, ':');
    errno = EINVAL;
    if (!*colon || (*colon)[1] < '0' || (*colon)[1] > '9')
        return false;
    *port = strtoul(*colon + 1, &end, 10);
    return *end == '\0';
}

static bool is_tcp(const char *where, const char *colon, unsigned long port)
{
    return strncmp(where, "tcp:", 4) == 0 && colon > where + 4 && port <= PORT_MAX;
}

static int listen_tcp(const char *host, size_t length, unsigned long port)
{
    struct sockaddr_in address;
    if (!parse_tcp(host, length, port, &address))
        return -1;
    return listen_at(AF_INET, &address, sizeof address);
}

int address_connect_tcp(const char *where)
{
    struct sockaddr_in address;
    const char *colon;
    unsigned long port;
    if (!parse_port(where, &colon, &port) || !is_tcp(where, colon, port) ||
        !parse_tcp(where + 4, (size_t)(colon - where - 4), port, &address))
        return -1;
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0)
        return -1;
    bool done = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
                connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    return done ? fd : failed(fd);
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
    const char *colon;
    unsigned long port;
    if (!parse_port(where, &colon, &port))
        return -1;
    if (strncmp(where, "vsock:", 6) == 0 && colon == where + 5 && port > 0 && port < UINT32_MAX)
        return listen_vsock(port);
    if (is_tcp(where, colon, port))
        return listen_tcp(where + 4, (size_t)(colon - where - 4), port);
    return -1;
}
