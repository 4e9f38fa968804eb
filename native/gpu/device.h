/* A device, and whether it still lives. */
#ifndef VB_DEVICE_H
#define VB_DEVICE_H

#include "adapter.h"

/* The device of an adapter, with all that the adapter can do. Ends the program with EXIT_NO_API, EXIT_NO_ADAPTER or
 * EXIT_FAILED. */
struct gpu open_gpu(const struct api *api, const char *adapter);

/* Ends the program with EXIT_LOST when the device was lost, with EXIT_FAILED when a call was wrong. */
void check_gpu(void);

void close_gpu(struct gpu *gpu);

#endif
