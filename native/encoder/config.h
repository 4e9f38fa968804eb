/* Whether a stream can be what it is asked to be. */
#ifndef VB_CONFIG_H
#define VB_CONFIG_H

#include "vb_encoder.h"

vb_encoder_status vb_check_config(const vb_encoder_config *config, vb_encoder_failure *failure);
vb_encoder_status vb_check_colour(uint32_t colour, vb_encoder_failure *failure);
vb_encoder_status vb_check_bitrate(uint32_t bitrate, vb_encoder_failure *failure);

#endif
