/* Compute: a product of two matrices, in single precision, whose every element is known without multiplying them.
 *
 * With left[y][k] = p(y) s(k) + q(y) and right[k][x] = u(x) t(k) + v(x), for whole numbers,
 *
 *     Σₖ left[y][k] right[k][x] = p u Σ s t + p v Σ s + q u Σ t + q v DEPTH
 *
 * exactly: every sum stays below 2²⁴, where single precision has all whole numbers, in whatever order it is formed.
 * The product's bytes are the picture: the element in red, green and blue, lowest byte first. */
#include "pipeline.h"
#include "scene.h"
#include "compute.wgsl.h"

#include <stdlib.h>

enum { DEPTH = 256, TILE = 32 };

struct sizes {
    uint32_t width, height, depth, pitch, frame, unused[3];
};

struct compute {
    struct sizes sizes;
    uint32_t st, s, t; /* Σ s(k) t(k), Σ s(k), Σ t(k) */
    WGPUComputePipeline pipeline;
    WGPUBuffer uniform, left, right, product;
    WGPUBindGroup group;
};

/* Whole numbers from 0 to 7 without a pattern that would let terms of the sums cancel out. */
static uint32_t small(uint32_t index, uint32_t factor)
{
    return (index * factor + 12345) >> 13 & 7;
}

static uint32_t p(uint32_t y) { return small(y, 40503); }
static uint32_t q(uint32_t y) { return small(y, 60493); }
static uint32_t u(uint32_t x) { return small(x, 48271); }
static uint32_t v(uint32_t x) { return small(x, 35969); }
static uint32_t s(uint32_t k) { return small(k, 52845); }
static uint32_t t(uint32_t k) { return small(k, 22719); }

static void upload_matrix(const struct gpu *gpu, WGPUBuffer buffer, uint32_t rows, uint32_t columns,
                          uint32_t (*element)(uint32_t row, uint32_t column))
{
    size_t bytes = (size_t)rows * columns * sizeof(float);
    float *matrix = allocate(bytes, 1);
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t column = 0; column < columns; column++)
            matrix[(size_t)row * columns + column] = (float)element(row, column);
    wgpuQueueWriteBuffer(gpu->queue, buffer, 0, matrix, bytes);
    free(matrix);
}

static uint32_t left(uint32_t y, uint32_t k) { return p(y) * s(k) + q(y); }
static uint32_t right(uint32_t k, uint32_t x) { return u(x) * t(k) + v(x); }

static void check_limits(const struct gpu *gpu)
{
    const WGPULimits *limits = &gpu->limits;
    if (limits->maxStorageBuffersPerShaderStage < 3 || limits->maxComputeInvocationsPerWorkgroup < 64 ||
        limits->maxComputeWorkgroupStorageSize < 8192)
        fail(EXIT_UNSUPPORTED, "the adapter has no compute shaders with three storage buffers");
}

static void make_matrices(const struct gpu *gpu, struct compute *state)
{
    const struct sizes *sizes = &state->sizes;
    const uint64_t left_bytes = (uint64_t)sizes->height * DEPTH * sizeof(float);
    const uint64_t right_bytes = (uint64_t)DEPTH * sizes->width * sizeof(float);
    const uint64_t product_bytes = (uint64_t)sizes->pitch * sizes->height * sizeof(uint32_t);
    state->uniform = make_buffer(gpu, WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, sizeof *sizes);
    state->left = make_buffer(gpu, WGPUBufferUsage_Storage | WGPUBufferUsage_CopyDst, left_bytes);
    state->right = make_buffer(gpu, WGPUBufferUsage_Storage | WGPUBufferUsage_CopyDst, right_bytes);
    state->product = make_buffer(gpu, WGPUBufferUsage_Storage | WGPUBufferUsage_CopySrc, product_bytes);
    upload_matrix(gpu, state->left, sizes->height, DEPTH, left);
    upload_matrix(gpu, state->right, DEPTH, sizes->width, right);
    WGPUBindGroupEntry entries[] = {
        buffer_entry(0, state->uniform, sizeof *sizes),
        buffer_entry(1, state->left, left_bytes),
        buffer_entry(2, state->right, right_bytes),
        buffer_entry(3, state->product, product_bytes),
    };
    state->group = make_bind_group(gpu, wgpuComputePipelineGetBindGroupLayout(state->pipeline, 0), 4, entries);
}

