/* Integer arithmetic: two random number generators side by side, multiply-add and shift-xor, in registers.
 *
 * One operation is a step of both. Each step needs the one before, so no compiler can run them in parallel. */
#include "kernel.h"
#include "recurrence.h"

#include <stdlib.h>

enum { STEPS = 1000 };

struct integer {
    struct lcg lcg; /* read at run time: a compiler that knew the constants would fold steps together */
    uint64_t linear, shifted;
    uint64_t first_linear, first_shifted;
};

static void *open_integer(uint64_t seed)
{
    struct integer *state = allocate(sizeof *state);
    state->lcg = LCG_MMIX;
    state->linear = state->first_linear = seed;
    state->shifted = state->first_shifted = seed | 1;
    return state;
}

static void run_integer(void *opaque, uint64_t iterations)
{
    struct integer *state = opaque;
    struct lcg lcg = state->lcg;
    uint64_t linear = state->linear;
    uint64_t shifted = state->shifted;
    for (uint64_t i = 0; i < iterations; i++) {
        for (int step = 0; step < STEPS; step++) {
            linear = lcg_step(lcg, linear);
            shifted = xorshift_step(shifted);
        }
    }
    state->linear = linear;
    state->shifted = shifted;
    barrier(state);
}

static struct answer check_integer(void *opaque, uint64_t total)
{
    const struct integer *state = opaque;
    uint64_t linear = lcg_jump(state->lcg, state->first_linear, total * STEPS);
    uint64_t shifted = xorshift_jump(state->first_shifted, total * STEPS);
    return (struct answer){state->linear ^ (state->shifted << 1), linear ^ (shifted << 1)};
}

const struct kernel integer_kernel = {
    .name = "integer",
    .unit = "Mop/s",
    .per_iteration = STEPS / 1e6,
    .what = "steps of a multiply-add and a shift-xor generator, in registers",
    .open = open_integer,
    .run = run_integer,
    .check = check_integer,
    .close = free,
};
