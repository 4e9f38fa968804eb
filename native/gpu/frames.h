/* The frame loop: each frame submitted, awaited and timed. */
#ifndef VB_FRAMES_H
#define VB_FRAMES_H

#include "scene.h"

enum { MOST_IN_FLIGHT = 4, MOST_FRAMES = 500000, MOST_WARMUPS = 10000 };

struct plan {
    uint32_t warmups;   /* frames before the clock counts; at least 1, for the first compiles shaders */
    uint32_t frames;    /* timed frames, at most; at least 1 */
    uint64_t most_ns;   /* no timed frame begins after this; 0: no limit */
    uint32_t in_flight; /* frames submitted and not yet done: 1 waits for each before the next is made */
};

/* Frame times are from the end of one frame on the GPU, as the processor learns of it, to the end of the next: their
 * sum is the time of all, whatever is in flight. As many are in flight behind the last timed frame as behind the
 * others, so that it is no faster than they are. */
struct frames {
    uint64_t *times_ns;     /* the warm-up frames first; the first one is from the loop's start */
    uint32_t warmups, timed;
    uint64_t first_done_ns; /* when the first frame was done, by now_ns */
    struct target last;     /* the picture of the last timed frame; released by release_frames */
};

/* Draws until the plan is fulfilled; false when a signal ended it early. */
bool run_frames(const struct gpu *gpu, const struct scene *scene, void *state, struct size size,
                const struct plan *plan, struct frames *frames);

void release_frames(struct frames *frames);

/* From now on SIGTERM, SIGINT and SIGHUP end the program between two frames; a second one ends it at once. */
void watch_signals(void);

/* The signal that came, or 0. */
int signal_seen(void);

#endif
