#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

vb_encoder_status vb_fail(vb_encoder_failure *failure, vb_encoder_status status, int system_error, const char *format,
                          ...)
{
    if (failure != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(failure->message, sizeof failure->message, format, arguments);
        va_end(arguments);
        failure->system_error = system_error;
    }
    return status;
}
