/* Memory latency: follow pointers from cache line to cache line through 32 MiB, in an order no prefetcher guesses.
 *
 * The order is a linear congruential generator of full period over the lines' numbers, so each line is visited once a
 * lap, and the line reached after n steps is known. Nearly every load also misses the TLB: a guest's two-dimensional
 * page walks show here. */
#include "kernel.h"
#include "recurrence.h"

#include <stdlib.h>

enum { LINES = 1 << 19, LOADS = 1000 };

struct line {
    struct line *next;
    char rest[64 - sizeof(struct line *)];
};

struct latency {
    struct line *lines, *at;
    uint64_t first;
};

/* Numerical Recipes' constants: increment odd and multiplier = 1 modulo 4 give the full period modulo 2^19. */
static const struct lcg ORDER = {1664525, 1013904223};

static void *open_latency(uint64_t seed)
{
    struct latency *state = allocate(sizeof *state);
    state->lines = map_pages(LINES * sizeof(struct line));
    for (uint64_t i = 0; i < LINES; i++)
        state->lines[i].next = &state->lines[lcg_step(ORDER, i) % LINES];
    state->first = seed % LINES;
    state->at = &state->lines[state->first];
    return state;
}

static void run_latency(void *opaque, uint64_t iterations)
{
    struct latency *state = opaque;
    const struct line *at = state->at;
    for (uint64_t i = 0; i < iterations; i++)
        for (int load = 0; load < LOADS; load++)
            at = at->next;
    state->at = (struct line *)at;
    barrier(state);
}

static struct answer check_latency(void *opaque, uint64_t total)
{
    const struct latency *state = opaque;
    return (struct answer){(uint64_t)(state->at - state->lines), lcg_jump(ORDER, state->first, total * LOADS) % LINES};
}

static void close_latency(void *opaque)
{
    struct latency *state = opaque;
    unmap_pages(state->lines, LINES * sizeof(struct line));
    free(state);
}

const struct kernel memory_latency_kernel = {
    .name = "pointer-chasing",
    .unit = "loads/s",
    .per_iteration = LOADS,
    .what = "dependent loads, one cache line each, all over 32 MiB",
    .open = open_latency,
    .run = run_latency,
    .check = check_latency,
    .close = close_latency,
};
