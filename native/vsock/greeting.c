#include "greeting.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "device.h"

static const char VERB[] = "CONNECT ";

/* The port of a whole greeting; 0, which is nobody's, for any other text. */
static uint32_t parse(const char *text, unsigned length)
{
    uint64_t port = 0;
    unsigned at = sizeof VERB - 1;
    if (length <= at + 1 || memcmp(text, VERB, at) != 0)
        return 0;
    for (; at < length - 1; at++) {
        if (text[at] < '0' || text[at] > '9')
            return 0;
        port = port * 10 + (uint64_t)(text[at] - '0');
        if (port >= UINT32_MAX)
            return 0;
    }
    return (uint32_t)port;
}

static void ask_guest(struct connection *connection)
{
    struct device *device = connection->device;
    uint32_t port = parse(connection->greeting, connection->greeted);
    if (port == 0 || !queue_runs(&device->queues[QUEUE_TO_GUEST]) || !queue_runs(&device->queues[QUEUE_FROM_GUEST])) {
        connection_bury(connection);
        return;
    }
    connection->guest_port = port;
    connection->host_port = connection_free_port(&device->connections, port);
    connection->stage = REQUESTED;
    connection->owes = OWES_REQUEST;
    connection_enter(connection);
    connection_line_up(connection);
}

void greeting_read(struct connection *connection)
{
    char *text = connection->greeting;
    while (connection->greeted < GREETING_MOST) {
        ssize_t seen = recv(connection->source.fd, text + connection->greeted, GREETING_MOST - connection->greeted,
                            MSG_PEEK | MSG_DONTWAIT);
        if (seen < 0 && errno == EAGAIN && !connection->ended)
            return;
        if (seen <= 0)
            break;
        char *end = memchr(text + connection->greeted, '\n', (size_t)seen);
        size_t ours = end ? (size_t)(end + 1 - text) - connection->greeted : (size_t)seen;
        if (recv(connection->source.fd, text + connection->greeted, ours, MSG_DONTWAIT) != (ssize_t)ours)
            break;
        connection->greeted += (unsigned)ours;
        if (end) {
            ask_guest(connection);
            return;
        }
    }
    connection_bury(connection);
}
