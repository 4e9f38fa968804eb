#include "connection.h"

#include <stdlib.h>
#include <unistd.h>

#include "device.h"

enum { FIRST_HOST_PORT = 1 << 30, CREDITS_IN_WINDOW = 4 };

void connections_init(struct connections *connections, unsigned most)
{
    *connections = (struct connections){.next_host_port = FIRST_HOST_PORT, .most = most};
    connections->last_ready = &connections->first_ready;
}

struct connection *connection_new(struct device *device, int fd, enum stage stage)
{
    struct connections *connections = &device->connections;
    if (connections->count >= connections->most)
        return NULL;
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->source.fd = fd;
    connection->device = device;
    connection->stage = stage;
    connection->next = connections->all;
    connection->to_this = &connections->all;
    if (connection->next)
        connection->next->to_this = &connection->next;
    connections->all = connection;
    connections->count++;
    return connection;
}

static unsigned bucket_of(uint32_t guest_port, uint32_t host_port)
{
    uint32_t mixed = (guest_port ^ (host_port * 0x9E3779B1U)) * 0x85EBCA6BU;
    return (mixed ^ (mixed >> 15)) % BUCKETS;
}

struct connection *connection_find(const struct connections *connections, uint32_t guest_port, uint32_t host_port)
{
    struct connection *found = connections->buckets[bucket_of(guest_port, host_port)];
    while (found && (found->guest_port != guest_port || found->host_port != host_port))
        found = found->next_in_bucket;
    return found;
}

void connection_enter(struct connection *connection)
{
    struct connection **bucket =
        &connection->device->connections.buckets[bucket_of(connection->guest_port, connection->host_port)];
    connection->next_in_bucket = *bucket;
    *bucket = connection;
}

void connection_leave(struct connection *connection)
{
    struct connection **link =
        &connection->device->connections.buckets[bucket_of(connection->guest_port, connection->host_port)];
    while (*link && *link != connection)
        link = &(*link)->next_in_bucket;
    if (*link)
        *link = connection->next_in_bucket;
}

uint32_t connection_free_port(struct connections *connections, uint32_t guest_port)
{
    do {
        if (++connections->next_host_port < FIRST_HOST_PORT || connections->next_host_port == UINT32_MAX)
            connections->next_host_port = FIRST_HOST_PORT; /* the last of all is VMADDR_PORT_ANY */
    } while (connection_find(connections, guest_port, connections->next_host_port));
    return connections->next_host_port;
}

void connection_line_up(struct connection *connection)
{
    struct connections *connections = &connection->device->connections;
    if (connection->in_line || connection->stage == BURIED)
        return;
    connection->in_line = true;
    connection->next_ready = NULL;
    connection->to_this_ready = connections->last_ready;
    *connections->last_ready = connection;
    connections->last_ready = &connection->next_ready;
}

static void out_of_line(struct connection *connection)
{
    if (!connection->in_line)
        return;
    *connection->to_this_ready = connection->next_ready;
    if (connection->next_ready)
        connection->next_ready->to_this_ready = connection->to_this_ready;
    else
        connection->device->connections.last_ready = connection->to_this_ready;
    connection->in_line = false;
}

struct connection *connection_next(struct connections *connections)
{
    struct connection *next = connections->first_ready;
    if (next)
        out_of_line(next);
    return next;
}

void connection_hang_up(struct connection *connection)
{
    if (connection->source.fd >= 0) {
        close(connection->source.fd); /* which also takes it out of the loop */
        connection->source.fd = -1;
    }
    connection->readable = connection->blocked = false;
    connection->device->connections.waiting -= connection->backlog.length;
    backlog_free(&connection->backlog);
}

void connection_bury(struct connection *connection)
{
    struct connections *connections = &connection->device->connections;
    if (connection->stage == BURIED)
        return;
    connection_leave(connection);
    connection_hang_up(connection);
    out_of_line(connection);
    connection->stage = BURIED;
    *connection->to_this = connection->next;
    if (connection->next)
        connection->next->to_this = connection->to_this;
    connection->next = connections->buried;
    connections->buried = connection;
    connections->count--;
}

void connections_bury_all(struct connections *connections)
{
    while (connections->all)
        connection_bury(connections->all);
}

void connections_sweep(struct connections *connections)
{
    while (connections->buried) {
        struct connection *buried = connections->buried;
        connections->buried = buried->next;
        free(buried);
    }
}

uint32_t connection_credit(const struct connection *connection)
{
    uint32_t under_way = connection->sent - connection->peer_forwarded;
    return under_way < connection->peer_allocated ? connection->peer_allocated - under_way : 0;
}

bool connection_wants_credit(const struct connection *connection)
{
    uint32_t window = connection->peer_allocated < WINDOW ? connection->peer_allocated : WINDOW;
    uint32_t news = connection->forwarded - connection->announced;
    return news > 0 && news >= window / CREDITS_IN_WINDOW;
}
