/* What every file of vb-gpu has in common: the device, sizes, and how the program ends.
 *
 * Include this header first: it asks the C library for the POSIX calls that -std=c17 hides. */
#ifndef VB_GPU_H
#define VB_GPU_H

#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "webgpu.h"
#include "wgpu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses; the harness tells them apart. */
enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_WRONG_PICTURE = 3,
    EXIT_NO_API = 4,      /* no adapter speaks the API that was asked for */
    EXIT_NO_ADAPTER = 5,  /* some do, and none is the one that was asked for */
    EXIT_UNSUPPORTED = 6, /* the adapter cannot do this size or scene */
    EXIT_LOST = 7,        /* the device was lost */
    EXIT_HUNG = 8,        /* a step took longer than its deadline */
    EXIT_SIGNALLED = 128, /* plus the signal's number */
};

/* A picture's size in pixels. */
struct size {
    uint32_t width, height;
};

/* Four bytes, in the order in which WGPUTextureFormat_RGBA8Unorm has them in memory. */
struct pixel {
    uint8_t r, g, b, a;
};

struct gpu {
    WGPUInstance instance;
    WGPUAdapter adapter;
    WGPUDevice device;
    WGPUQueue queue;
    WGPUAdapterInfo info;
    WGPULimits limits;
};

/* Ends the program with `status` after one line on stderr: "vb-gpu: …". */
_Noreturn void fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* calloc that ends the program when memory is short. */
void *allocate(size_t count, size_t bytes);

static inline WGPUStringView text(const char *string)
{
    return (WGPUStringView){string, WGPU_STRLEN};
}

#endif