static void *open_compute(const struct gpu *gpu, struct size size)
{
    check_limits(gpu);
    struct compute *state = allocate(1, sizeof *state);
    uint32_t pitch = row_pitch(size.width) / (uint32_t)sizeof(uint32_t);
    state->sizes = (struct sizes){.width = size.width, .height = size.height, .depth = DEPTH, .pitch = pitch};
    for (uint32_t k = 0; k < DEPTH; k++) {
        state->st += s(k) * t(k);
        state->s += s(k);
        state->t += t(k);
    }
    state->pipeline = make_compute_pipeline(gpu, COMPUTE_WGSL);
    make_matrices(gpu, state);
    return state;
}

static struct work compute_work(struct size size)
{
    return (struct work){.upload_bytes = sizeof(struct sizes),
                         .flop = (uint64_t)2 * DEPTH * size.width * size.height};
}

static void encode_compute(void *opaque, const struct gpu *gpu, uint32_t frame, WGPUCommandEncoder encoder,
                           const struct target *target)
{
    struct compute *state = opaque;
    struct sizes sizes = state->sizes;
    sizes.frame = frame;
    wgpuQueueWriteBuffer(gpu->queue, state->uniform, 0, &sizes, sizeof sizes);
    WGPUComputePassEncoder pass = wgpuCommandEncoderBeginComputePass(encoder, NULL);
    wgpuComputePassEncoderSetPipeline(pass, state->pipeline);
    wgpuComputePassEncoderSetBindGroup(pass, 0, state->group, 0, NULL);
    wgpuComputePassEncoderDispatchWorkgroups(pass, (sizes.width + TILE - 1) / TILE, (sizes.height + TILE - 1) / TILE,
                                             1);
    wgpuComputePassEncoderEnd(pass);
    wgpuComputePassEncoderRelease(pass);
    WGPUTexelCopyBufferInfo from = WGPU_TEXEL_COPY_BUFFER_INFO_INIT;
    from.buffer = state->product;
    from.layout.bytesPerRow = sizes.pitch * (uint32_t)sizeof(uint32_t);
    from.layout.rowsPerImage = sizes.height;
    WGPUTexelCopyTextureInfo to = WGPU_TEXEL_COPY_TEXTURE_INFO_INIT;
    to.texture = target->texture;
    WGPUExtent3D extent = {sizes.width, sizes.height, 1};
    wgpuCommandEncoderCopyBufferToTexture(encoder, &from, &to, &extent);
}

static struct expected expect_compute(const void *opaque, uint32_t frame, uint32_t x, uint32_t y)
{
    const struct compute *state = opaque;
    uint32_t element = p(y) * u(x) * state->st + p(y) * v(x) * state->s + q(y) * u(x) * state->t +
                       q(y) * v(x) * DEPTH + frame % 256;
    return (struct expected){
        .pixel = {(uint8_t)element, (uint8_t)(element >> 8), (uint8_t)(element >> 16), 255}};
}

static void close_compute(void *opaque)
{
    struct compute *state = opaque;
    wgpuBindGroupRelease(state->group);
    wgpuBufferRelease(state->uniform);
    wgpuBufferRelease(state->left);
    wgpuBufferRelease(state->right);
    wgpuBufferRelease(state->product);
    wgpuComputePipelineRelease(state->pipeline);
    free(state);
}

const struct scene compute_scene = {
    .name = "compute",
    .what = "a matrix product of the picture's size and depth 256: arithmetic",
    .tolerance = 0,
    .open = open_compute,
    .work = compute_work,
    .encode = encode_compute,
    .expect = expect_compute,
    .close = close_compute,
};
