/*
 * What a guest, its front-end and programs of the host may do to the device: whatever it is, the device returns.
 *
 * The input is read as a small program, an operation a byte. The guest's memory has poison beside it, so that a sanitizer
 * sees a byte that is not in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "device.h"
#include "front.h"
#include "guest.h"

enum { CID = 3, PORTS = 2, CLIENTS = 4, MOST_CONNECTIONS = 16, OPERATIONS_MOST = 400, BUFFERS_AT = 0x800, SLOT = 0x200 };
enum { KICK, CALL, ERROR, EVENTS };

struct input {
    const uint8_t *data;
    size_t size;
};

struct bench {
    struct device device;
    struct front front;
    int said; /* our end of the front-end's socket */
    int events[QUEUES][EVENTS];
    int clients[CLIENTS]; /* sockets of programs of the host, or -1 */
};

static char folder[] = "/tmp/vb-vsock-fuzz-XXXXXX", path[64];
static const char *const SUFFIXES[PORTS] = {"_1", "_2"};
static int listeners[PORTS];

static uint32_t take(struct input *from, size_t bytes)
{
    uint32_t value = 0;
    for (size_t i = 0; i < bytes && from->size > 0; i++, from->data++, from->size--)
        value = value << 8 | *from->data;
    return value;
}

/* Most numbers are small; some are anything. */
static uint32_t take_number(struct input *from, uint32_t few)
{
    uint32_t first = take(from, 1);
    return first < 240 ? first % few : take(from, 4);
}

/* Where something is in the guest: often across the border of its regions, or over its end. */
static uint32_t take_place(struct input *from, uint32_t usual)
{
    uint32_t kind = take(from, 1);
    if (kind >= 96)
        return usual;
    return (kind < 64 ? GUEST_BORDER : GUEST_BYTES) - take(from, 1) % 128;
}

static void check(bool right)
{
    if (!right)
        abort();
}

static void find(const char *suffix, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(address->sun_path, sizeof address->sun_path, "%s%s", path, suffix);
}

static int unix_socket(const char *suffix, struct sockaddr_un *address)
{
    find(suffix, address);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void remove_ports(void)
{
    for (int i = 0; i < PORTS; i++) {
        struct sockaddr_un address;
        find(SUFFIXES[i], &address);
        (void)unlink(address.sun_path);
    }
    (void)rmdir(folder);
}

static void open_ports(void)
{
    check(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/s", folder);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)atexit(remove_ports);
    for (int i = 0; i < PORTS; i++) {
        struct sockaddr_un address;
        listeners[i] = unix_socket(SUFFIXES[i], &address);
        check(bind(listeners[i], (struct sockaddr *)&address, sizeof address) == 0 && listen(listeners[i], 64) == 0);
    }
}

static void turn(struct bench *bench)
{
    static struct message unread;
    loop_turn(bench->device.loop, 0);
    guest_guard(&bench->device.memory);
    device_work(&bench->device); /* also after a front-end that made no sense, as main does */
    guest_unguard(&bench->device.memory);
    while (recv(bench->said, &unread, sizeof unread, MSG_DONTWAIT) > 0)
        continue;
}

static void say(struct bench *bench, uint32_t request, const void *payload, uint32_t size, const int *fds, size_t count)
{
    struct message message = {.request = request, .flags = MESSAGE_VERSION, .size = size};
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(sizeof(int) * (MESSAGE_FDS + 1))];
    } control;
    struct iovec slices[] = {{&message, MESSAGE_HEADER}, {(void *)payload, size}};
    struct msghdr sent = {.msg_iov = slices, .msg_iovlen = 2};
    if (count > 0) {
        sent.msg_control = control.bytes;
        sent.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&sent);
        *rights = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int) * count), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * count);
    }
    (void)sendmsg(bench->said, &sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    turn(bench);
}

static void start_queue(struct bench *bench, unsigned index)
{
    static const uint8_t empty[0x200];
    static const uint32_t requests[EVENTS] = {SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR};
    uint64_t front = GUEST_REGIONS[0].front + guest_ring(index), number = index;
    struct vring_address address = {.index = index,
                                    .descriptors = front + GUEST_DESCRIPTORS,
                                    .used = front + GUEST_USED,
                                    .available = front + GUEST_AVAILABLE};
    guest_write(guest_ring(index), empty, sizeof empty);
    say(bench, SET_VRING_NUM, &(struct vring_state){index, GUEST_QUEUE_SIZE}, sizeof(struct vring_state), NULL, 0);
    say(bench, SET_VRING_BASE, &(struct vring_state){index, 0}, sizeof(struct vring_state), NULL, 0);
    say(bench, SET_VRING_ADDR, &address, sizeof address, NULL, 0);
    for (int i = 0; i < EVENTS; i++)
        say(bench, requests[i], &number, sizeof number, &bench->events[index][i], 1);
    say(bench, SET_VRING_ENABLE, &(struct vring_state){index, 1}, sizeof(struct vring_state), NULL, 0);
}

