/* A surface on its way into a stream: converted, or borrowed where a backend reads surfaces as they are. */
#ifndef VB_PICTURE_H
#define VB_PICTURE_H

#include "mapping.h"
#include "vb_encoder.h"

struct vb_backend;

struct vb_picture {
    const struct vb_backend *backend; /* whose `state` is; NULL: nobody's yet */
    void *state;
    uint32_t colour;
    vb_picture_facts facts; /* its width is 0 while there is no picture */
    vb_mapping read; /* a copy: begun to be read and borrowed, to be ended on release; no address: none */
    int fd;
};

struct vb_converter {
    const struct vb_backend *backend;
    uint32_t colour;
    uint32_t width, height; /* of the surface before */
    vb_mappings mappings;
};

#endif
