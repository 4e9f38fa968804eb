#include "recurrence.h"

#include <string.h>

uint64_t lcg_jump(struct lcg lcg, uint64_t x, uint64_t n)
{
    struct lcg total = {1, 0};
    struct lcg power = lcg;
    for (; n != 0; n >>= 1) {
        if (n & 1)
            total = (struct lcg){total.multiplier * power.multiplier,
                                 total.increment * power.multiplier + power.increment};
        power = (struct lcg){power.multiplier * power.multiplier, lcg_step(power, power.increment)};
    }
    return lcg_step(total, x);
}

/* Columns of a 64x64 bit matrix. */
typedef uint64_t matrix[64];

static uint64_t apply(const matrix columns, uint64_t x)
{
    uint64_t sum = 0;
    for (int bit = 0; bit < 64; bit++)
        sum ^= columns[bit] & (0 - (x >> bit & 1));
    return sum;
}

uint64_t xorshift_jump(uint64_t x, uint64_t n)
{
    matrix power;
    for (int bit = 0; bit < 64; bit++)
        power[bit] = xorshift_step(UINT64_C(1) << bit);
    for (; n != 0; n >>= 1) {
        if (n & 1)
            x = apply(power, x);
        matrix square;
        for (int bit = 0; bit < 64; bit++)
            square[bit] = apply(power, power[bit]);
        memcpy(power, square, sizeof power);
    }
    return x;
}
