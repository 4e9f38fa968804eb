/* From an API and a name to an adapter. */
#ifndef VB_ADAPTER_H
#define VB_ADAPTER_H

#include "api.h"

/* An instance that sees the adapters of `api`, or of every API for NULL. */
WGPUInstance open_instance(const struct api *api);

/* Calls `see` with every adapter's description, in the system's order; how many there were. */
size_t list_adapters(WGPUInstance instance, void (*see)(const WGPUAdapterInfo *info));

/* The first adapter whose driver, device or description contains `wanted` (any case); with NULL the first of the best
 * kind: discrete, integrated, other, processor. Ends the program with EXIT_NO_API or EXIT_NO_ADAPTER. */
WGPUAdapter choose_adapter(WGPUInstance instance, const struct api *api, const char *wanted);

/* "discrete", "integrated", "cpu" or "unknown": what the driver says, which proves nothing. */
const char *adapter_kind(WGPUAdapterType type);

#endif
