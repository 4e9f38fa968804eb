/* Monotonic time in nanoseconds. */
#ifndef VB_CLOCK_H
#define VB_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t vb_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
