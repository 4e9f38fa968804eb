/* Streaming: every frame brings a whole new texture and the vertices of a whole new grid.
 *
 * Four of each are made beforehand and taken in turns, so that the clock sees them travel, not being made. */
#include "pipeline.h"
#include "scene.h"
#include "upload.wgsl.h"

#include <stdlib.h>

enum { VARIANTS = 4, TILE = 8 };

struct tile {
    uint32_t x, y, tint, unused;
};

struct upload {
    struct size size;
    uint32_t tiles;
    struct pixel *pictures[VARIANTS];
    struct tile *grids[VARIANTS];
    WGPURenderPipeline pipeline;
    WGPUTexture texture;
    WGPUTextureView view;
    WGPUBuffer grid;
    WGPUBindGroup group;
};

static struct size in_tiles(struct size size)
{
    return (struct size){(size.width + TILE - 1) / TILE, (size.height + TILE - 1) / TILE};
}

static struct pixel texel(uint32_t variant, uint32_t x, uint32_t y)
{
    return (struct pixel){(uint8_t)(x + 16 * variant), (uint8_t)(y + 32 * variant), (uint8_t)(x ^ y), 255};
}

static uint32_t tint(uint32_t variant, uint32_t column, uint32_t row)
{
    return (column * 5 + row * 11 + variant * 3) & 63;
}

static void make_variant(struct upload *state, uint32_t variant)
{
    struct size size = state->size, tiles = in_tiles(size);
    struct pixel *picture = allocate((size_t)size.width * size.height, sizeof *picture);
    for (uint32_t y = 0; y < size.height; y++)
        for (uint32_t x = 0; x < size.width; x++)
            picture[(size_t)y * size.width + x] = texel(variant, x, y);
    struct tile *grid = allocate(state->tiles, sizeof *grid);
    for (uint32_t i = 0; i < state->tiles; i++) {
        uint32_t column = i % tiles.width, row = i / tiles.width;
        grid[i] = (struct tile){column * TILE, row * TILE, tint(variant, column, row), 0};
    }
    state->pictures[variant] = picture;
    state->grids[variant] = grid;
}

static WGPURenderPipeline make_pipeline(const struct gpu *gpu)
{
    WGPUVertexAttribute attributes[2] = {WGPU_VERTEX_ATTRIBUTE_INIT, WGPU_VERTEX_ATTRIBUTE_INIT};
    attributes[0].format = WGPUVertexFormat_Uint32x2;
    attributes[1].format = WGPUVertexFormat_Uint32;
    attributes[1].offset = offsetof(struct tile, tint);
    attributes[1].shaderLocation = 1;
    WGPUVertexBufferLayout layout = WGPU_VERTEX_BUFFER_LAYOUT_INIT;
    layout.stepMode = WGPUVertexStepMode_Instance;
    layout.arrayStride = sizeof(struct tile);
    layout.attributeCount = 2;
    layout.attributes = attributes;
    return make_render_pipeline(gpu, &(struct drawing){.wgsl = UPLOAD_WGSL,
                                                       .topology = WGPUPrimitiveTopology_TriangleStrip,
                                                       .vertices = &layout});
}

static void *open_upload(const struct gpu *gpu, struct size size)
{
    struct upload *state = allocate(1, sizeof *state);
    state->size = size;
    state->tiles = in_tiles(size).width * in_tiles(size).height;
    for (uint32_t variant = 0; variant < VARIANTS; variant++)
        make_variant(state, variant);
    state->pipeline = make_pipeline(gpu);
    WGPUTextureDescriptor descriptor = WGPU_TEXTURE_DESCRIPTOR_INIT;
    descriptor.usage = WGPUTextureUsage_TextureBinding | WGPUTextureUsage_CopyDst;
    descriptor.size = (WGPUExtent3D){size.width, size.height, 1};
    descriptor.format = WGPUTextureFormat_RGBA8Uint;
    descriptor.dimension = WGPUTextureDimension_2D;
    state->texture = wgpuDeviceCreateTexture(gpu->device, &descriptor);
    state->view = wgpuTextureCreateView(state->texture, NULL);
    state->grid = make_buffer(gpu, WGPUBufferUsage_Vertex | WGPUBufferUsage_CopyDst,
                              state->tiles * sizeof(struct tile));
    WGPUBindGroupEntry entry = WGPU_BIND_GROUP_ENTRY_INIT;
    entry.textureView = state->view;
    state->group = make_bind_group(gpu, wgpuRenderPipelineGetBindGroupLayout(state->pipeline, 0), 1, &entry);
    return state;
}

static struct work upload_work(struct size size)
{
    struct size tiles = in_tiles(size);
    return (struct work){.upload_bytes = (uint64_t)size.width * size.height * sizeof(struct pixel) +
                                         (uint64_t)tiles.width * tiles.height * sizeof(struct tile)};
}

static void encode_upload(void *opaque, const struct gpu *gpu, uint32_t frame, WGPUCommandEncoder encoder,
                          const struct target *target)
{
    struct upload *state = opaque;
    struct size size = state->size;
    WGPUTexelCopyTextureInfo to = WGPU_TEXEL_COPY_TEXTURE_INFO_INIT;
    to.texture = state->texture;
    WGPUTexelCopyBufferLayout layout = {0, size.width * (uint32_t)sizeof(struct pixel), size.height};
    WGPUExtent3D extent = {size.width, size.height, 1};
    wgpuQueueWriteTexture(gpu->queue, &to, state->pictures[frame % VARIANTS],
                          (size_t)layout.bytesPerRow * size.height, &layout, &extent);
    wgpuQueueWriteBuffer(gpu->queue, state->grid, 0, state->grids[frame % VARIANTS],
                         state->tiles * sizeof(struct tile));
    WGPURenderPassEncoder pass = begin_pass(encoder, target, (WGPUColor){0, 0, 0, 1});
    wgpuRenderPassEncoderSetPipeline(pass, state->pipeline);
    wgpuRenderPassEncoderSetBindGroup(pass, 0, state->group, 0, NULL);
    wgpuRenderPassEncoderSetVertexBuffer(pass, 0, state->grid, 0, WGPU_WHOLE_SIZE);
    wgpuRenderPassEncoderDraw(pass, 4, state->tiles, 0, 0);
    end_pass(pass);
}

static struct expected expect_upload(const void *opaque, uint32_t frame, uint32_t x, uint32_t y)
{
    (void)opaque;
    struct pixel from = texel(frame % VARIANTS, x, y);
    uint8_t mask = (uint8_t)tint(frame % VARIANTS, x / TILE, y / TILE);
    return (struct expected){
        .pixel = {(uint8_t)(from.r ^ mask), (uint8_t)(from.g ^ mask), (uint8_t)(from.b ^ mask), 255}};
}

static void close_upload(void *opaque)
{
    struct upload *state = opaque;
    for (uint32_t variant = 0; variant < VARIANTS; variant++) {
        free(state->pictures[variant]);
        free(state->grids[variant]);
    }
    wgpuBindGroupRelease(state->group);
    wgpuBufferRelease(state->grid);
    wgpuTextureViewRelease(state->view);
    wgpuTextureRelease(state->texture);
    wgpuRenderPipelineRelease(state->pipeline);
    free(state);
}

const struct scene upload_scene = {
    .name = "upload",
    .what = "a new texture and new vertices every frame: streaming to the GPU",
    .tolerance = 1,
    .open = open_upload,
    .work = upload_work,
    .encode = encode_upload,
    .expect = expect_upload,
    .close = close_upload,
};
