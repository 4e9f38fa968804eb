/* The clock of every figure: CLOCK_MONOTONIC. */
#ifndef VB_CLOCK_H
#define VB_CLOCK_H

#include <stdint.h>

uint64_t now_ns(void);

/* The smallest step the clock was seen to take: a guest's clock may be far coarser than clock_getres says. */
uint64_t clock_step_ns(void);

#endif
