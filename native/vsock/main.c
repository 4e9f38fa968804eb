/* A vhost-user-vsock device: AF_VSOCK for the guest of any VMM that speaks vhost-user, without the kernel's vhost.
   It lives as long as its front-end does. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "device.h"
#include "front.h"
#include "options.h"

enum { FINE = 0, FAILED = 1, MISUSED = 2 };
enum { MOST_CONNECTIONS = 4096, OTHER_DESCRIPTORS = 32 };

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "vb-vsock: %s: %s\n", what, why);
    return FAILED;
}

/* The first front-end to connect; -1. */
static int accept_front(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = -1;
    if (listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0) {
        if (listen(listener, 1) == 0)
            fd = accept(listener, NULL, NULL);
        (void)unlink(path);
    }
    if (listener >= 0)
        close(listener);
    return fd;
}

/* Every connection is a descriptor: ask for as many as the system gives, and promise no more. */
static unsigned most_connections(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return OTHER_DESCRIPTORS;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur <= 2 * OTHER_DESCRIPTORS)
        return OTHER_DESCRIPTORS;
    return limit.rlim_cur >= MOST_CONNECTIONS + OTHER_DESCRIPTORS ? MOST_CONNECTIONS
                                                                 : (unsigned)limit.rlim_cur - OTHER_DESCRIPTORS;
}

static int serve(struct device *device, int fd)
{
    struct front front;
    if (!front_open(&front, device, fd))
        return complain("the front-end's socket", strerror(errno));
    while (!front.ended) {
        loop_turn(device->loop, device_patience_ms(device));
        device_work(device);
    }
    const char *wrong = front.wrong;
    front_close(&front);
    return wrong ? complain("the front-end sent", wrong) : FINE;
}

int main(int count, char **words)
{
    static struct device device;
    struct options options;
    const char *misuse = options_parse(&options, count, words);
    if (misuse) {
        fprintf(stderr, "vb-vsock: %s\n%s", misuse, USAGE);
        return MISUSED;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (!device_open(&device, options.cid, options.path, most_connections()))
        return complain(options.path, strerror(errno));
    int fd = options.front >= 0 ? options.front : accept_front(options.listen);
    int status = fd < 0 ? complain(options.listen, strerror(errno)) : serve(&device, fd);
    device_close(&device);
    return status;
}
