/* vb-watch: what a guest's kernel tells of its devices, a line each, flushed at once, until standard input ends.

   Nothing is polled: a line leaves when the kernel has spoken, so that whoever reads it can time it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FINE = 0, FAILED = 1, MISUSED = 2 };
enum { KERNEL_GROUP = 1, MESSAGE_BYTES = 8192, QUEUE_BYTES = 1 << 20, EVENTS = 64 };

typedef bool tell_fn(int fd);

static const char USAGE[] = "usage: vb-watch uevents         ACTION SUBSYSTEM DEVPATH KEY=VALUE… of each\n"
                            "       vb-watch input DEVICE    TYPE CODE VALUE of each, as in linux/input.h\n";

static int failed(const char *what)
{
    fprintf(stderr, "vb-watch: %s: %s\n", what, strerror(errno));
    return FAILED;
}

static const char *value_of(const char *message, size_t size, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = message; at < message + size; at += strlen(at) + 1)
        if (strncmp(at, key, length) == 0 && at[length] == '=')
            return at + length + 1;
    return "-";
}

/* A uevent is "ACTION@DEVPATH" and then KEY=VALUE, each with a NUL at its end (Linux: lib/kobject_uevent.c). */
static bool tell_uevent(int fd)
{
    char message[MESSAGE_BYTES];
    struct sockaddr_nl from = {0};
    socklen_t from_size = sizeof from;
    ssize_t got = recvfrom(fd, message, sizeof message - 1, 0, (struct sockaddr *)&from, &from_size);
    if (got <= 0)
        return got < 0 && (errno == EINTR || errno == ENOBUFS);
    if (from.nl_pid != 0) /* not the kernel */
        return true;
    size_t size = (size_t)got;
    message[size] = '\0';
    printf("%s %s %s", value_of(message, size, "ACTION"), value_of(message, size, "SUBSYSTEM"),
           value_of(message, size, "DEVPATH"));
    static const char *const KEYS[] = {"DEVTYPE", "DEVNAME", "INTERFACE", "DISK_MEDIA_CHANGE", "DISK_EJECT_REQUEST"};
    for (size_t each = 0; each < sizeof KEYS / sizeof *KEYS; each++) {
        const char *value = value_of(message, size, KEYS[each]);
        if (strcmp(value, "-") != 0)
            printf(" %s=%s", KEYS[each], value);
    }
    return putchar('\n') != EOF && fflush(stdout) == 0;
}

static bool tell_input(int fd)
{
    struct input_event events[EVENTS];
    ssize_t got = read(fd, events, sizeof events);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    for (size_t each = 0; each < (size_t)got / sizeof *events; each++)
        printf("%u %u %d\n", events[each].type, events[each].code, events[each].value);
    return fflush(stdout) == 0;
}

static int open_uevents(void)
{
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT), size = QUEUE_BYTES;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    return fd;
}

/* Ends when nobody holds the other end of standard input any more, or when the device is gone. */
static int watch(int fd, tell_fn *tell)
{
    struct pollfd ends[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    puts("watching");
    if (fflush(stdout) != 0)
        return failed("stdout");
    while (poll(ends, 2, -1) > 0 || errno == EINTR) {
        if (ends[1].revents && !tell(fd))
            return FINE;
        char byte;
        if (ends[0].revents && read(STDIN_FILENO, &byte, 1) <= 0)
            return FINE;
    }
    return failed("poll");
}

int main(int count, char **words)
{
    bool uevents = count == 2 && strcmp(words[1], "uevents") == 0;
    if (!uevents && !(count == 3 && strcmp(words[1], "input") == 0)) {
        fputs(USAGE, stderr);
        return MISUSED;
    }
    int fd = uevents ? open_uevents() : open(words[2], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(words[count - 1]);
    return watch(fd, uevents ? tell_uevent : tell_input);
}
