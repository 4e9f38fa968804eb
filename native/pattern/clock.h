/* One clock for everything that is reported. */
#ifndef VB_CLOCK_H
#define VB_CLOCK_H

#include <stdint.h>
#include <time.h>

enum { NS_PER_S = 1000000000 };

static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

#endif
