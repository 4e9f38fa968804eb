/* The clock of every figure: CLOCK_MONOTONIC, in nanoseconds. */
#ifndef VB_CLOCK_H
#define VB_CLOCK_H

#include <stdint.h>

uint64_t now_ns(void);

#endif
