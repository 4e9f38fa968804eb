/* x264 for the stream and libyuv for the colours: any host. */
#include <stdint.h>

#include <libyuv.h>
#include <x264.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "clock.h"
#include "failure.h"
#include "surface.h"
#include "x264_parameters.h"

typedef struct x264_stream {
    x264_t *encoder;
    x264_param_t parameters;
    x264_picture_t converted; /* where RGB surfaces are converted to */
    uint32_t coded_width, coded_height;
    uint32_t colour;
    int64_t frame;
    char complaint[160]; /* the last error that x264 logged */
} x264_stream;

static uint32_t even(uint32_t size)
{
    return size + size % 2;
}

static void keep_complaint(void *private, int level, const char *format, va_list arguments)
{
    x264_stream *stream = private;
    if (level == X264_LOG_ERROR) {
        vsnprintf(stream->complaint, sizeof stream->complaint, format, arguments);
        stream->complaint[strcspn(stream->complaint, "\n")] = '\0';
    }
}

static const char *said(const x264_stream *stream)
{
    return stream->complaint[0] != '\0' ? stream->complaint : "nothing";
}

static void close_stream(void *state)
{
    x264_stream *stream = state;
    if (stream->encoder != NULL) {
        x264_encoder_close(stream->encoder);
    }
    x264_picture_clean(&stream->converted);
    free(stream);
}

static vb_encoder_status open_stream(const vb_encoder_config *config, void **state, vb_encoder_failure *failure)
{
    x264_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for a stream");
    }
    stream->coded_width = even(config->width);
    stream->coded_height = even(config->height);
    stream->colour = config->colour;
    x264_picture_init(&stream->converted);
    if (vb_x264_parameters(&stream->parameters, config) == 0) {
        stream->parameters.i_width = (int)stream->coded_width;
        stream->parameters.i_height = (int)stream->coded_height;
        stream->parameters.pf_log = keep_complaint;
        stream->parameters.p_log_private = stream;
        stream->parameters.i_log_level = X264_LOG_ERROR;
        stream->encoder = x264_encoder_open(&stream->parameters);
    }
    if (stream->encoder == NULL) {
        vb_encoder_status status =
            vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "x264 does not open a stream of %u x %u, and said: %s",
                    config->width, config->height, said(stream));
        close_stream(stream);
        return status;
    }
    *state = stream;
    return VB_ENCODER_OK;
}

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
        memcpy(luma + height * stride, luma + (height - 1) * stride, even(surface->width));
        copied += even(surface->width);
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

static vb_encoder_status convert(x264_stream *stream, const vb_surface *surface, const uint8_t *pixels,
                                 uint64_t *copied_bytes, vb_encoder_failure *failure)
{
    conversion to_i420 = conversion_of(surface->fourcc, stream->colour);
    if (to_i420 == NULL) {
        return vb_fail(failure, VB_ENCODER_UNSUPPORTED, 0,
                       "libyuv does not convert this RGB format to the colours of the stream; BT.601, limited, it does");
    }
    x264_image_t *image = &stream->converted.img;
    if (image->plane[0] == NULL &&
        x264_picture_alloc(&stream->converted, X264_CSP_I420, (int)stream->coded_width, (int)stream->coded_height) != 0) {
        x264_picture_init(&stream->converted);
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for a picture of %u x %u", stream->coded_width,
                       stream->coded_height);
    }
    if (to_i420(pixels, (int)surface->stride, image->plane[0], image->i_stride[0], image->plane[1],
                image->i_stride[1], image->plane[2], image->i_stride[2], (int)surface->width,
                (int)surface->height) != 0) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "libyuv does not convert a surface of %u x %u",
                       surface->width, surface->height);
    }
    *copied_bytes += repeat_edges(surface, image);
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

static vb_encoder_status fill_in(vb_access_unit *unit, const x264_stream *stream, const x264_nal_t *nals, int count,
                                 vb_encoder_failure *failure)
{
    if (count < 1 || count > VB_ENCODER_NALS_MAX) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "x264 made an access unit of %d NAL units", count);
    }
    unit->data = nals[0].p_payload; /* those of the others follow: x264 promises so */
    unit->nal_count = (uint32_t)count;
    for (int i = 0; i < count; i++) {
        unit->nal_sizes[i] = (uint32_t)nals[i].i_payload;
        unit->size += unit->nal_sizes[i];
    }
    unit->width = stream->coded_width;
    unit->height = stream->coded_height;
    return VB_ENCODER_OK;
}

static vb_encoder_status encode(void *state, const vb_surface *surface, const uint8_t *pixels, bool keyframe,
                                vb_access_unit *unit, uint64_t *copied_bytes, vb_encoder_failure *failure)
{
    x264_stream *stream = state;
    if (pixels == NULL) {
        return vb_fail(failure, VB_ENCODER_UNSUPPORTED, 0, "x264 does not read IOSurfaces");
    }
    uint64_t begin = vb_now_ns();
    x264_picture_t picture;
    if (surface->fourcc == VB_FOURCC_NV12) {
        wrap_nv12(&picture, surface, pixels);
    } else {
        vb_encoder_status status = convert(stream, surface, pixels, copied_bytes, failure);
        if (status != VB_ENCODER_OK) {
            return status;
        }
        picture = stream->converted;
    }
    uint64_t converted = vb_now_ns();
    picture.i_type = keyframe ? X264_TYPE_IDR : X264_TYPE_AUTO;
    picture.i_pts = stream->frame++; /* the caller's need not ascend; the rate is that of the configuration */
    x264_nal_t *nals = NULL;
    int count = 0;
    x264_picture_t coded;
    if (x264_encoder_encode(stream->encoder, &nals, &count, &picture, &coded) <= 0) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "x264 made nothing of a frame, and said: %s",
                       said(stream));
    }
    unit->is_keyframe = coded.b_keyframe != 0;
    unit->convert_ns = converted - begin;
    unit->encode_ns = vb_now_ns() - converted;
    return fill_in(unit, stream, nals, count, failure);
}

static vb_encoder_status change_bitrate(void *state, uint32_t bitrate, vb_encoder_failure *failure)
{
    x264_stream *stream = state;
    vb_x264_set_bitrate(&stream->parameters, bitrate);
    if (x264_encoder_reconfig(stream->encoder, &stream->parameters) != 0) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "x264 does not take %u bit/s, and said: %s", bitrate,
                       said(stream));
    }
    return VB_ENCODER_OK;
}

const vb_backend vb_x264 = {open_stream, encode, change_bitrate, close_stream};
