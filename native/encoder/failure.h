/* What went wrong, as a value. */
#ifndef VB_FAILURE_H
#define VB_FAILURE_H

#include "vb_encoder.h"

/* Fill in `failure` where there is one, and return `status`. */
__attribute__((format(printf, 4, 5))) vb_encoder_status vb_fail(vb_encoder_failure *failure, vb_encoder_status status,
                                                                int system_error, const char *format, ...);

#endif
