/* Readback: every frame's whole picture comes back and is copied out of the mapping, as a video encoder would have it.
 *
 * A few pixels of every copy are compared, so that none is a frame late. */
#include "pipeline.h"
#include "scene.h"
#include "readback.wgsl.h"

#include <stdlib.h>
#include <string.h>

enum { FRAME_BYTES = 16, LOOKS = 16 };

struct whole {
    struct readback readback;
    struct pixel *picture;
    WGPURenderPipeline pipeline;
    WGPUBuffer frame;
    WGPUBindGroup group;
};

static struct pixel colour_of(uint32_t frame, uint32_t x, uint32_t y)
{
    return (struct pixel){(uint8_t)(x + frame), (uint8_t)y, (uint8_t)(x ^ y), 255};
}

static void *open_whole(const struct gpu *gpu, struct size size)
{
    struct whole *state = allocate(1, sizeof *state);
    state->readback = make_readback(gpu, size);
    state->picture = allocate((size_t)size.width * size.height, sizeof *state->picture);
    state->pipeline = make_render_pipeline(
        gpu, &(struct drawing){.wgsl = READBACK_WGSL, .topology = WGPUPrimitiveTopology_TriangleList});
    state->frame = make_buffer(gpu, WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, FRAME_BYTES);
    WGPUBindGroupEntry entry = buffer_entry(0, state->frame, FRAME_BYTES);
    state->group = make_bind_group(gpu, wgpuRenderPipelineGetBindGroupLayout(state->pipeline, 0), 1, &entry);
    return state;
}

static struct work whole_work(struct size size)
{
    return (struct work){.upload_bytes = FRAME_BYTES,
                         .readback_bytes = (uint64_t)size.width * size.height * sizeof(struct pixel)};
}

static void encode_whole(void *opaque, const struct gpu *gpu, uint32_t frame, WGPUCommandEncoder encoder,
                         const struct target *target)
{
    struct whole *state = opaque;
    uint32_t uniform[FRAME_BYTES / sizeof(uint32_t)] = {frame};
    wgpuQueueWriteBuffer(gpu->queue, state->frame, 0, uniform, sizeof uniform);
    WGPURenderPassEncoder pass = begin_pass(encoder, target, (WGPUColor){0, 0, 0, 1});
    wgpuRenderPassEncoderSetPipeline(pass, state->pipeline);
    wgpuRenderPassEncoderSetBindGroup(pass, 0, state->group, 0, NULL);
    wgpuRenderPassEncoderDraw(pass, 3, 1, 0, 0);
    end_pass(pass);
    encode_readback(encoder, target, &state->readback);
}

static void request_whole(void *opaque)
{
    request_mapping(&((struct whole *)opaque)->readback);
}

static void receive_whole(void *opaque, uint32_t frame)
{
    struct whole *state = opaque;
    struct size size = state->readback.size;
    const uint8_t *rows = mapped_rows(&state->readback);
    for (uint32_t y = 0; y < size.height; y++)
        memcpy(state->picture + (size_t)y * size.width, rows + (size_t)y * state->readback.pitch,
               size.width * sizeof *state->picture);
    unmap(&state->readback);
    for (uint32_t look = 0; look < LOOKS; look++) {
        uint32_t x = look * (size.width - 1) / (LOOKS - 1), y = look * (size.height - 1) / (LOOKS - 1);
        struct pixel got = state->picture[(size_t)y * size.width + x], expected = colour_of(frame, x, y);
        if (abs(got.r - expected.r) > 1 || abs(got.g - expected.g) > 1 || abs(got.b - expected.b) > 1)
            fail(EXIT_WRONG_PICTURE, "readback: frame %u has %u,%u,%u at %u,%u instead of %u,%u,%u", frame, got.r,
                 got.g, got.b, x, y, expected.r, expected.g, expected.b);
    }
}

static struct expected expect_whole(const void *opaque, uint32_t frame, uint32_t x, uint32_t y)
{
    (void)opaque;
    return (struct expected){.pixel = colour_of(frame, x, y)};
}

static void close_whole(void *opaque)
{
    struct whole *state = opaque;
    wgpuBindGroupRelease(state->group);
    wgpuBufferRelease(state->frame);
    wgpuRenderPipelineRelease(state->pipeline);
    release_readback(&state->readback);
    free(state->picture);
    free(state);
}

const struct scene readback_scene = {
    .name = "readback",
    .what = "read the whole picture of every frame: streaming from the GPU",
    .answers = true,
    .tolerance = 1,
    .open = open_whole,
    .work = whole_work,
    .encode = encode_whole,
    .request = request_whole,
    .receive = receive_whole,
    .expect = expect_whole,
    .close = close_whole,
};
