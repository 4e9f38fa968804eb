#include "kernel.h"
#include "clock.h"

#include <time.h>

enum { LOOKS = 1000 };

uint64_t now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        die("no monotonic clock");
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t clock_step_ns(void)
{
    uint64_t smallest = UINT64_MAX;
    uint64_t before = now_ns();
    for (int look = 0; look < LOOKS; look++) {
        uint64_t now = now_ns();
        if (now != before && now - before < smallest)
            smallest = now - before;
        before = now;
    }
    if (smallest != UINT64_MAX)
        return smallest;
    uint64_t now; /* coarser than a thousand looks: wait for its next step */
    while ((now = now_ns()) == before)
        ;
    return now - before;
}
