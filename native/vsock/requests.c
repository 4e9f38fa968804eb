#include "requests.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "device.h"

static const uint64_t FEATURES = FEATURE_VERSION_1 | FEATURE_INDIRECT | FEATURE_PROTOCOL;
static const uint64_t PROTOCOL = PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_CONFIG;
static const char NO_SUCH_QUEUE[] = "a queue that a vsock device does not have";
static const char TOO_SHORT[] = "a message that is too short";

static void stop(struct device *device, unsigned index)
{
    struct queue *queue = &device->queues[index];
    if (index == QUEUE_FROM_GUEST && device->uninterrupted) {
        queue_interrupt(queue); /* a paused guest must not lose it */
        device->uninterrupted = 0;
    }
    if (queue->kick >= 0) {
        loop_remove(device->loop, &device->kicks[index]);
        close(queue->kick);
    }
    queue->kick = device->kicks[index].fd = -1;
    queue->broken = NULL;
}

/* Every queue, also after one that is wrong: none may go on in memory that is not mapped any more. */
static const char *relocate(struct device *device)
{
    const char *wrong = NULL;
    for (unsigned i = 0; i < QUEUES; i++) {
        const char *this_one = queue_locate(&device->queues[i], &device->memory);
        wrong = wrong ? wrong : this_one;
    }
    return wrong;
}

static const char *set_memory(struct device *device, struct message *message)
{
    const struct memory_table *table = &message->payload.memory;
    if (table->count != message->fd_count)
        return "memory regions without a descriptor each";
    if (message->size < offsetof(struct memory_table, regions) + table->count * sizeof table->regions[0])
        return TOO_SHORT;
    const char *unmapped = memory_map(&device->memory, table->regions, message->fds, table->count);
    const char *misplaced = relocate(device);
    return unmapped ? unmapped : misplaced;
}

static const char *set_size(struct queue *queue, const struct message *message)
{
    uint32_t size = message->payload.state.number;
    if (size == 0 || size > QUEUE_MOST || size & (size - 1))
        return "a queue whose size is no power of two up to 32768";
    queue->size = size;
    queue->descriptors = NULL; /* until it has an address again */
    queue->addressed = false;
    return NULL;
}

static const char *set_address(struct device *device, struct queue *queue, const struct message *message)
{
    const struct vring_address *address = &message->payload.address;
    queue->descriptors_at = address->descriptors;
    queue->available_at = address->available;
    queue->used_at = address->used;
    queue->addressed = true;
    return queue_locate(queue, &device->memory);
}

/* A queue that went on and now begins at 0 belongs to a guest that was reset; a paused guest goes on where it was. */
static const char *set_base(struct device *device, struct queue *queue, const struct message *message)
{
    uint32_t base = message->payload.state.number;
    if (base > UINT16_MAX)
        return "an index that no split queue has";
    if (base == 0 && queue->next != 0)
        device_forget(device);
    queue->next = (uint16_t)base;
    return NULL;
}

static void get_base(struct device *device, unsigned index, struct message *message)
{
    stop(device, index);
    message->payload.state = (struct vring_state){index, device->queues[index].next};
    message->size = sizeof message->payload.state;
}

/* The one descriptor of the message, or -1 when it says that there is none. */
static const char *take_fd(struct message *message, int *fd)
{
    *fd = -1;
    if (message->payload.number & VRING_NO_FD)
        return NULL;
    if (message->fd_count != 1)
        return "a message without its descriptor";
    *fd = message->fds[0];
    message->fds[0] = -1;
    return NULL;
}

static const char *set_kick(struct device *device, unsigned index, struct message *message)
{
    int fd;
    const char *wrong = take_fd(message, &fd);
    if (wrong)
        return wrong;
    stop(device, index);
    if (fd < 0)
        return "a queue without kicks, which would have to be polled";
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    device->queues[index].kick = device->kicks[index].fd = fd;
    if (!loop_add(device->loop, &device->kicks[index], EPOLLIN))
        return "a kick that is no eventfd";
    device->more_from_guest = true; /* it may have kicked before */
    return NULL;
}

