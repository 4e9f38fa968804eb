/* Memory bandwidth: STREAM's triad (J. McCalpin), one = two + 3 * three, over 60 MiB, on 64-bit integers.
 *
 * Integers, because an emulator's floating point would hide the memory. After a pass over the buffer the three arrays
 * change roles. Every array starts as a line (offset + slope * index), and stays one: so the sum of all elements is
 * known after any number of passes. Counted as STREAM does: 24 bytes an element, no write-allocate. */
#include "kernel.h"

#include <stdlib.h>

enum { ARRAYS = 3, TILE = 8192, TILES = 320, ELEMENTS = TILE * TILES };

struct line {
    uint64_t offset, slope;
};

struct bandwidth {
    uint64_t *arrays[ARRAYS];
    struct line start[ARRAYS];
    uint64_t pass;
    int next_tile;
};

static void *open_bandwidth(uint64_t seed)
{
    struct bandwidth *state = allocate(sizeof *state);
    for (int array = 0; array < ARRAYS; array++) {
        struct line line = {seed + (uint64_t)array, 2 * seed + 1 + (uint64_t)array};
        state->start[array] = line;
        state->arrays[array] = map_pages(ELEMENTS * sizeof(uint64_t));
        for (uint64_t i = 0; i < ELEMENTS; i++)
            state->arrays[array][i] = line.offset + line.slope * i;
    }
    return state;
}

static void triad(uint64_t *restrict one, const uint64_t *restrict two, const uint64_t *restrict three)
{
    for (int i = 0; i < TILE; i++)
        one[i] = two[i] + 3 * three[i];
}

static void run_bandwidth(void *opaque, uint64_t iterations)
{
    struct bandwidth *state = opaque;
    for (uint64_t i = 0; i < iterations; i++) {
        uint64_t at = (uint64_t)state->next_tile * TILE;
        triad(state->arrays[state->pass % ARRAYS] + at, state->arrays[(state->pass + 1) % ARRAYS] + at,
              state->arrays[(state->pass + 2) % ARRAYS] + at);
        if (++state->next_tile == TILES) {
            state->next_tile = 0;
            state->pass++;
        }
    }
    barrier(state);
}

static void pass_lines(struct line lines[ARRAYS], uint64_t pass)
{
    struct line *one = &lines[pass % ARRAYS];
    const struct line *two = &lines[(pass + 1) % ARRAYS], *three = &lines[(pass + 2) % ARRAYS];
    one->offset = two->offset + 3 * three->offset;
    one->slope = two->slope + 3 * three->slope;
}

/* The sum of elements [first, last) of the three lines, modulo 2^64. */
static uint64_t sum_lines(const struct line lines[ARRAYS], uint64_t first, uint64_t last)
{
    uint64_t indices = last * (last - 1) / 2 - (first == 0 ? 0 : first * (first - 1) / 2);
    uint64_t sum = 0;
    for (int array = 0; array < ARRAYS; array++)
        sum += lines[array].offset * (last - first) + lines[array].slope * indices;
    return sum;
}

static struct answer check_bandwidth(void *opaque, uint64_t total)
{
    const struct bandwidth *state = opaque;
    uint64_t passes = total / TILES;
    uint64_t ahead = total % TILES * TILE; /* elements that are one pass further than the rest */
    struct line lines[ARRAYS];
    for (int array = 0; array < ARRAYS; array++)
        lines[array] = state->start[array];
    for (uint64_t pass = 0; pass < passes; pass++)
        pass_lines(lines, pass);
    uint64_t expected = sum_lines(lines, ahead, ELEMENTS);
    pass_lines(lines, passes);
    if (ahead != 0)
        expected += sum_lines(lines, 0, ahead);

    uint64_t got = 0;
    for (int array = 0; array < ARRAYS; array++)
        for (uint64_t i = 0; i < ELEMENTS; i++)
            got += state->arrays[array][i];
    return (struct answer){got, expected};
}

static void close_bandwidth(void *opaque)
{
    struct bandwidth *state = opaque;
    for (int array = 0; array < ARRAYS; array++)
        unmap_pages(state->arrays[array], ELEMENTS * sizeof(uint64_t));
    free(state);
}

const struct kernel memory_bandwidth_kernel = {
    .name = "memory-bandwidth",
    .unit = "B/s",
    .per_iteration = TILE * ARRAYS * sizeof(uint64_t),
    .what = "triad over 60 MiB of 64-bit integers, counted as STREAM does",
    .open = open_bandwidth,
    .run = run_bandwidth,
    .check = check_bandwidth,
    .close = close_bandwidth,
};
