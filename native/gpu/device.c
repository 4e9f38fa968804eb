#include "device.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Set by wgpu's callbacks, on any thread, and read between frames. */
static volatile sig_atomic_t lost, wrong;
static char why[512];

static void remember(WGPUStringView message, volatile sig_atomic_t *flag)
{
    if (lost || wrong)
        return; /* the first failure explains the others */
    size_t length = 0;
    for (; length < message.length && length < sizeof why - 1; length++)
        why[length] = message.data[length] == '\n' ? ' ' : message.data[length];
    why[length] = '\0';
    *flag = 1;
}

static void on_lost(WGPUDevice const *device, WGPUDeviceLostReason reason, WGPUStringView message, void *closing,
                    void *unused)
{
    (void)device, (void)reason, (void)unused;
    if (!*(bool *)closing)
        remember(message, &lost);
}

static void on_error(WGPUDevice const *device, WGPUErrorType type, WGPUStringView message, void *unused, void *unused2)
{
    (void)device, (void)type, (void)unused, (void)unused2;
    remember(message, &wrong);
}

static void on_device(WGPURequestDeviceStatus status, WGPUDevice device, WGPUStringView message, void *into,
                      void *unused)
{
    (void)unused;
    if (status != WGPURequestDeviceStatus_Success)
        remember(message, &wrong);
    *(WGPUDevice *)into = device;
}

/* wgpu-native panics, which is SIGABRT, when it is told to wait for a device that is lost; a driver whose own host is
   gone aborts before anybody knows that it is: abort() then goes on to end the program, and its status says so. */
static void on_abort(int number)
{
    (void)number;
    static const char MESSAGE[] = "vb-gpu: the device was lost, and wgpu-native gave up\n";
    if (lost && write(STDERR_FILENO, MESSAGE, sizeof MESSAGE - 1) >= 0)
        _exit(EXIT_LOST);
}

static bool closing;

struct gpu open_gpu(const struct api *api, const char *adapter)
{
    struct gpu gpu = {.instance = open_instance(api), .info = WGPU_ADAPTER_INFO_INIT, .limits = WGPU_LIMITS_INIT};
    gpu.adapter = choose_adapter(gpu.instance, api, adapter);
    if (wgpuAdapterGetInfo(gpu.adapter, &gpu.info) != WGPUStatus_Success ||
        wgpuAdapterGetLimits(gpu.adapter, &gpu.limits) != WGPUStatus_Success)
        fail(EXIT_FAILED, "the adapter does not say what it can do");
    signal(SIGABRT, on_abort);
    WGPUDeviceDescriptor descriptor = WGPU_DEVICE_DESCRIPTOR_INIT;
    descriptor.requiredLimits = &gpu.limits; /* WebGPU's default limits are more than some GLES drivers have */
    descriptor.deviceLostCallbackInfo.mode = WGPUCallbackMode_AllowSpontaneous;
    descriptor.deviceLostCallbackInfo.callback = on_lost;
    descriptor.deviceLostCallbackInfo.userdata1 = &closing;
    descriptor.uncapturedErrorCallbackInfo.callback = on_error;
    WGPURequestDeviceCallbackInfo request = WGPU_REQUEST_DEVICE_CALLBACK_INFO_INIT;
    request.mode = WGPUCallbackMode_AllowSpontaneous;
    request.callback = on_device;
    request.userdata1 = &gpu.device;
    wgpuAdapterRequestDevice(gpu.adapter, &descriptor, request); /* wgpu-native answers before it returns */
    if (gpu.device == NULL)
        fail(EXIT_FAILED, "the adapter gives no device: %s", why);
    gpu.queue = wgpuDeviceGetQueue(gpu.device);
    return gpu;
}

void check_gpu(void)
{
    if (lost)
        fail(EXIT_LOST, "the device was lost: %s", why);
    if (wrong)
        fail(EXIT_FAILED, "wgpu refused a call: %s", why);
}

void close_gpu(struct gpu *gpu)
{
    closing = true;
    wgpuQueueRelease(gpu->queue);
    wgpuDeviceRelease(gpu->device);
    wgpuAdapterInfoFreeMembers(gpu->info);
    wgpuAdapterRelease(gpu->adapter);
    wgpuInstanceRelease(gpu->instance);
}
