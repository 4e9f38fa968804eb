/* One stream between a port of the guest and a unix socket of the host, and the table of all of them. */
#ifndef VB_VSOCK_CONNECTION_H
#define VB_VSOCK_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "backlog.h"
#include "loop.h"

enum {
    WINDOW = 1 << 20, /* bytes of a guest's that wait for one peer on the host; what credit is promised for */
    BUCKETS = 1024,
};

/* Bytes of a guest's that wait for all peers together: a guest cannot make the host hold more. */
#define MOST_WAITING ((size_t)64 << 20)

enum stage {
    GREETING, /* a client of the host has not said which port it wants */
    REQUESTED, /* the guest has not answered the client's request */
    ESTABLISHED,
    PARTED, /* the host's side is closed, the guest has not confirmed it; no descriptor any more */
    FLUSHING, /* the guest has forgotten it, the host still reads; not in the table any more */
    BURIED, /* to be freed when no event can name it any more */
};

/* Packets that the guest is owed, in the order in which they go. */
enum { OWES_RST = 1, OWES_REQUEST = 2, OWES_RESPONSE = 4, OWES_SHUTDOWN = 8, OWES_CREDIT = 16 };

enum { GREETING_MOST = 24 }; /* "CONNECT 4294967295\n" and a little */

struct device;

struct connection {
    struct source source; /* first: the loop knows it by this */
    struct device *device;
    struct connection *next_in_bucket, *next, **to_this, *next_ready, **to_this_ready;
    enum stage stage;
    uint32_t guest_port, host_port;
    bool in_line; /* among those that have something for the guest */
    bool readable; /* the socket may have bytes */
    bool ended; /* the socket's peer sends no more */
    bool gone; /* the socket's peer has closed */
    bool blocked; /* the socket takes no more for now */
    uint8_t owes;
    uint8_t host_done, guest_done; /* what each side will not do any more, as OP_SHUTDOWN's flags */
    uint32_t taken, forwarded, announced; /* bytes from the guest: accepted, passed on, and said to be */
    uint32_t sent, peer_allocated, peer_forwarded; /* bytes to the guest, and its credit */
    struct backlog backlog;
    char greeting[GREETING_MOST];
    unsigned greeted;
};

struct connections {
    struct connection *buckets[BUCKETS];
    struct connection *all, *buried;
    struct connection *first_ready, **last_ready;
    unsigned count, most;
    size_t waiting; /* bytes in all backlogs */
    uint32_t next_host_port;
};

void connections_init(struct connections *connections, unsigned most);

/* A connection that owns `fd` from now on; NULL when there are too many, and `fd` is still the caller's. */
struct connection *connection_new(struct device *device, int fd, enum stage stage);

struct connection *connection_find(const struct connections *connections, uint32_t guest_port, uint32_t host_port);

/* Enter it under its ports. */
void connection_enter(struct connection *connection);
void connection_leave(struct connection *connection);

/* A port of the host that no connection to this port of the guest has. */
uint32_t connection_free_port(struct connections *connections, uint32_t guest_port);

/* It has something for the guest. */
void connection_line_up(struct connection *connection);

/* The next in line, which is then not in line any more; NULL. */
struct connection *connection_next(struct connections *connections);

/* Close the socket; nothing when it is closed. */
void connection_hang_up(struct connection *connection);

/* Out of every list, its socket closed; it is freed by connections_sweep. */
void connection_bury(struct connection *connection);

void connections_bury_all(struct connections *connections);
void connections_sweep(struct connections *connections);

/* Bytes that the guest can still take. */
uint32_t connection_credit(const struct connection *connection);

/* Whether the guest should hear how much was forwarded before it runs out of credit. Linux uses no more of it than its
   own buffer is large, however much is promised. */
bool connection_wants_credit(const struct connection *connection);

#endif