static const char *set_event(int *event, struct message *message)
{
    int fd;
    const char *wrong = take_fd(message, &fd);
    if (wrong)
        return wrong;
    if (*event >= 0)
        close(*event);
    *event = fd;
    if (fd >= 0)
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return NULL;
}

static const char *get_config(const struct device *device, struct message *message)
{
    struct config_space *config = &message->payload.config;
    if (message->size < offsetof(struct config_space, bytes) || config->size > CONFIG_MOST ||
        message->size < offsetof(struct config_space, bytes) + config->size)
        return TOO_SHORT;
    memset(config->bytes, 0, config->size);
    for (uint32_t i = 0; i < config->size; i++)
        if (config->offset < sizeof device->cid && config->offset + i < sizeof device->cid)
            config->bytes[i] = ((const uint8_t *)&device->cid)[config->offset + i];
    return NULL;
}

static const char *set_features(struct device *device, uint64_t features)
{
    if (features & ~FEATURES)
        return "features that were not offered";
    if (!(features & FEATURE_PROTOCOL)) /* then queues are enabled from the beginning */
        for (unsigned i = 0; i < QUEUES; i++)
            device->queues[i].enabled = true;
    return NULL;
}

/* Messages about one queue; all begin with its number. */
static const char *about_queue(struct device *device, struct message *message, bool *answers)
{
    bool with_fd =
        message->request == SET_VRING_KICK || message->request == SET_VRING_CALL || message->request == SET_VRING_ERR;
    unsigned index = with_fd ? message->payload.number & VRING_INDEX : message->payload.state.index;
    if (index >= QUEUES)
        return NO_SUCH_QUEUE;
    struct queue *queue = &device->queues[index];
    switch (message->request) {
    case SET_VRING_NUM:
        return set_size(queue, message);
    case SET_VRING_ADDR:
        return message->size < sizeof message->payload.address ? TOO_SHORT : set_address(device, queue, message);
    case SET_VRING_BASE:
        return set_base(device, queue, message);
    case GET_VRING_BASE:
        get_base(device, index, message);
        *answers = true;
        return NULL;
    case SET_VRING_KICK:
        return set_kick(device, index, message);
    case SET_VRING_CALL:
        return set_event(&queue->call, message);
    case SET_VRING_ERR:
        return set_event(&queue->error, message);
    default:
        queue->enabled = message->payload.state.number != 0;
        device->more_from_guest = true;
        return NULL;
    }
}

static void answer_number(struct message *message, bool *answers, uint64_t number)
{
    message->payload.number = number;
    message->size = sizeof number;
    *answers = true;
}

const char *request_answer(struct device *device, struct message *message, bool *answers)
{
    bool numbered = message->size >= sizeof message->payload.number;
    switch (message->request) {
    case GET_FEATURES:
        answer_number(message, answers, FEATURES);
        return NULL;
    case GET_PROTOCOL_FEATURES:
        answer_number(message, answers, PROTOCOL);
        return NULL;
    case GET_QUEUE_NUM:
        answer_number(message, answers, QUEUES);
        return NULL;
    case SET_OWNER:
        return NULL;
    case RESET_OWNER:
        device_forget(device);
        return NULL;
    case GET_CONFIG:
        *answers = true;
        return get_config(device, message);
    case SET_FEATURES:
        return numbered ? set_features(device, message->payload.number) : TOO_SHORT;
    case SET_PROTOCOL_FEATURES:
        if (!numbered)
            return TOO_SHORT;
        return message->payload.number & ~PROTOCOL ? "features that were not offered" : NULL;
    case SET_MEM_TABLE:
        return numbered ? set_memory(device, message) : TOO_SHORT;
    case SET_VRING_NUM:
    case SET_VRING_ADDR:
    case SET_VRING_BASE:
    case GET_VRING_BASE:
    case SET_VRING_KICK:
    case SET_VRING_CALL:
    case SET_VRING_ERR:
    case SET_VRING_ENABLE:
        return numbered ? about_queue(device, message, answers) : TOO_SHORT;
    default:
        return "a message of a kind that was not agreed on";
    }
}
