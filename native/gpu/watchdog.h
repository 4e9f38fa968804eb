/* Ends the program when one step takes too long: a GPU that hangs blocks the thread that waits for it for good. */
#ifndef VB_WATCHDOG_H
#define VB_WATCHDOG_H

#include <stdint.h>

/* From now on each step may take `deadline_ns`; a thread of its own watches and costs the frames nothing but a store. */
void start_watchdog(uint64_t deadline_ns);

/* The step before this ended in time, and `step` (a literal, for the message) begins. */
void begin_step(const char *step);

#endif
