/* What is drawn into, off-screen, and how it comes back to the processor. */
#ifndef VB_TARGET_H
#define VB_TARGET_H

#include "gpu.h"

#define TARGET_FORMAT WGPUTextureFormat_RGBA8Unorm

struct target {
    WGPUTexture texture;
    WGPUTextureView view;
    struct size size;
};

/* Ends the program with EXIT_UNSUPPORTED when the adapter has no textures of this size. */
struct target make_target(const struct gpu *gpu, struct size size);
void release_target(struct target *target);

/* A buffer that a picture is copied into and mapped from; its rows are `pitch` bytes apart. */
struct readback {
    WGPUBuffer buffer;
    struct size size;
    uint32_t pitch;
    bool mapped, failed;
};

/* WebGPU copies rows that begin at multiples of 256 bytes. */
uint32_t row_pitch(uint32_t width);

struct readback make_readback(const struct gpu *gpu, struct size size);

/* Record the copy of the target's upper left corner, of the readback's size. */
void encode_readback(WGPUCommandEncoder encoder, const struct target *target, const struct readback *readback);

/* Ask for the mapping after the copy was submitted: it happens while the submission is waited for. */
void request_mapping(struct readback *readback);

/* The bytes of the first row, after the wait; ends the program when there is no mapping. Valid until unmap. */
const uint8_t *mapped_rows(struct readback *readback);
void unmap(struct readback *readback);

void release_readback(struct readback *readback);

/* The whole picture, `size.width` × `size.height`, in memory to free. */
struct pixel *read_target(const struct gpu *gpu, const struct target *target);

#endif
