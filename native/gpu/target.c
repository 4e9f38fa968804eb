#include "device.h"
#include "pipeline.h"
#include "target.h"
#include "wait.h"

#include <string.h>

struct target make_target(const struct gpu *gpu, struct size size)
{
    uint32_t most = gpu->limits.maxTextureDimension2D;
    if (size.width > most || size.height > most)
        fail(EXIT_UNSUPPORTED, "%ux%u is more than the adapter's %ux%u pixels", size.width, size.height, most, most);
    WGPUTextureDescriptor descriptor = WGPU_TEXTURE_DESCRIPTOR_INIT;
    descriptor.usage = WGPUTextureUsage_RenderAttachment | WGPUTextureUsage_CopySrc | WGPUTextureUsage_CopyDst;
    descriptor.size = (WGPUExtent3D){size.width, size.height, 1};
    descriptor.format = TARGET_FORMAT;
    descriptor.dimension = WGPUTextureDimension_2D;
    WGPUTexture texture = wgpuDeviceCreateTexture(gpu->device, &descriptor);
    return (struct target){texture, wgpuTextureCreateView(texture, NULL), size};
}

void release_target(struct target *target)
{
    wgpuTextureViewRelease(target->view);
    wgpuTextureRelease(target->texture);
}

uint32_t row_pitch(uint32_t width)
{
    return (width * (uint32_t)sizeof(struct pixel) + 255) / 256 * 256;
}

struct readback make_readback(const struct gpu *gpu, struct size size)
{
    uint32_t pitch = row_pitch(size.width);
    WGPUBuffer buffer =
        make_buffer(gpu, WGPUBufferUsage_CopyDst | WGPUBufferUsage_MapRead, (uint64_t)pitch * size.height);
    return (struct readback){.buffer = buffer, .size = size, .pitch = pitch};
}

void encode_readback(WGPUCommandEncoder encoder, const struct target *target, const struct readback *readback)
{
    WGPUTexelCopyTextureInfo from = WGPU_TEXEL_COPY_TEXTURE_INFO_INIT;
    from.texture = target->texture;
    WGPUTexelCopyBufferInfo to = WGPU_TEXEL_COPY_BUFFER_INFO_INIT;
    to.buffer = readback->buffer;
    to.layout.bytesPerRow = readback->pitch;
    to.layout.rowsPerImage = readback->size.height;
    WGPUExtent3D extent = {readback->size.width, readback->size.height, 1};
    wgpuCommandEncoderCopyTextureToBuffer(encoder, &from, &to, &extent);
}

static void on_mapped(WGPUMapAsyncStatus status, WGPUStringView message, void *readback, void *unused)
{
    (void)message, (void)unused;
    *(status == WGPUMapAsyncStatus_Success ? &((struct readback *)readback)->mapped
                                           : &((struct readback *)readback)->failed) = true;
}

void request_mapping(struct readback *readback)
{
    WGPUBufferMapCallbackInfo request = WGPU_BUFFER_MAP_CALLBACK_INFO_INIT;
    request.mode = WGPUCallbackMode_AllowSpontaneous;
    request.callback = on_mapped;
    request.userdata1 = readback;
    readback->mapped = readback->failed = false;
    wgpuBufferMapAsync(readback->buffer, WGPUMapMode_Read, 0, (size_t)readback->pitch * readback->size.height,
                       request);
}

const uint8_t *mapped_rows(struct readback *readback)
{
    check_gpu();
    const void *rows = readback->mapped ? wgpuBufferGetConstMappedRange(
                                              readback->buffer, 0, (size_t)readback->pitch * readback->size.height)
                                        : NULL;
    if (rows == NULL)
        fail(EXIT_FAILED, "the picture that was read back cannot be mapped");
    return rows;
}

void unmap(struct readback *readback)
{
    wgpuBufferUnmap(readback->buffer);
}

void release_readback(struct readback *readback)
{
    wgpuBufferRelease(readback->buffer);
}

struct pixel *read_target(const struct gpu *gpu, const struct target *target)
{
    struct readback readback = make_readback(gpu, target->size);
    WGPUCommandEncoder encoder = wgpuDeviceCreateCommandEncoder(gpu->device, NULL);
    encode_readback(encoder, target, &readback);
    WGPUCommandBuffer commands = wgpuCommandEncoderFinish(encoder, NULL);
    wgpuCommandEncoderRelease(encoder);
    struct submission submission;
    submit_commands(gpu, commands, &submission);
    request_mapping(&readback);
    await_submission(gpu, &submission);
    const uint8_t *rows = mapped_rows(&readback);
    struct size size = target->size;
    struct pixel *picture = allocate((size_t)size.width * size.height, sizeof *picture);
    for (uint32_t y = 0; y < size.height; y++)
        memcpy(picture + (size_t)y * size.width, rows + (size_t)y * readback.pitch, size.width * sizeof *picture);
    unmap(&readback);
    release_readback(&readback);
    return picture;
}
