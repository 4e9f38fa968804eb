#include "videotoolbox_picture.h"

#include <IOSurface/IOSurfaceRef.h>

#include <stdbool.h>

#include "failure.h"
#include "surface.h"

static OSType pixel_format(uint32_t fourcc, uint32_t colour)
{
    bool full = colour == VB_COLOUR_BT601_FULL || colour == VB_COLOUR_BT709_FULL;
    switch (fourcc) {
    case VB_FOURCC_XRGB8888:
    case VB_FOURCC_ARGB8888:
        return full ? 0 : kCVPixelFormatType_32BGRA; /* VideoToolbox converts RGB to limited range */
    case VB_FOURCC_XBGR8888:
    case VB_FOURCC_ABGR8888:
        return full ? 0 : kCVPixelFormatType_32RGBA;
    case VB_FOURCC_NV12:
        return full ? kCVPixelFormatType_420YpCbCr8BiPlanarFullRange : kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange;
    default:
        return 0;
    }
}

static vb_encoder_status wrap_io_surface(const vb_surface *surface, OSType format, CVPixelBufferRef *picture,
                                         vb_encoder_failure *failure)
{
    IOSurfaceRef memory = (IOSurfaceRef)(uintptr_t)surface->memory;
    if (memory == NULL) {
        return vb_fail(failure, VB_ENCODER_BAD_SURFACE, 0, "there is no IOSurface");
    }
    if (IOSurfaceGetWidth(memory) != surface->width || IOSurfaceGetHeight(memory) != surface->height ||
        IOSurfaceGetPixelFormat(memory) != format) {
        return vb_fail(failure, VB_ENCODER_BAD_SURFACE, 0,
                       "the IOSurface is of %zu x %zu pixels of format 0x%08x, not %u x %u of 0x%08x",
                       IOSurfaceGetWidth(memory), IOSurfaceGetHeight(memory),
                       (unsigned)IOSurfaceGetPixelFormat(memory), surface->width, surface->height, (unsigned)format);
    }
    CVReturn result = CVPixelBufferCreateWithIOSurface(kCFAllocatorDefault, memory, NULL, picture);
    if (result != kCVReturnSuccess) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, result, "CoreVideo does not take the IOSurface: %d", result);
    }
    return VB_ENCODER_OK;
}

static CVReturn wrap_nv12(const vb_surface *surface, void *pixels, OSType format, CVPixelBufferRef *picture)
{
    void *planes[] = {pixels, (uint8_t *)pixels + (size_t)surface->stride * surface->height};
    size_t widths[] = {surface->width, surface->width / 2};
    size_t heights[] = {surface->height, surface->height / 2};
    size_t strides[] = {surface->stride, surface->stride};
    return CVPixelBufferCreateWithPlanarBytes(kCFAllocatorDefault, surface->width, surface->height, format, NULL, 0, 2,
                                              planes, widths, heights, strides, NULL, NULL, NULL, picture);
}

static void state_colours(CVPixelBufferRef picture, uint32_t colour)
{
    bool bt709 = colour == VB_COLOUR_BT709_LIMITED || colour == VB_COLOUR_BT709_FULL;
    CVBufferSetAttachment(picture, kCVImageBufferYCbCrMatrixKey,
                          bt709 ? kCVImageBufferYCbCrMatrix_ITU_R_709_2 : kCVImageBufferYCbCrMatrix_ITU_R_601_4,
                          kCVAttachmentMode_ShouldPropagate);
}

vb_encoder_status vb_videotoolbox_wrap(const vb_surface *surface, const uint8_t *pixels, uint32_t colour,
                                       CVPixelBufferRef *picture, vb_encoder_failure *failure)
{
    OSType format = pixel_format(surface->fourcc, colour);
    if (format == 0) {
        return vb_fail(failure, VB_ENCODER_UNSUPPORTED, 0, "VideoToolbox does not convert RGB to the full range");
    }
    if (pixels == NULL) {
        return wrap_io_surface(surface, format, picture, failure);
    }
    void *memory = (void *)(uintptr_t)pixels; /* only read, though CoreVideo's type does not say so */
    CVReturn result;
    if (surface->fourcc == VB_FOURCC_NV12) {
        result = wrap_nv12(surface, memory, format, picture);
    } else {
        result = CVPixelBufferCreateWithBytes(kCFAllocatorDefault, surface->width, surface->height, format, memory,
                                              surface->stride, NULL, NULL, NULL, picture);
    }
    if (result != kCVReturnSuccess) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, result, "CoreVideo does not take the surface: %d", result);
    }
    if (surface->fourcc == VB_FOURCC_NV12) {
        state_colours(*picture, colour);
    }
    return VB_ENCODER_OK;
}
