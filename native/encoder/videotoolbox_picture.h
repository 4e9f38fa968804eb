/* A surface as VideoToolbox takes it, where it is. */
#ifndef VB_VIDEOTOOLBOX_PICTURE_H
#define VB_VIDEOTOOLBOX_PICTURE_H

#include <CoreVideo/CoreVideo.h>

#include "vb_encoder.h"

/*
 * A pixel buffer around the surface's memory; no pixel is copied. The caller releases it, and keeps the memory until
 * then. `pixels` is NULL for an IOSurface, which must be of the size and format that the surface says.
 */
vb_encoder_status vb_videotoolbox_wrap(const vb_surface *surface, const uint8_t *pixels, uint32_t colour,
                                       CVPixelBufferRef *picture, vb_encoder_failure *failure);

#endif
