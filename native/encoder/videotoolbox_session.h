/* A compression session of a stream's configuration. */
#ifndef VB_VIDEOTOOLBOX_SESSION_H
#define VB_VIDEOTOOLBOX_SESSION_H

#include <VideoToolbox/VideoToolbox.h>

#include "vb_encoder.h"

/* The caller invalidates and releases it. `callback` gets each frame's sample, with `context`. */
vb_encoder_status vb_videotoolbox_open(const vb_encoder_config *config, VTCompressionOutputCallback callback,
                                       void *context, VTCompressionSessionRef *session, vb_encoder_failure *failure);

OSStatus vb_videotoolbox_set_bitrate(VTCompressionSessionRef session, uint32_t bitrate);

#endif
