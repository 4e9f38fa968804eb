/* A surface as x264 takes it: RGB converted by libyuv, NV12 where it is. */
#ifndef VB_X264_PICTURE_H
#define VB_X264_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <x264.h>

#include "picture.h"

static inline uint32_t vb_even(uint32_t size)
{
    return size + size % 2;
}

/* The two of a backend's calls that are about pictures (backend.h). */
vb_encoder_status vb_x264_convert(uint32_t colour, const vb_surface *surface, const uint8_t *pixels,
                                  vb_picture *picture, vb_encoder_failure *failure);
void vb_x264_release(vb_picture *picture, bool last);

/* What a picture has for the encoder. */
x264_picture_t vb_x264_picture(const vb_picture *picture);

#endif
