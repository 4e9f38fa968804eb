#include "pipeline.h"

WGPUBuffer make_buffer(const struct gpu *gpu, WGPUBufferUsage usage, uint64_t bytes)
{
    if (bytes > gpu->limits.maxBufferSize)
        fail(EXIT_UNSUPPORTED, "the adapter has no buffers of %llu bytes", (unsigned long long)bytes);
    WGPUBufferDescriptor descriptor = WGPU_BUFFER_DESCRIPTOR_INIT;
    descriptor.usage = usage;
    descriptor.size = bytes;
    return wgpuDeviceCreateBuffer(gpu->device, &descriptor);
}

static WGPUShaderModule make_module(const struct gpu *gpu, const char *wgsl)
{
    WGPUShaderSourceWGSL source = WGPU_SHADER_SOURCE_WGSL_INIT;
    source.code = text(wgsl);
    WGPUShaderModuleDescriptor descriptor = WGPU_SHADER_MODULE_DESCRIPTOR_INIT;
    descriptor.nextInChain = &source.chain;
    return wgpuDeviceCreateShaderModule(gpu->device, &descriptor);
}

static WGPUPipelineLayout make_layout(const struct gpu *gpu, WGPUBindGroupLayout group)
{
    if (group == NULL)
        return NULL;
    WGPUPipelineLayoutDescriptor descriptor = WGPU_PIPELINE_LAYOUT_DESCRIPTOR_INIT;
    descriptor.bindGroupLayoutCount = 1;
    descriptor.bindGroupLayouts = &group;
    return wgpuDeviceCreatePipelineLayout(gpu->device, &descriptor);
}

WGPURenderPipeline make_render_pipeline(const struct gpu *gpu, const struct drawing *drawing)
{
    WGPUShaderModule module = make_module(gpu, drawing->wgsl);
    WGPUPipelineLayout layout = make_layout(gpu, drawing->layout);
    WGPUColorTargetState colours = WGPU_COLOR_TARGET_STATE_INIT;
    colours.format = TARGET_FORMAT;
    colours.blend = drawing->blend;
    WGPUFragmentState fragment = WGPU_FRAGMENT_STATE_INIT;
    fragment.module = module;
    fragment.entryPoint = text("fs");
    fragment.targetCount = 1;
    fragment.targets = &colours;
    WGPURenderPipelineDescriptor descriptor = WGPU_RENDER_PIPELINE_DESCRIPTOR_INIT;
    descriptor.layout = layout;
    descriptor.vertex.module = module;
    descriptor.vertex.entryPoint = text("vs");
    descriptor.vertex.bufferCount = drawing->vertices != NULL;
    descriptor.vertex.buffers = drawing->vertices;
    descriptor.primitive.topology = drawing->topology;
    descriptor.multisample.count = 1;
    descriptor.multisample.mask = UINT32_MAX;
    descriptor.fragment = &fragment;
    WGPURenderPipeline pipeline = wgpuDeviceCreateRenderPipeline(gpu->device, &descriptor);
    wgpuShaderModuleRelease(module);
    if (layout != NULL)
        wgpuPipelineLayoutRelease(layout);
    return pipeline;
}

WGPUComputePipeline make_compute_pipeline(const struct gpu *gpu, const char *wgsl)
{
    WGPUShaderModule module = make_module(gpu, wgsl);
    WGPUComputePipelineDescriptor descriptor = WGPU_COMPUTE_PIPELINE_DESCRIPTOR_INIT;
    descriptor.compute.module = module;
    descriptor.compute.entryPoint = text("cs");
    WGPUComputePipeline pipeline = wgpuDeviceCreateComputePipeline(gpu->device, &descriptor);
    wgpuShaderModuleRelease(module);
    return pipeline;
}

WGPUBindGroup make_bind_group(const struct gpu *gpu, WGPUBindGroupLayout layout, size_t count,
                              const WGPUBindGroupEntry *entries)
{
    WGPUBindGroupDescriptor descriptor = WGPU_BIND_GROUP_DESCRIPTOR_INIT;
    descriptor.layout = layout;
    descriptor.entryCount = count;
    descriptor.entries = entries;
    WGPUBindGroup group = wgpuDeviceCreateBindGroup(gpu->device, &descriptor);
    wgpuBindGroupLayoutRelease(layout);
    return group;
}

WGPUBindGroupEntry buffer_entry(uint32_t binding, WGPUBuffer buffer, uint64_t size)
{
    WGPUBindGroupEntry entry = WGPU_BIND_GROUP_ENTRY_INIT;
    entry.binding = binding;
    entry.buffer = buffer;
    entry.size = size;
    return entry;
}

WGPURenderPassEncoder begin_pass(WGPUCommandEncoder encoder, const struct target *target, WGPUColor colour)
{
    WGPURenderPassColorAttachment attachment = WGPU_RENDER_PASS_COLOR_ATTACHMENT_INIT;
    attachment.view = target->view;
    attachment.loadOp = WGPULoadOp_Clear;
    attachment.storeOp = WGPUStoreOp_Store;
    attachment.clearValue = colour;
    WGPURenderPassDescriptor descriptor = WGPU_RENDER_PASS_DESCRIPTOR_INIT;
    descriptor.colorAttachmentCount = 1;
    descriptor.colorAttachments = &attachment;
    return wgpuCommandEncoderBeginRenderPass(encoder, &descriptor);
}

void end_pass(WGPURenderPassEncoder pass)
{
    wgpuRenderPassEncoderEnd(pass);
    wgpuRenderPassEncoderRelease(pass);
}
