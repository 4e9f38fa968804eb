/* Overdraw: twenty layers over the whole picture, each blended onto the ones before it.
 *
 * A layer adds a whole number of 255ths, so that eight bits hold every sum exactly, whatever the GPU blends in. */
#include "pipeline.h"
#include "scene.h"
#include "fill.wgsl.h"

#include <stdlib.h>

enum { LAYERS = 20, FRAME_BYTES = 16 };

struct fill {
    WGPURenderPipeline pipeline;
    WGPUBuffer frame;
    WGPUBindGroup group;
};

static void *open_fill(const struct gpu *gpu, struct size size)
{
    (void)size;
    struct fill *state = allocate(1, sizeof *state);
    const WGPUBlendComponent add = {WGPUBlendOperation_Add, WGPUBlendFactor_One, WGPUBlendFactor_One};
    const WGPUBlendState blend = {add, add};
    state->pipeline = make_render_pipeline(
        gpu,
        &(struct drawing){.wgsl = FILL_WGSL, .topology = WGPUPrimitiveTopology_TriangleList, .blend = &blend});
    state->frame = make_buffer(gpu, WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, FRAME_BYTES);
    WGPUBindGroupEntry entry = buffer_entry(0, state->frame, FRAME_BYTES);
    state->group = make_bind_group(gpu, wgpuRenderPipelineGetBindGroupLayout(state->pipeline, 0), 1, &entry);
    return state;
}

static struct work fill_work(struct size size)
{
    (void)size;
    return (struct work){.upload_bytes = FRAME_BYTES};
}

static void encode_fill(void *opaque, const struct gpu *gpu, uint32_t frame, WGPUCommandEncoder encoder,
                        const struct target *target)
{
    struct fill *state = opaque;
    uint32_t uniform[FRAME_BYTES / sizeof(uint32_t)] = {frame};
    wgpuQueueWriteBuffer(gpu->queue, state->frame, 0, uniform, sizeof uniform);
    WGPURenderPassEncoder pass = begin_pass(encoder, target, (WGPUColor){0, 0, 0, 1});
    wgpuRenderPassEncoderSetPipeline(pass, state->pipeline);
    wgpuRenderPassEncoderSetBindGroup(pass, 0, state->group, 0, NULL);
    wgpuRenderPassEncoderDraw(pass, 3, LAYERS, 0, 0);
    end_pass(pass);
}

static uint8_t saturated(uint32_t sum)
{
    return sum > 255 ? 255 : (uint8_t)sum;
}

static struct expected expect_fill(const void *opaque, uint32_t frame, uint32_t x, uint32_t y)
{
    (void)opaque;
    uint32_t r = 0, g = 0, b = 0;
    for (uint32_t layer = 0; layer < LAYERS; layer++) {
        r += ((x + layer * y + frame) >> 5) & 15;
        g += ((y + layer * x + frame) >> 5) & 15;
        b += ((x + y + frame) >> 5) & 15;
    }
    return (struct expected){.pixel = {saturated(r), saturated(g), saturated(b), 255}};
}

static void close_fill(void *opaque)
{
    struct fill *state = opaque;
    wgpuBindGroupRelease(state->group);
    wgpuBufferRelease(state->frame);
    wgpuRenderPipelineRelease(state->pipeline);
    free(state);
}

const struct scene fill_scene = {
    .name = "fill",
    .what = "twenty blended layers over the whole picture: overdraw",
    .tolerance = 1,
    .open = open_fill,
    .work = fill_work,
    .encode = encode_fill,
    .expect = expect_fill,
    .close = close_fill,
};
