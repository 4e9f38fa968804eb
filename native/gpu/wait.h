/* Work that was submitted, and the wait until it is done, however long the GPU takes. */
#ifndef VB_WAIT_H
#define VB_WAIT_H

#include "gpu.h"

struct submission {
    WGPUSubmissionIndex index;
    bool watched, done; /* `done` only where it is watched */
};

/* Submits commands, and releases them. `submission` stays where it is until it was awaited. */
void submit_commands(const struct gpu *gpu, WGPUCommandBuffer commands, struct submission *submission);

void await_submission(const struct gpu *gpu, const struct submission *submission);

#endif
