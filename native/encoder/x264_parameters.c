#include "x264_parameters.h"

#include <stdbool.h>
#include <unistd.h>

enum { THREADS_AUTO_MAX = 8, VBV_FRACTION = 2, GOP_ENDLESS = X264_KEYINT_MAX_INFINITE };
enum { PRIMARIES_BT709 = 1, TRANSFER_SRGB = 13, MATRIX_BT709 = 1, MATRIX_BT601 = 6 }; /* ITU-T H.264, annex E */

static int threads(uint32_t asked)
{
    long processors = asked != 0 ? (long)asked : sysconf(_SC_NPROCESSORS_ONLN);
    long most = asked != 0 ? VB_ENCODER_THREADS_MAX : THREADS_AUTO_MAX;
    return (int)(processors < 1 ? 1 : processors > most ? most : processors);
}

void vb_x264_set_bitrate(x264_param_t *parameters, uint32_t bitrate)
{
    int kilobit = (int)(bitrate / 1000);
    parameters->rc.i_rc_method = X264_RC_ABR;
    parameters->rc.i_bitrate = kilobit;
    parameters->rc.i_vbv_max_bitrate = kilobit;
    parameters->rc.i_vbv_buffer_size = kilobit / VBV_FRACTION; /* no burst longer than half a second */
}

static void set_colours(x264_param_t *parameters, uint32_t colour)
{
    bool full = colour == VB_COLOUR_BT601_FULL || colour == VB_COLOUR_BT709_FULL;
    bool bt709 = colour == VB_COLOUR_BT709_LIMITED || colour == VB_COLOUR_BT709_FULL;
    parameters->vui.b_fullrange = full;
    parameters->vui.i_colorprim = PRIMARIES_BT709;
    parameters->vui.i_transfer = TRANSFER_SRGB;
    parameters->vui.i_colmatrix = bt709 ? MATRIX_BT709 : MATRIX_BT601;
}

static const char *profile_name(uint32_t profile)
{
    return profile == 66 ? "baseline" : profile == 77 ? "main" : "high";
}

int vb_x264_parameters(x264_param_t *parameters, const vb_encoder_config *config)
{
    if (x264_param_default_preset(parameters, "ultrafast", "zerolatency") != 0) {
        return -1;
    }
    parameters->i_threads = threads(config->threads);
    parameters->i_csp = X264_CSP_I420;
    parameters->i_fps_num = config->fps_num;
    parameters->i_fps_den = config->fps_den;
    parameters->i_keyint_max = config->gop != 0 ? (int)config->gop : GOP_ENDLESS;
    parameters->b_annexb = 1;
    parameters->b_repeat_headers = 1;
    parameters->b_cabac = config->profile > 66; /* what a profile is asked for; ultrafast leaves it off */
    parameters->analyse.b_transform_8x8 = config->profile > 77;
    set_colours(parameters, config->colour);
    if (config->bitrate != 0) {
        vb_x264_set_bitrate(parameters, config->bitrate);
    } else {
        parameters->rc.i_rc_method = X264_RC_CRF;
        parameters->rc.f_rf_constant = config->crf;
    }
    return x264_param_apply_profile(parameters, profile_name(config->profile));
}
