/* libyuv and x264 as a program would use them that does nothing else: what the encoder's cost is compared with. */
#include <stdint.h>
#include <stdlib.h>

#include <libyuv.h>
#include <x264.h>

enum { FPS = 60 };

typedef struct plain_loop {
    x264_t *encoder;
    x264_picture_t picture;
    int width, height;
} plain_loop;

void *plain_open(int width, int height, int threads, int gop, float crf, int bitrate);
int plain_encode(void *loop, const uint8_t *pixels, uint8_t **data);
void plain_close(void *loop);

void *plain_open(int width, int height, int threads, int gop, float crf, int bitrate)
{
    plain_loop *loop = calloc(1, sizeof *loop);
    x264_param_t parameters;
    if (loop == NULL || x264_param_default_preset(&parameters, "ultrafast", "zerolatency") != 0) {
        return NULL;
    }
    parameters.i_width = loop->width = width;
    parameters.i_height = loop->height = height;
    parameters.i_fps_num = FPS;
    parameters.i_fps_den = 1;
    parameters.i_threads = threads;
    parameters.i_keyint_max = gop;
    parameters.i_log_level = X264_LOG_NONE;
    parameters.b_repeat_headers = 1;
    if (bitrate > 0) {
        parameters.rc.i_rc_method = X264_RC_ABR;
        parameters.rc.i_bitrate = parameters.rc.i_vbv_max_bitrate = bitrate / 1000;
        parameters.rc.i_vbv_buffer_size = bitrate / 2000;
    } else {
        parameters.rc.i_rc_method = X264_RC_CRF;
        parameters.rc.f_rf_constant = crf;
    }
    x264_param_apply_profile(&parameters, "baseline");
    loop->encoder = x264_encoder_open(&parameters);
    x264_picture_alloc(&loop->picture, X264_CSP_I420, width, height);
    return loop;
}

int plain_encode(void *state, const uint8_t *pixels, uint8_t **data)
{
    plain_loop *loop = state;
    x264_image_t *image = &loop->picture.img;
    ARGBToI420(pixels, loop->width * 4, image->plane[0], image->i_stride[0], image->plane[1], image->i_stride[1],
               image->plane[2], image->i_stride[2], loop->width, loop->height);
    x264_nal_t *nals;
    x264_picture_t coded;
    int count = 0;
    loop->picture.i_pts++;
    int size = x264_encoder_encode(loop->encoder, &nals, &count, &loop->picture, &coded);
    *data = count > 0 ? nals[0].p_payload : NULL;
    return size;
}

void plain_close(void *state)
{
    plain_loop *loop = state;
    x264_encoder_close(loop->encoder);
    x264_picture_clean(&loop->picture);
    free(loop);
}
