#include "api.h"

#include <string.h>

const struct api all_apis[APIS] = {
    {"vulkan", WGPUInstanceBackend_Vulkan, WGPUBackendType_Vulkan},
    {"gles", WGPUInstanceBackend_GL, WGPUBackendType_OpenGLES},
    {"metal", WGPUInstanceBackend_Metal, WGPUBackendType_Metal},
    {"dx12", WGPUInstanceBackend_DX12, WGPUBackendType_D3D12},
};

const struct api *find_api(const char *name)
{
    for (size_t i = 0; i < APIS; i++)
        if (strcmp(all_apis[i].name, name) == 0)
            return &all_apis[i];
    return NULL;
}

const char *api_name(WGPUBackendType type)
{
    for (size_t i = 0; i < APIS; i++)
        if (all_apis[i].type == type)
            return all_apis[i].name;
    return type == WGPUBackendType_OpenGL ? "gles" : "unknown"; /* wgpu's GL adapters may call themselves either */
}
