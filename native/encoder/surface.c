#include "surface.h"

#include "failure.h"

enum { MACROBLOCK = 16, RGB_BYTES = 4 };

bool vb_size_fits(uint32_t width, uint32_t height)
{
    if (width == 0 || height == 0 || width > VB_ENCODER_DIMENSION_MAX || height > VB_ENCODER_DIMENSION_MAX) {
        return false;
    }
    uint32_t columns = (width + MACROBLOCK - 1) / MACROBLOCK;
    uint32_t rows = (height + MACROBLOCK - 1) / MACROBLOCK;
    return columns * rows <= VB_ENCODER_MACROBLOCKS_MAX;
}

static vb_encoder_status check_stride(const vb_surface *surface, uint64_t row_bytes, vb_encoder_failure *failure)
{
    if (surface->stride < row_bytes) {
        return vb_fail(failure, VB_ENCODER_BAD_SURFACE, 0, "a stride of %u bytes is less than a row of %u pixels, %llu",
                       surface->stride, surface->width, (unsigned long long)row_bytes);
    }
    if (surface->stride > VB_ENCODER_STRIDE_MAX) {
        return vb_fail(failure, VB_ENCODER_BAD_SURFACE, 0, "a stride of %u bytes is more than %d", surface->stride,
                       VB_ENCODER_STRIDE_MAX);
    }
    return VB_ENCODER_OK;
}

vb_encoder_status vb_surface_extent(const vb_surface *surface, uint64_t *bytes, vb_encoder_failure *failure)
{
    /* No product below overflows: 2^14 rows of at most 2^20 bytes. */
    const uint64_t width = surface->width, height = surface->height, stride = surface->stride;

    if (!vb_size_fits(surface->width, surface->height)) {
        return vb_fail(failure, VB_ENCODER_BAD_SURFACE, 0, "a surface of %u x %u cannot be encoded", surface->width,
                       surface->height);
    }
    uint64_t row_bytes = 0, rows = 0;
    switch (surface->fourcc) {
    case VB_FOURCC_XRGB8888:
    case VB_FOURCC_ARGB8888:
    case VB_FOURCC_XBGR8888:
    case VB_FOURCC_ABGR8888:
        row_bytes = width * RGB_BYTES;
        rows = height;
        break;
    case VB_FOURCC_NV12:
        if (width % 2 != 0 || height % 2 != 0) {
            return vb_fail(failure, VB_ENCODER_BAD_SURFACE, 0, "an NV12 surface of %u x %u: its sizes are even",
                           surface->width, surface->height);
        }
        row_bytes = width;
        rows = height + height / 2;
        break;
    default:
        return vb_fail(failure, VB_ENCODER_BAD_SURFACE, 0, "a pixel format that is not known: fourcc 0x%08x",
                       surface->fourcc);
    }
    vb_encoder_status status = check_stride(surface, row_bytes, failure);
    if (status == VB_ENCODER_OK) {
        *bytes = stride * (rows - 1) + row_bytes;
    }
    return status;
}
