/* x264 for the stream: any host. */
#include <stdint.h>

#include <x264.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "clock.h"
#include "failure.h"
#include "x264_parameters.h"
#include "x264_picture.h"

typedef struct x264_stream {
    x264_t *encoder;
    x264_param_t parameters;
    uint32_t coded_width, coded_height;
    int64_t frame;
    char complaint[160]; /* the last error that x264 logged */
} x264_stream;

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
    free(stream);
}

static vb_encoder_status open_stream(const vb_encoder_config *config, void **state, vb_encoder_failure *failure)
{
    x264_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for a stream");
    }
    stream->coded_width = vb_even(config->width);
    stream->coded_height = vb_even(config->height);
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

static vb_encoder_status encode(void *state, const vb_picture *picture, bool keyframe, vb_access_unit *unit,
                                vb_encoder_failure *failure)
{
    x264_stream *stream = state;
    uint64_t begin = vb_now_ns();
    x264_picture_t in = vb_x264_picture(picture);
    in.i_type = keyframe ? X264_TYPE_IDR : X264_TYPE_AUTO;
    in.i_pts = stream->frame++; /* the caller's need not ascend; the rate is that of the configuration */
    x264_nal_t *nals = NULL;
    int count = 0;
    x264_picture_t coded;
    if (x264_encoder_encode(stream->encoder, &nals, &count, &in, &coded) <= 0) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "x264 made nothing of a frame, and said: %s",
                       said(stream));
    }
    unit->is_keyframe = coded.b_keyframe != 0;
    unit->encode_ns = vb_now_ns() - begin;
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

const vb_backend vb_x264 = {open_stream, vb_x264_convert, vb_x264_release, encode, change_bitrate, close_stream};
