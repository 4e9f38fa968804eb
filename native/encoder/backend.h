/* What an encoder of pictures must do. Sizes, strides and memory were checked before it is asked. */
#ifndef VB_BACKEND_H
#define VB_BACKEND_H

#include <stdbool.h>

#include "picture.h"
#include "vb_encoder.h"

typedef struct vb_backend {
    /* A stream of the configuration's size; its state in `*state`. */
    vb_encoder_status (*open)(const vb_encoder_config *config, void **state, vb_encoder_failure *failure);

    /*
     * Read a surface into a picture: `state`, NULL or what the backend made for the one before, and of `facts` what
     * is not the mapping's. `pixels` is where the surface's first pixel is, NULL for an IOSurface.
     */
    vb_encoder_status (*convert)(uint32_t colour, const vb_surface *surface, const uint8_t *pixels,
                                 vb_picture *picture, vb_encoder_failure *failure);

    /* Let go of what the picture borrows; its memory too when it is `last`. */
    void (*release)(vb_picture *picture, bool last);

    /* A picture of the stream's size. Fills in all of `unit` but `pts` and what the picture's facts say. */
    vb_encoder_status (*encode)(void *state, const vb_picture *picture, bool keyframe, vb_access_unit *unit,
                                vb_encoder_failure *failure);

    vb_encoder_status (*set_bitrate)(void *state, uint32_t bitrate, vb_encoder_failure *failure);

    void (*close)(void *state);
} vb_backend;

/* NULL, and a failure, where this build has no such backend. */
const vb_backend *vb_backend_of(uint32_t which, vb_encoder_failure *failure);

#ifndef VB_WITHOUT_X264
extern const vb_backend vb_x264;
#endif
#ifdef __APPLE__
extern const vb_backend vb_videotoolbox;
#endif

#endif
