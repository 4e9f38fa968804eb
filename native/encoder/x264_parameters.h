/* A stream's configuration in x264's words: ultrafast, no latency, Annex B with repeated parameter sets. */
#ifndef VB_X264_PARAMETERS_H
#define VB_X264_PARAMETERS_H

#include <stdint.h>

#include <x264.h>

#include "vb_encoder.h"

/* All but the size and the log; not 0 where x264 does not know a preset or profile. */
int vb_x264_parameters(x264_param_t *parameters, const vb_encoder_config *config);

/* For x264_encoder_reconfig too. */
void vb_x264_set_bitrate(x264_param_t *parameters, uint32_t bitrate);

#endif
