#include "queue.h"

#include <stddef.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "virtio is little endian, and nothing here converts");
_Static_assert(sizeof(struct descriptor) == 16 && sizeof(struct used_element) == 8, "as virtio has them");

enum { HAS_NEXT = 1, FOR_WRITING = 2, IS_TABLE = 4 }; /* flags of a descriptor */
enum { NO_INTERRUPT = 1, NO_NOTIFY = 1 }; /* flags of the available and of the used ring */

void queue_init(struct queue *queue)
{
    *queue = (struct queue){.kick = -1, .call = -1, .error = -1};
}

const char *queue_locate(struct queue *queue, const struct memory *memory)
{
    queue->descriptors = NULL;
    if (!queue->addressed || queue->size == 0 || memory->count == 0)
        return NULL; /* not everything is told yet */
    uint64_t size = queue->size;
    void *descriptors = memory_of_front(memory, queue->descriptors_at, size * sizeof(struct descriptor));
    queue->available = memory_of_front(memory, queue->available_at, 6 + size * 2);
    queue->used = memory_of_front(memory, queue->used_at, 6 + size * sizeof(struct used_element));
    if (!descriptors || !queue->available || !queue->used)
        return "a ring is not in the memory that is shared";
    if ((uintptr_t)descriptors % 16 || (uintptr_t)queue->available % 2 || (uintptr_t)queue->used % 4)
        return "a ring is not aligned";
    queue->descriptors = descriptors;
    return NULL;
}

bool queue_runs(const struct queue *queue)
{
    return queue->descriptors && queue->enabled && queue->kick >= 0 && !queue->broken;
}

void queue_break(struct queue *queue, const char *why)
{
    queue->broken = why;
    if (queue->error >= 0) {
        uint64_t one = 1;
        (void)!write(queue->error, &one, sizeof one);
    }
}

static struct descriptor copy_of(const struct descriptor *shared)
{
    return (struct descriptor){
        __atomic_load_n(&shared->address, __ATOMIC_RELAXED), __atomic_load_n(&shared->length, __ATOMIC_RELAXED),
        __atomic_load_n(&shared->flags, __ATOMIC_RELAXED), __atomic_load_n(&shared->next, __ATOMIC_RELAXED)};
}

/* What is wrong with a descriptor, or NULL when its range is among the chain's slices. */
static const char *add(struct chain *chain, const struct memory *memory, const struct descriptor *part,
                       enum chain_use use)
{
    if (!!(part->flags & FOR_WRITING) != (use == DEVICE_WRITES))
        return "a buffer is for the other direction";
    int added = memory_slices(memory, part->address, part->length, chain->slices + chain->count,
                              CHAIN_SLICES - chain->count);
    if (added < 0)
        return "a buffer is not in the guest's memory, or has too many parts";
    chain->count += (unsigned)added;
    chain->length += part->length;
    return NULL;
}

/* An indirect table: a chain within a chain (2.7.5.3), read from the guest one copied descriptor at a time. */
static const char *add_table(struct chain *chain, const struct memory *memory, const struct descriptor *table,
                             enum chain_use use)
{
    uint32_t entries = table->length / sizeof(struct descriptor);
    if (table->flags & HAS_NEXT || table->length % sizeof(struct descriptor) || entries == 0)
        return "an indirect table is malformed";
    uint32_t index = 0;
    for (uint32_t steps = 0; steps < entries; steps++) {
        struct descriptor part;
        if (!memory_read(memory, table->address + (uint64_t)index * sizeof part, &part, sizeof part))
            return "an indirect table is not in the guest's memory";
        if (part.flags & IS_TABLE)
            return "an indirect table is inside another";
        const char *wrong = add(chain, memory, &part, use);
        if (wrong || !(part.flags & HAS_NEXT))
            return wrong;
        if ((index = part.next) >= entries)
            return "an indirect table leads out of itself";
    }
    return "an indirect table goes in circles";
}

static const char *follow(const struct queue *queue, const struct memory *memory, enum chain_use use,
                          struct chain *chain)
{
    uint32_t index = chain->head;
    for (uint32_t steps = 0; steps < queue->size; steps++) {
        if (index >= queue->size)
            return "a chain leads out of its queue";
        struct descriptor part = copy_of(&queue->descriptors[index]);
        if (part.flags & IS_TABLE)
            return add_table(chain, memory, &part, use);
        const char *wrong = add(chain, memory, &part, use);
        if (wrong || !(part.flags & HAS_NEXT))
            return wrong;
        index = part.next;
    }
    return "a chain goes in circles";
}

bool queue_take(struct queue *queue, const struct memory *memory, enum chain_use use, struct chain *chain)
{
    if (!queue_runs(queue))
        return false;
    uint16_t ahead = (uint16_t)(__atomic_load_n(&queue->available[1], __ATOMIC_ACQUIRE) - queue->next);
    if (ahead == 0)
        return false;
    if (ahead > queue->size) {
        queue_break(queue, "more chains are available than a queue can hold");
        return false;
    }
    chain->head = __atomic_load_n(&queue->available[2 + queue->next % queue->size], __ATOMIC_RELAXED);
    chain->count = 0;
    chain->length = 0;
    const char *wrong = follow(queue, memory, use, chain);
    if (wrong) {
        queue_break(queue, wrong);
        return false;
    }
    queue->next++;
    return true;
}

void queue_return(struct queue *queue)
{
    queue->next--;
}

void queue_give(struct queue *queue, const struct chain *chain, uint32_t written)
{
    struct used_element *ring = (struct used_element *)(void *)(queue->used + 2);
    uint16_t index = __atomic_load_n(&queue->used[1], __ATOMIC_RELAXED);
    ring[index % queue->size] = (struct used_element){chain->head, written};
    __atomic_store_n(&queue->used[1], (uint16_t)(index + 1), __ATOMIC_RELEASE);
}

void queue_interrupt(struct queue *queue)
{
    if (!queue_runs(queue) || queue->call < 0)
        return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the index is out before the guest's wish is read (2.7.7.2) */
    if (!(__atomic_load_n(&queue->available[0], __ATOMIC_RELAXED) & NO_INTERRUPT)) {
        uint64_t one = 1;
        (void)!write(queue->call, &one, sizeof one); /* EAGAIN: it is at its limit, and so rings already */
    }
}

void queue_mute(struct queue *queue, bool mute)
{
    if (!queue_runs(queue))
        return;
    __atomic_store_n(&queue->used[0], mute ? NO_NOTIFY : 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the wish is out before anybody looks again (2.7.10.1) */
}
