#include "adapter.h"

#include <ctype.h>
#include <stdlib.h>

WGPUInstance open_instance(const struct api *api)
{
    WGPUInstanceExtras extras = {
        .chain = {.sType = (WGPUSType)WGPUSType_InstanceExtras},
        .backends = api != NULL ? api->backend : WGPUInstanceBackend_All,
        /* No validation layer: it would be timed. Drivers under development, as in virtual machines, are welcome. */
        .flags = WGPUInstanceFlag_AllowUnderlyingNoncompliantAdapter,
    };
    WGPUInstanceDescriptor descriptor = WGPU_INSTANCE_DESCRIPTOR_INIT;
    descriptor.nextInChain = &extras.chain;
    WGPUInstance instance = wgpuCreateInstance(&descriptor);
    if (instance == NULL)
        fail(EXIT_FAILED, "wgpu-native made no instance");
    return instance;
}

/* All adapters in an array to free; the caller releases each. */
static WGPUAdapter *all_adapters(WGPUInstance instance, size_t *count)
{
    *count = wgpuInstanceEnumerateAdapters(instance, NULL, NULL);
    WGPUAdapter *adapters = allocate(*count + 1, sizeof *adapters);
    if (*count != 0)
        wgpuInstanceEnumerateAdapters(instance, NULL, adapters);
    return adapters;
}

static WGPUAdapterInfo described(WGPUAdapter adapter)
{
    WGPUAdapterInfo info = WGPU_ADAPTER_INFO_INIT;
    if (wgpuAdapterGetInfo(adapter, &info) != WGPUStatus_Success)
        fail(EXIT_FAILED, "an adapter does not say what it is");
    return info;
}

size_t list_adapters(WGPUInstance instance, void (*see)(const WGPUAdapterInfo *info))
{
    size_t count;
    WGPUAdapter *adapters = all_adapters(instance, &count);
    for (size_t i = 0; i < count; i++) {
        WGPUAdapterInfo info = described(adapters[i]);
        see(&info);
        wgpuAdapterInfoFreeMembers(info);
        wgpuAdapterRelease(adapters[i]);
    }
    free(adapters);
    return count;
}

static bool contains(WGPUStringView view, const char *wanted)
{
    for (size_t start = 0; start < view.length; start++) {
        size_t same = 0;
        while (wanted[same] != '\0' && start + same < view.length &&
               tolower((unsigned char)view.data[start + same]) == tolower((unsigned char)wanted[same]))
            same++;
        if (wanted[same] == '\0')
            return true;
    }
    return false;
}

/* Lower is better. */
static int rank(const WGPUAdapterInfo *info, const char *wanted)
{
    enum { NOT_WANTED = 4 };
    if (wanted != NULL)
        return contains(info->vendor, wanted) || contains(info->device, wanted) || contains(info->description, wanted)
                   ? 0
                   : NOT_WANTED;
    switch (info->adapterType) {
    case WGPUAdapterType_DiscreteGPU: return 0;
    case WGPUAdapterType_IntegratedGPU: return 1;
    case WGPUAdapterType_CPU: return 3;
    default: return 2;
    }
}

WGPUAdapter choose_adapter(WGPUInstance instance, const struct api *api, const char *wanted)
{
    size_t count;
    WGPUAdapter *adapters = all_adapters(instance, &count);
    if (count == 0)
        fail(EXIT_NO_API, "no adapter speaks %s here", api->name);
    int best_rank = 4;
    WGPUAdapter best = NULL;
    for (size_t i = 0; i < count; i++) {
        WGPUAdapterInfo info = described(adapters[i]);
        if (rank(&info, wanted) < best_rank) {
            best_rank = rank(&info, wanted);
            best = adapters[i];
        }
        wgpuAdapterInfoFreeMembers(info);
    }
    for (size_t i = 0; i < count; i++)
        if (adapters[i] != best)
            wgpuAdapterRelease(adapters[i]);
    free(adapters);
    if (best == NULL)
        fail(EXIT_NO_ADAPTER, "none of the %zu adapters that speak %s is called '%s'", count, api->name, wanted);
    return best;
}

const char *adapter_kind(WGPUAdapterType type)
{
    switch (type) {
    case WGPUAdapterType_DiscreteGPU: return "discrete";
    case WGPUAdapterType_IntegratedGPU: return "integrated";
    case WGPUAdapterType_CPU: return "cpu";
    default: return "unknown";
    }
}
