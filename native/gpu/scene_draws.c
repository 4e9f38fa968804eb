/* The command stream: 10,000 draw calls a frame, each with a bind group of its own offset, each a small rectangle.
 *
 * Rectangles tile the picture in at most 100 × 100 cells whose edges are edges of pixels. Where there are fewer cells
 * than draws (below 100 pixels), later draws cover earlier ones. */
#include "pipeline.h"
#include "scene.h"
#include "draws.wgsl.h"

#include <stdlib.h>
#include <string.h>

/* WebGPU lets a uniform's offset be any multiple of 256. */
enum { DRAWS = 10000, CELLS = 100, STRIDE = 256, FRAME_BYTES = 16 };

struct rectangle {
    float edges[4];
    uint32_t colour[4];
};

struct draws {
    struct size size;
    uint32_t columns, rows;
    WGPURenderPipeline pipeline;
    WGPUBuffer rectangles, frame;
    WGPUBindGroup group;
};

static struct pixel colour_of(const struct draws *state, uint32_t draw)
{
    uint32_t cell = draw % (state->columns * state->rows);
    uint32_t column = cell % state->columns, row = cell / state->columns;
    return (struct pixel){(uint8_t)(column * 255 / state->columns), (uint8_t)(row * 255 / state->rows),
                          (uint8_t)(draw * 7), 255};
}

static void write_rectangle(const struct draws *state, uint32_t draw, struct rectangle *rectangle)
{
    uint32_t cell = draw % (state->columns * state->rows);
    uint32_t column = cell % state->columns, row = cell / state->columns;
    uint32_t left = column * state->size.width / state->columns;
    uint32_t right = (column + 1) * state->size.width / state->columns;
    uint32_t top = row * state->size.height / state->rows;
    uint32_t bottom = (row + 1) * state->size.height / state->rows;
    rectangle->edges[0] = (float)(2.0 * left / state->size.width - 1);
    rectangle->edges[1] = (float)(1 - 2.0 * top / state->size.height);
    rectangle->edges[2] = (float)(2.0 * right / state->size.width - 1);
    rectangle->edges[3] = (float)(1 - 2.0 * bottom / state->size.height);
    struct pixel colour = colour_of(state, draw);
    memcpy(rectangle->colour, (uint32_t[4]){colour.r, colour.g, colour.b, colour.a}, sizeof rectangle->colour);
}

static WGPUBindGroupLayout make_group_layout(const struct gpu *gpu)
{
    WGPUBindGroupLayoutEntry entries[2] = {WGPU_BIND_GROUP_LAYOUT_ENTRY_INIT, WGPU_BIND_GROUP_LAYOUT_ENTRY_INIT};
    entries[0].binding = 0;
    entries[0].visibility = WGPUShaderStage_Vertex | WGPUShaderStage_Fragment;
    entries[0].buffer.type = WGPUBufferBindingType_Uniform;
    entries[0].buffer.hasDynamicOffset = true;
    entries[1].binding = 1;
    entries[1].visibility = WGPUShaderStage_Fragment;
    entries[1].buffer.type = WGPUBufferBindingType_Uniform;
    WGPUBindGroupLayoutDescriptor descriptor = WGPU_BIND_GROUP_LAYOUT_DESCRIPTOR_INIT;
    descriptor.entryCount = 2;
    descriptor.entries = entries;
    return wgpuDeviceCreateBindGroupLayout(gpu->device, &descriptor);
}

static void upload_rectangles(const struct gpu *gpu, const struct draws *state)
{
    uint8_t *rectangles = allocate(DRAWS, STRIDE);
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        struct rectangle rectangle;
        write_rectangle(state, draw, &rectangle);
        memcpy(rectangles + (size_t)draw * STRIDE, &rectangle, sizeof rectangle);
    }
    wgpuQueueWriteBuffer(gpu->queue, state->rectangles, 0, rectangles, (size_t)DRAWS * STRIDE);
    free(rectangles);
}

static void *open_draws(const struct gpu *gpu, struct size size)
{
    struct draws *state = allocate(1, sizeof *state);
    state->size = size;
    state->columns = size.width < CELLS ? size.width : CELLS;
    state->rows = size.height < CELLS ? size.height : CELLS;
    WGPUBindGroupLayout layout = make_group_layout(gpu);
    state->pipeline = make_render_pipeline(
        gpu,
        &(struct drawing){.wgsl = DRAWS_WGSL, .topology = WGPUPrimitiveTopology_TriangleStrip, .layout = layout});
    state->rectangles =
        make_buffer(gpu, WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, (uint64_t)DRAWS * STRIDE);
    state->frame = make_buffer(gpu, WGPUBufferUsage_Uniform | WGPUBufferUsage_CopyDst, FRAME_BYTES);
    WGPUBindGroupEntry entries[] = {
        buffer_entry(0, state->rectangles, sizeof(struct rectangle)),
        buffer_entry(1, state->frame, FRAME_BYTES),
    };
    state->group = make_bind_group(gpu, layout, 2, entries);
    upload_rectangles(gpu, state);
    return state;
}

static struct work draws_work(struct size size)
{
    (void)size;
    return (struct work){.upload_bytes = FRAME_BYTES};
}

static void encode_draws(void *opaque, const struct gpu *gpu, uint32_t frame, WGPUCommandEncoder encoder,
                         const struct target *target)
{
    struct draws *state = opaque;
    uint32_t uniform[FRAME_BYTES / sizeof(uint32_t)] = {frame};
    wgpuQueueWriteBuffer(gpu->queue, state->frame, 0, uniform, sizeof uniform);
    WGPURenderPassEncoder pass = begin_pass(encoder, target, (WGPUColor){0, 0, 0, 1});
    wgpuRenderPassEncoderSetPipeline(pass, state->pipeline);
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        uint32_t offset = draw * STRIDE;
        wgpuRenderPassEncoderSetBindGroup(pass, 0, state->group, 1, &offset);
        wgpuRenderPassEncoderDraw(pass, 4, 1, 0, 0);
    }
    end_pass(pass);
}

/* The column or row of a pixel: cell c begins at c × pixels ÷ cells, rounded down. */
static uint32_t cell_of(uint32_t at, uint32_t pixels, uint32_t cells)
{
    uint32_t cell = at * cells / pixels;
    while ((cell + 1) * pixels / cells <= at)
        cell++;
    return cell;
}

static struct expected expect_draws(const void *opaque, uint32_t frame, uint32_t x, uint32_t y)
{
    const struct draws *state = opaque;
    uint32_t cells = state->columns * state->rows;
    uint32_t cell = cell_of(y, state->size.height, state->rows) * state->columns +
                    cell_of(x, state->size.width, state->columns);
    uint32_t last = cell + (DRAWS - 1 - cell) / cells * cells; /* the last draw of this cell is on top */
    struct pixel colour = colour_of(state, last);
    return (struct expected){.pixel = {(uint8_t)(colour.r + frame), (uint8_t)(colour.g + 2 * frame),
                                       (uint8_t)(colour.b + 3 * frame), 255}};
}

static void close_draws(void *opaque)
{
    struct draws *state = opaque;
    wgpuBindGroupRelease(state->group);
    wgpuBufferRelease(state->rectangles);
    wgpuBufferRelease(state->frame);
    wgpuRenderPipelineRelease(state->pipeline);
    free(state);
}

const struct scene draws_scene = {
    .name = "draws",
    .what = "10,000 small draw calls a frame: the command stream",
    .tolerance = 1,
    .open = open_draws,
    .work = draws_work,
    .encode = encode_draws,
    .expect = expect_draws,
    .close = close_draws,
};
