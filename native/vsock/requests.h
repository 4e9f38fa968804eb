/* What each message of the front-end does to the device. */
#ifndef VB_VSOCK_REQUESTS_H
#define VB_VSOCK_REQUESTS_H

#include <stdbool.h>

#include "message.h"

struct device;

/* Do what the message says. What is wrong with it, or NULL; `*answers`: the message has become its own answer.
   Descriptors that are kept are replaced by -1. */
const char *request_answer(struct device *device, struct message *message, bool *answers);

#endif
