/* Whether a surface can be what it says, before a byte of it is read. */
#ifndef VB_SURFACE_H
#define VB_SURFACE_H

#include <stdbool.h>

#include "vb_encoder.h"

#define VB_FOURCC(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

enum {
    VB_FOURCC_XRGB8888 = VB_FOURCC('X', 'R', '2', '4'),
    VB_FOURCC_ARGB8888 = VB_FOURCC('A', 'R', '2', '4'),
    VB_FOURCC_XBGR8888 = VB_FOURCC('X', 'B', '2', '4'),
    VB_FOURCC_ABGR8888 = VB_FOURCC('A', 'B', '2', '4'),
    VB_FOURCC_NV12 = VB_FOURCC('N', 'V', '1', '2')
};

/* Whether a picture of this size can be in a stream. */
bool vb_size_fits(uint32_t width, uint32_t height);

/* The bytes from the first pixel to the end of the last, in `*bytes`. */
vb_encoder_status vb_surface_extent(const vb_surface *surface, uint64_t *bytes, vb_encoder_failure *failure);

#endif
