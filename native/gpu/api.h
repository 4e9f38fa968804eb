/* The graphics APIs that wgpu-native can speak. */
#ifndef VB_API_H
#define VB_API_H

#include "gpu.h"

struct api {
    const char *name; /* on the command line and in reports */
    WGPUInstanceBackend backend;
    WGPUBackendType type;
};

enum { APIS = 4 };

extern const struct api all_apis[APIS];

/* NULL for a name that no API has. */
const struct api *find_api(const char *name);

/* The API of an adapter; "unknown" for one that is not in the table. */
const char *api_name(WGPUBackendType type);

#endif
