/* Short words for what every scene makes: shaders, buffers, pipelines, passes. */
#ifndef VB_PIPELINE_H
#define VB_PIPELINE_H

#include "gpu.h"
#include "target.h"

WGPUBuffer make_buffer(const struct gpu *gpu, WGPUBufferUsage usage, uint64_t bytes);

/* How a picture is drawn: a shader with the entry points "vs" and "fs", one target, no depth. */
struct drawing {
    const char *wgsl;
    WGPUPrimitiveTopology topology;
    const WGPUBlendState *blend;           /* NULL: what is drawn replaces what was there */
    const WGPUVertexBufferLayout *vertices; /* NULL: the shader makes its vertices from their numbers */
    WGPUBindGroupLayout layout;            /* NULL: what the shader declares */
};

WGPURenderPipeline make_render_pipeline(const struct gpu *gpu, const struct drawing *drawing);
WGPUComputePipeline make_compute_pipeline(const struct gpu *gpu, const char *wgsl);

/* The bind group 0 of `layout` (which is released) with `count` entries. */
WGPUBindGroup make_bind_group(const struct gpu *gpu, WGPUBindGroupLayout layout, size_t count,
                              const WGPUBindGroupEntry *entries);

/* `size` bytes of `buffer`, from its start, at `binding`. */
WGPUBindGroupEntry buffer_entry(uint32_t binding, WGPUBuffer buffer, uint64_t size);

/* A pass over `target` that begins with a picture full of `colour`. */
WGPURenderPassEncoder begin_pass(WGPUCommandEncoder encoder, const struct target *target, WGPUColor colour);
void end_pass(WGPURenderPassEncoder pass);

#endif
