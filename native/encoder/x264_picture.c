#include "x264_picture.h"

#include <libyuv.h>

#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "surface.h"

typedef struct planes {
    x264_picture_t converted; /* memory of our own, for RGB */
    uint32_t width, height;   /* of that memory; 0: there is none */
    x264_picture_t shown;     /* that, or the surface's own */
} planes;

/* A stream's size is even: the last column and the last row of an odd one are there twice. */
static uint64_t repeat_edges(const vb_surface *surface, const x264_image_t *image)
{
    uint8_t *luma = image->plane[0];
    size_t stride = (size_t)image->i_stride[0];
    size_t width = surface->width, height = surface->height;
    uint64_t copied = 0;
    if (width % 2 != 0) {
        for (size_t row = 0; row < height; row++) {
            luma[row * stride + width] = luma[row * stride + width - 1];
        }
        copied += height;
    }
    if (height % 2 != 0) {
        memcpy(luma + height * stride, luma + (height - 1) * stride, vb_even(surface->width));
        copied += vb_even(surface->width);
    }
    return copied;
}

typedef int (*conversion)(const uint8_t *, int, uint8_t *, int, uint8_t *, int, uint8_t *, int, int, int);

static conversion conversion_of(uint32_t fourcc, uint32_t colour)
{
    bool blue_first = fourcc == VB_FOURCC_XRGB8888 || fourcc == VB_FOURCC_ARGB8888;
    switch (colour) {
    case VB_COLOUR_BT601_LIMITED:
        return blue_first ? ARGBToI420 : ABGRToI420;
    case VB_COLOUR_BT601_FULL:
#if LIBYUV_VERSION >= 1857
        return blue_first ? ARGBToJ420 : ABGRToJ420;
#else
        return blue_first ? ARGBToJ420 : NULL;
#endif
    default:
        return NULL;
    }
}

static void clean(planes *of)
{
    x264_picture_clean(&of->converted);
    x264_picture_init(&of->converted);
    of->width = of->height = 0;
}

static vb_encoder_status make_room(planes *of, const vb_surface *surface, vb_encoder_failure *failure)
{
    uint32_t width = vb_even(surface->width), height = vb_even(surface->height);
    if (of->width == width && of->height == height) {
        return VB_ENCODER_OK;
    }
    clean(of);
    if (x264_picture_alloc(&of->converted, X264_CSP_I420, (int)width, (int)height) != 0) {
        x264_picture_init(&of->converted);
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for a picture of %u x %u", width, height);
    }
    of->width = width;
    of->height = height;
    return VB_ENCODER_OK;
}

static vb_encoder_status convert_rgb(planes *of, uint32_t colour, const vb_surface *surface, const uint8_t *pixels,
                                     uint64_t *copied_bytes, vb_encoder_failure *failure)
{
    conversion to_i420 = conversion_of(surface->fourcc, colour);
    if (to_i420 == NULL) {
        return vb_fail(failure, VB_ENCODER_UNSUPPORTED, 0,
                       "libyuv does not convert this RGB format to the colours of the stream; BT.601, limited, it does");
    }
    vb_encoder_status status = make_room(of, surface, failure);
    if (status != VB_ENCODER_OK) {
        return status;
    }
    x264_image_t *image = &of->converted.img;
    if (to_i420(pixels, (int)surface->stride, image->plane[0], image->i_stride[0], image->plane[1],
                image->i_stride[1], image->plane[2], image->i_stride[2], (int)surface->width,
                (int)surface->height) != 0) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "libyuv does not convert a surface of %u x %u",
                       surface->width, surface->height);
    }
    *copied_bytes = repeat_edges(surface, image);
    of->shown = of->converted;
    return VB_ENCODER_OK;
}

static void wrap_nv12(x264_picture_t *picture, const vb_surface *surface, const uint8_t *pixels)
{
    x264_picture_init(picture);
    picture->img.i_csp = X264_CSP_NV12;
    picture->img.i_plane = 2;
    picture->img.i_stride[0] = picture->img.i_stride[1] = (int)surface->stride;
    /* x264 only reads them, though its type does not say so. */
    picture->img.plane[0] = (uint8_t *)(uintptr_t)pixels;
    picture->img.plane[1] = picture->img.plane[0] + (size_t)surface->stride * surface->height;
}

static planes *planes_of(vb_picture *picture)
{
    if (picture->state == NULL) {
        planes *made = calloc(1, sizeof *made);
        if (made != NULL) {
            x264_picture_init(&made->converted);
        }
        picture->state = made;
    }
    return picture->state;
}

vb_encoder_status vb_x264_convert(uint32_t colour, const vb_surface *surface, const uint8_t *pixels,
                                  vb_picture *picture, vb_encoder_failure *failure)
{
    if (pixels == NULL) {
        return vb_fail(failure, VB_ENCODER_UNSUPPORTED, 0, "x264 does not read IOSurfaces");
    }
    planes *of = planes_of(picture);
    if (of == NULL) {
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for a picture");
    }
    if (surface->fourcc == VB_FOURCC_NV12) {
        wrap_nv12(&of->shown, surface, pixels);
        picture->facts.borrows = true;
        return VB_ENCODER_OK;
    }
    return convert_rgb(of, colour, surface, pixels, &picture->facts.copied_bytes, failure);
}

void vb_x264_release(vb_picture *picture, bool last)
{
    planes *of = picture->state;
    if (last && of != NULL) {
        clean(of);
        free(of);
        picture->state = NULL;
    }
}

x264_picture_t vb_x264_picture(const vb_picture *picture)
{
    return ((const planes *)picture->state)->shown;
}
