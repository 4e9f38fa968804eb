/* A scene is one kind of GPU work, drawn frame by frame, whose every pixel is known beforehand. */
#ifndef VB_SCENE_H
#define VB_SCENE_H

#include "gpu.h"
#include "target.h"

/* What one frame moves and computes. */
struct work {
    uint64_t upload_bytes;   /* from the processor's memory to the GPU's */
    uint64_t readback_bytes; /* and back */
    uint64_t flop;           /* additions and multiplications of the task, however the GPU does them */
};

/* What a pixel must be. */
struct expected {
    struct pixel pixel;
    bool undecided; /* so near an edge that rasterisers may differ: not compared */
};

struct scene {
    const char *name;
    const char *what;    /* one line for --list-scenes */
    bool answers;        /* every frame ends with data in the processor's hands, so none is prepared before that */
    uint32_t tolerance;  /* how far each channel of the picture may be from what is expected */

    /* Pipelines, buffers and textures: nothing of this is timed but in the time to the first frame. */
    void *(*open)(const struct gpu *gpu, struct size size);
    struct work (*work)(struct size size);
    /* Write what changes with `frame` and record its commands; the picture of a frame depends on its number only. */
    void (*encode)(void *state, const struct gpu *gpu, uint32_t frame, WGPUCommandEncoder encoder,
                   const struct target *target);
    /* Where `answers`: ask for the data once the commands are submitted; look at it when they have been done. */
    void (*request)(void *state);
    void (*receive)(void *state, uint32_t frame);
    /* By another way than the GPU's. */
    struct expected (*expect)(const void *state, uint32_t frame, uint32_t x, uint32_t y);
    void (*close)(void *state);
};

extern const struct scene triangle_scene;
extern const struct scene fill_scene;
extern const struct scene draws_scene;
extern const struct scene upload_scene;
extern const struct scene compute_scene;
extern const struct scene latency_scene;
extern const struct scene readback_scene;

enum { SCENES = 7 };

extern const struct scene *const all_scenes[SCENES];

/* NULL for a name that no scene has. */
const struct scene *find_scene(const char *name);

#endif
