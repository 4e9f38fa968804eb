#include "config.h"

#include "failure.h"
#include "surface.h"

enum { BITRATE_MIN = 8000, BITRATE_MAX = 1000000000, FPS_MAX = 1000, FPS_TERM_MAX = 1000000, GOP_MAX = 1 << 20 };

vb_encoder_status vb_check_bitrate(uint32_t bitrate, vb_encoder_failure *failure)
{
    if (bitrate < BITRATE_MIN || bitrate > BITRATE_MAX) {
        return vb_fail(failure, VB_ENCODER_BAD_CONFIG, 0, "a bitrate of %u bit/s is not from %d to %d", bitrate,
                       BITRATE_MIN, BITRATE_MAX);
    }
    return VB_ENCODER_OK;
}

vb_encoder_status vb_check_colour(uint32_t colour, vb_encoder_failure *failure)
{
    if (colour < VB_COLOUR_BT601_LIMITED || colour > VB_COLOUR_BT709_FULL) {
        return vb_fail(failure, VB_ENCODER_BAD_CONFIG, 0, "there is no colour %u", colour);
    }
    return VB_ENCODER_OK;
}

vb_encoder_status vb_check_config(const vb_encoder_config *config, vb_encoder_failure *failure)
{
    if (!vb_size_fits(config->width, config->height)) {
        return vb_fail(failure, VB_ENCODER_BAD_CONFIG, 0, "a stream of %u x %u is not possible", config->width,
                       config->height);
    }
    if (config->fps_num == 0 || config->fps_den == 0 || config->fps_num > FPS_TERM_MAX ||
        config->fps_den > FPS_TERM_MAX || config->fps_num / config->fps_den > FPS_MAX) {
        return vb_fail(failure, VB_ENCODER_BAD_CONFIG, 0, "%u/%u frames per second is not possible", config->fps_num,
                       config->fps_den);
    }
    if (config->gop > GOP_MAX) {
        return vb_fail(failure, VB_ENCODER_BAD_CONFIG, 0, "a group of %u pictures is more than %d", config->gop,
                       GOP_MAX);
    }
    vb_encoder_status status = vb_check_colour(config->colour, failure);
    if (status != VB_ENCODER_OK) {
        return status;
    }
    if (config->profile != 66 && config->profile != 77 && config->profile != 100) {
        return vb_fail(failure, VB_ENCODER_BAD_CONFIG, 0, "profile %u is not 66, 77 or 100", config->profile);
    }
    if (config->threads > VB_ENCODER_THREADS_MAX) {
        return vb_fail(failure, VB_ENCODER_BAD_CONFIG, 0, "%u threads are more than %d", config->threads,
                       VB_ENCODER_THREADS_MAX);
    }
    if (config->bitrate != 0) {
        return vb_check_bitrate(config->bitrate, failure);
    }
    if (!(config->crf >= 1.0f && config->crf <= 51.0f)) { /* not a number is refused too */
        return vb_fail(failure, VB_ENCODER_BAD_CONFIG, 0, "a quality of %g is not from 1 to 51", (double)config->crf);
    }
    return VB_ENCODER_OK;
}
