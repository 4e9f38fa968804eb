/* Submission: one small draw a frame, so that a frame costs what it costs to hand commands to the GPU.
 *
 * The triangle turns once in 240 frames; red, green and blue corners are interpolated. */
#include "pipeline.h"
#include "scene.h"
#include "triangle.wgsl.h"

#include <math.h>
#include <stdlib.h>

static const double TURN = 6.283185307179586, RADIUS = 0.9, FRAMES_A_TURN = 240;
static const struct pixel GROUND = {0, 0, 51, 255};

/* How near an edge is too near to say, in pixels: WebGPU demands no finer grid for corners than a sixteenth. */
static const double UNDECIDED = 0.25;

struct corners {
    float xy[3][4]; /* in clip space; a uniform array has 16 bytes an element */
};

struct triangle {
    struct size size;
    WGPURenderPipeline pipeline;
    WGPUBuffer corners;
    WGPUBindGroup group;
};

static struct corners corners_at(uint32_t frame)
{
    struct corners corners = {0};
    for (int i = 0; i < 3; i++) {
        double angle = TURN * (fmod(frame, FRAMES_A_TURN) / FRAMES_A_TURN + i / 3.0);
        corners.xy[i][0] = (float)(RADIUS * sin(angle));
        corners.xy[i][1] = (float)(RADIUS * cos(angle));
    }
    return corners;
}

static void *open_triangle(const struct gpu *gpu, struct size size)
{
    struct triangle *state = allocate(1, sizeof *state);
    state->size = size;
    state->pipeline = make_render_pipeline(
        gpu, &(struct drawing){.wgsl = TRIANGLE_WGSL, .topology = WGPUPrimitiveTopology_TriangleList});
    state->corners = make_buffer(gpu, WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, sizeof(struct corners));
    WGPUBindGroupEntry entry = buffer_entry(0, state->corners, sizeof(struct corners));
    state->group = make_bind_group(gpu, wgpuRenderPipelineGetBindGroupLayout(state->pipeline, 0), 1, &entry);
    return state;
}

static struct work triangle_work(struct size size)
{
    (void)size;
    return (struct work){.upload_bytes = sizeof(struct corners)};
}

static void encode_triangle(void *opaque, const struct gpu *gpu, uint32_t frame, WGPUCommandEncoder encoder,
                            const struct target *target)
{
    struct triangle *state = opaque;
    struct corners corners = corners_at(frame);
    wgpuQueueWriteBuffer(gpu->queue, state->corners, 0, &corners, sizeof corners);
    WGPUColor ground = {GROUND.r / 255.0, GROUND.g / 255.0, GROUND.b / 255.0, 1};
    WGPURenderPassEncoder pass = begin_pass(encoder, target, ground);
    wgpuRenderPassEncoderSetPipeline(pass, state->pipeline);
    wgpuRenderPassEncoderSetBindGroup(pass, 0, state->group, 0, NULL);
    wgpuRenderPassEncoderDraw(pass, 3, 1, 0, 0);
    end_pass(pass);
}

/* Barycentric coordinates in double precision, in pixels, of the corners that the GPU was given. */
static struct expected expect_triangle(const void *opaque, uint32_t frame, uint32_t x, uint32_t y)
{
    const struct triangle *state = opaque;
    struct corners corners = corners_at(frame);
    double cx[3], cy[3], weight[3];
    for (int i = 0; i < 3; i++) {
        cx[i] = (corners.xy[i][0] + 1.0) / 2 * state->size.width - (x + 0.5);
        cy[i] = (1.0 - corners.xy[i][1]) / 2 * state->size.height - (y + 0.5);
    }
    double area = (cx[1] - cx[0]) * (cy[2] - cy[0]) - (cx[2] - cx[0]) * (cy[1] - cy[0]);
    bool inside = true, undecided = false;
    for (int i = 0; i < 3; i++) {
        int j = (i + 1) % 3, k = (i + 2) % 3;
        weight[i] = (cx[j] * cy[k] - cx[k] * cy[j]) / area;
        double edge = hypot(cx[k] - cx[j], cy[k] - cy[j]);
        inside = inside && weight[i] > 0;
        undecided = undecided || fabs(weight[i] * area) < UNDECIDED * edge;
    }
    struct pixel colour = {(uint8_t)lround(255 * weight[0] * inside), (uint8_t)lround(255 * weight[1] * inside),
                           (uint8_t)lround(255 * weight[2] * inside), 255};
    return (struct expected){inside ? colour : GROUND, undecided};
}

static void close_triangle(void *opaque)
{
    struct triangle *state = opaque;
    wgpuBindGroupRelease(state->group);
    wgpuBufferRelease(state->corners);
    wgpuRenderPipelineRelease(state->pipeline);
    free(state);
}

const struct scene triangle_scene = {
    .name = "triangle",
    .what = "one turning triangle: what it costs to submit a frame",
    .tolerance = 2,
    .open = open_triangle,
    .work = triangle_work,
    .encode = encode_triangle,
    .expect = expect_triangle,
    .close = close_triangle,
};
