/* What an encoder of pictures must do. Sizes, strides and memory were checked before it is asked. */
#ifndef VB_BACKEND_H
#define VB_BACKEND_H

#include <stdbool.h>

#include "vb_encoder.h"

typedef struct vb_backend {
    /* A stream of the configuration's size; its state in `*state`. */
    vb_encoder_status (*open)(const vb_encoder_config *config, void **state, vb_encoder_failure *failure);

    /*
     * One picture. `pixels` is where the surface's first pixel is, NULL for an IOSurface. Fills in all of `unit` but
     * `pts` and `map_ns`, and adds what it copied to `*copied_bytes`.
     */
    vb_encoder_status (*encode)(void *state, const vb_surface *surface, const uint8_t *pixels, bool keyframe,
                                vb_access_unit *unit, uint64_t *copied_bytes, vb_encoder_failure *failure);

    vb_encoder_status (*set_bitrate)(void *state, uint32_t bitrate, vb_encoder_failure *failure);

    void (*close)(void *state);
} vb_backend;

#ifndef VB_WITHOUT_X264
extern const vb_backend vb_x264;
#endif
#ifdef __APPLE__
extern const vb_backend vb_videotoolbox;
#endif

#endif
