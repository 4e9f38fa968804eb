/* Sequences whose n-th term is known without taking n steps: how a kernel's answer is checked. */
#ifndef VB_RECURRENCE_H
#define VB_RECURRENCE_H

#include <stdint.h>

/* x -> multiplier * x + increment modulo 2^64. */
struct lcg {
    uint64_t multiplier;
    uint64_t increment;
};

/* Full period modulo every power of two (Knuth, TAOCP volume 2, 3.2.1.2 and 3.3.4: MMIX). */
#define LCG_MMIX ((struct lcg){UINT64_C(6364136223846793005), UINT64_C(1442695040888963407)})

static inline uint64_t lcg_step(struct lcg lcg, uint64_t x)
{
    return x * lcg.multiplier + lcg.increment;
}

/* The n-th term after x, in O(log n) steps (F. Brown, "Random number generation with arbitrary strides", 1994). */
uint64_t lcg_jump(struct lcg lcg, uint64_t x, uint64_t n);

/* Marsaglia, "Xorshift RNGs", 2003: x must not be 0. */
static inline uint64_t xorshift_step(uint64_t x)
{
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

/* The n-th term after x: a step is a 64x64 matrix over GF(2), so n steps are its n-th power. */
uint64_t xorshift_jump(uint64_t x, uint64_t n);

#endif
