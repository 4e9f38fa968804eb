/* Integer arithmetic, branches and first-level cache: draw 1024 random numbers, sort them, look whether they are sorted.
 *
 * Generators alone would be one long chain of dependent operations, where a processor waits so much that even an
 * emulator keeps up with it. The sort is D. L. Shell's with M. Ciura's gaps (2001): loads, stores, and branches that
 * nobody can predict. */
#include "kernel.h"
#include "recurrence.h"

#include <stdlib.h>

enum { NUMBERS = 1024 };

static const int GAPS[] = {701, 301, 132, 57, 23, 10, 4, 1};

struct integer {
    uint64_t numbers[NUMBERS];
    uint64_t linear, shifted; /* the generators */
    uint64_t first_linear, first_shifted;
    uint64_t right; /* arrays that were in order, with nothing lost */
};

static void *open_integer(uint64_t seed)
{
    struct integer *state = allocate(sizeof *state);
    state->linear = state->first_linear = seed;
    state->shifted = state->first_shifted = seed | 1;
    return state;
}

/* The sum of the numbers drawn. */
static uint64_t draw(struct integer *state)
{
    uint64_t sum = 0;
    for (int i = 0; i < NUMBERS; i++) {
        state->linear = lcg_step(LCG_MMIX, state->linear);
        state->shifted = xorshift_step(state->shifted);
        state->numbers[i] = state->linear ^ state->shifted;
        sum += state->numbers[i];
    }
    return sum;
}

static void sort(uint64_t *numbers)
{
    for (size_t g = 0; g < sizeof GAPS / sizeof *GAPS; g++) {
        int gap = GAPS[g];
        for (int i = gap; i < NUMBERS; i++) {
            uint64_t number = numbers[i];
            int j = i;
            for (; j >= gap && numbers[j - gap] > number; j -= gap)
                numbers[j] = numbers[j - gap];
            numbers[j] = number;
        }
    }
}

static int is_sorted(const uint64_t *numbers, uint64_t sum)
{
    int ordered = 1;
    for (int i = 0; i < NUMBERS; i++) {
        ordered &= i == 0 || numbers[i - 1] <= numbers[i];
        sum -= numbers[i];
    }
    return ordered && sum == 0;
}

static void run_integer(void *opaque, uint64_t iterations)
{
    struct integer *state = opaque;
    for (uint64_t i = 0; i < iterations; i++) {
        uint64_t sum = draw(state);
        sort(state->numbers);
        barrier(state);
        state->right += (uint64_t)is_sorted(state->numbers, sum);
    }
}

static struct answer check_integer(void *opaque, uint64_t total)
{
    const struct integer *state = opaque;
    uint64_t linear = lcg_jump(LCG_MMIX, state->first_linear, total * NUMBERS);
    uint64_t shifted = xorshift_jump(state->first_shifted, total * NUMBERS);
    return (struct answer){(state->linear ^ (state->shifted << 1)) + state->right, (linear ^ (shifted << 1)) + total};
}

const struct kernel integer_kernel = {
    .name = "integer",
    .unit = "numbers/s",
    .per_iteration = NUMBERS,
    .what = "random numbers drawn and sorted, in the first-level cache",
    .open = open_integer,
    .run = run_integer,
    .check = check_integer,
    .close = free,
};