static void describe(unsigned queue, uint32_t index, struct descriptor descriptor)
{
    guest_write(guest_ring(queue) + GUEST_DESCRIPTORS + index % GUEST_QUEUE_SIZE * 16, &descriptor, 16);
}

static void push(struct bench *bench, unsigned queue, uint32_t head)
{
    uint32_t ring = guest_ring(queue) + GUEST_AVAILABLE;
    uint16_t index = guest_read16(ring + 2), next = (uint16_t)(index + 1), entry = (uint16_t)head;
    uint64_t one = 1;
    guest_write(ring + 4 + index % GUEST_QUEUE_SIZE * 2, &entry, 2);
    guest_write(ring + 2, &next, 2);
    (void)!write(bench->events[queue][KICK], &one, sizeof one);
}

/* A packet as a driver would send it, but for what the input says; its header and data in descriptors of their own. */
static void send_packet(struct bench *bench, struct input *from)
{
    uint32_t slot = take(from, 1) % (GUEST_QUEUE_SIZE / 2), at = take_place(from, BUFFERS_AT + slot * SLOT);
    struct header header = {.from_cid = CID, .to_cid = CID_HOST, .type = TYPE_STREAM};
    header.operation = (uint16_t)take_number(from, 9);
    header.from_port = take_number(from, 4);
    header.to_port = take_number(from, 4);
    header.flags = take_number(from, 4);
    header.length = header.operation == OP_RW ? take_number(from, SLOT - sizeof header) : 0;
    header.allocated = take(from, 1) << 12;
    header.forwarded = take_number(from, 8);
    guest_write(at, &header, sizeof header);
    uint16_t both = header.length ? 1 : 0;
    describe(QUEUE_FROM_GUEST, slot * 2, (struct descriptor){at, sizeof header, both, (uint16_t)(slot * 2 + 1)});
    describe(QUEUE_FROM_GUEST, slot * 2 + 1, (struct descriptor){at + sizeof header, header.length, 0, 0});
    push(bench, QUEUE_FROM_GUEST, slot * 2);
}

static void offer_buffer(struct bench *bench, struct input *from)
{
    uint32_t index = take(from, 1), address = take_place(from, GUEST_BYTES / 2 + index % GUEST_QUEUE_SIZE * SLOT);
    describe(QUEUE_TO_GUEST, index, (struct descriptor){address, take_number(from, SLOT), 2, 0});
    push(bench, QUEUE_TO_GUEST, index % GUEST_QUEUE_SIZE);
}

/* A descriptor of anything, or of an indirect table. */
static void describe_anything(struct input *from)
{
    unsigned queue = take(from, 1) % QUEUES, index = take(from, 1);
    struct descriptor descriptor = {.address = take_place(from, take_number(from, 240) * 128)};
    descriptor.length = take_number(from, 128);
    descriptor.flags = (uint16_t)take_number(from, 8);
    descriptor.next = (uint16_t)take_number(from, GUEST_QUEUE_SIZE + 1);
    if (take(from, 1) % 2)
        describe(queue, index, descriptor);
    else
        guest_write(BUFFERS_AT + index * 16, &descriptor, sizeof descriptor);
}

/* A message of the front-end's: any bytes, and descriptors of any kind. */
static void say_anything(struct bench *bench, struct input *from)
{
    union payload payload = {0};
    int kinds[] = {guest_file(), bench->events[0][KICK], bench->events[1][CALL], bench->said}, fds[MESSAGE_FDS + 1];
    uint32_t request = take_number(from, 26), size = take_number(from, 41), count = take(from, 1) % 16;
    for (uint32_t i = 0; i < sizeof payload && i < size; i++)
        ((uint8_t *)&payload)[i] = (uint8_t)take(from, 1);
    count = count > MESSAGE_FDS + 1 ? 0 : count;
    for (uint32_t i = 0; i < count; i++)
        fds[i] = kinds[take(from, 1) % 4];
    say(bench, request, &payload, size < sizeof payload ? size : sizeof payload, fds, count);
}

/* Other memory while queues run: the regions as they are, or one of them changed. */
static void say_memory(struct bench *bench, struct input *from)
{
    struct memory_table table = {.count = 2};
    int files[2] = {guest_file(), guest_file()};
    memcpy(table.regions, GUEST_REGIONS, sizeof GUEST_REGIONS);
    struct region_description *changed = &table.regions[take(from, 1) % 2];
    uint64_t *fields[] = {&changed->guest, &changed->size, &changed->front, &changed->offset};
    uint32_t which = take(from, 1) % 8;
    if (which < 4)
        *fields[which] = take_number(from, 64) * 256;
    say(bench, SET_MEM_TABLE, &table, offsetof(struct memory_table, regions) + sizeof GUEST_REGIONS, files, 2);
}

static void be_client(struct bench *bench, struct input *from)
{
    int *client = &bench->clients[take(from, 1) % CLIENTS];
    uint8_t bytes[256];
    size_t size = take(from, 1);
    switch (take(from, 1) % 6) {
    case 0: /* connect, and ask for a port */
    case 1: {
        struct sockaddr_un address;
        if (*client >= 0)
            close(*client);
        *client = unix_socket("", &address);
        (void)connect(*client, (struct sockaddr *)&address, sizeof address);
        int length = snprintf((char *)bytes, sizeof bytes, "CONNECT %u\n", take_number(from, 4));
        (void)send(*client, bytes, (size_t)length, MSG_NOSIGNAL);
        break;
    }
    case 2: /* take what the guest has opened */
        if (*client < 0)
            *client = accept4(listeners[size % PORTS], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        break;
    case 3:
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)take(from, 1);
        (void)!send(*client, bytes, size, MSG_NOSIGNAL);
        break;
    case 4:
        (void)!recv(*client, bytes, size, MSG_DONTWAIT);
        break;
    default:
        if (size % 2) {
            (void)shutdown(*client, size % 4 == 1 ? SHUT_WR : SHUT_RD);
        } else if (*client >= 0) {
            close(*client);
            *client = -1;
        }
    }
}

static void operate(struct bench *bench, struct input *from)
{
    switch (take(from, 1) % 13) {
    case 0:
        describe_anything(from);
        break;
    case 1:
        push(bench, take(from, 1) % QUEUES, take_number(from, GUEST_QUEUE_SIZE));
        break;
    case 2: { /* anywhere in the guest, rings included */
        uint32_t at = take(from, 2), value = take(from, 4);
        guest_write(at, &value, take(from, 1) % 5);
        break;
    }
    case 3:
        say_anything(bench, from);
        break;
    case 4: /* reset: both queues stop, and begin anew */
        for (unsigned i = 0; i < QUEUES; i++)
            say(bench, GET_VRING_BASE, &(struct vring_state){i, 0}, sizeof(struct vring_state), NULL, 0);
        for (unsigned i = 0; i < QUEUES; i++)
            start_queue(bench, i);
        break;
    case 5:
    case 6:
        offer_buffer(bench, from);
        break;
    case 7:
    case 8:
        send_packet(bench, from);
        break;
    case 9:
    case 10:
        be_client(bench, from);
        break;
    case 11:
        say_memory(bench, from);
        break;
    default:
        break;
    }
    if (take(from, 1) % 4)
        turn(bench);
}

static void bench_open(struct bench *bench)
{
    static const uint64_t features = FEATURE_VERSION_1 | FEATURE_INDIRECT | FEATURE_PROTOCOL;
    struct memory_table table = {.count = 2};
    int ends[2], files[2] = {guest_file(), guest_file()};
    memcpy(table.regions, GUEST_REGIONS, sizeof GUEST_REGIONS);
    guest_clear();
    check(device_open(&bench->device, CID, path, MOST_CONNECTIONS));
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    bench->said = ends[0];
    check(front_open(&bench->front, &bench->device, ends[1]));
    for (int i = 0; i < CLIENTS; i++)
        bench->clients[i] = -1;
    for (int i = 0; i < QUEUES * EVENTS; i++)
        bench->events[i / EVENTS][i % EVENTS] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    say(bench, SET_FEATURES, &features, sizeof features, NULL, 0);
    say(bench, SET_MEM_TABLE, &table, offsetof(struct memory_table, regions) + sizeof GUEST_REGIONS, files, 2);
    for (unsigned i = 0; i < QUEUES; i++)
        start_queue(bench, i);
    check(queue_runs(&bench->device.queues[0]) && queue_runs(&bench->device.queues[1]));
}

static void bench_close(struct bench *bench)
{
    front_close(&bench->front);
    device_close(&bench->device);
    check(bench->device.connections.count == 0 && bench->device.connections.waiting == 0);
    close(bench->said);
    for (int i = 0; i < CLIENTS; i++)
        if (bench->clients[i] >= 0)
            close(bench->clients[i]);
    for (int i = 0; i < QUEUES; i++) {
        int kept[] = {bench->device.queues[i].kick, bench->device.queues[i].call, bench->device.queues[i].error};
        for (int j = 0; j < EVENTS; j++) {
            close(bench->events[i][j]);
            if (kept[j] >= 0)
                close(kept[j]);
        }
    }
    for (int i = 0; i < PORTS; i++) /* who was not taken is not the next input's */
        for (int fd; (fd = accept(listeners[i], NULL, NULL)) >= 0;)
            close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bench bench;
    struct input from = {data, size};
    if (!path[0])
        open_ports();
    bench_open(&bench);
    for (int i = 0; i < OPERATIONS_MOST && from.size > 0 && !bench.front.ended; i++)
        operate(&bench, &from);
    turn(&bench);
    bench_close(&bench);
    return 0;
}
