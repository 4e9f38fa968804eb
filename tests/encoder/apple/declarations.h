/*
 * What native/encoder uses of Apple's frameworks, as Apple documents it, so that a host without them can check the
 * types of every call. Nothing here runs, and nothing but a test includes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int32_t OSStatus;
typedef uint32_t OSType;
typedef unsigned char Boolean;
typedef long CFIndex;
enum { noErr = 0 };

/* CoreFoundation */
typedef const void *CFTypeRef;
typedef const struct __CFAllocator *CFAllocatorRef;
typedef const struct __CFString *CFStringRef;
typedef const struct __CFNumber *CFNumberRef;
typedef const struct __CFBoolean *CFBooleanRef;
typedef const struct __CFArray *CFArrayRef;
typedef const struct __CFDictionary *CFDictionaryRef;
typedef struct { CFIndex version; } CFArrayCallBacks;
typedef struct { CFIndex version; } CFDictionaryKeyCallBacks;
typedef struct { CFIndex version; } CFDictionaryValueCallBacks;
typedef CFIndex CFNumberType;
enum { kCFNumberDoubleType = 13 };
extern const CFAllocatorRef kCFAllocatorDefault;
extern const CFBooleanRef kCFBooleanTrue, kCFBooleanFalse;
extern const CFArrayCallBacks kCFTypeArrayCallBacks;
extern const CFDictionaryKeyCallBacks kCFTypeDictionaryKeyCallBacks;
extern const CFDictionaryValueCallBacks kCFTypeDictionaryValueCallBacks;
void CFRelease(CFTypeRef);
CFNumberRef CFNumberCreate(CFAllocatorRef, CFNumberType, const void *);
Boolean CFBooleanGetValue(CFBooleanRef);
CFArrayRef CFArrayCreate(CFAllocatorRef, const void **, CFIndex, const CFArrayCallBacks *);
CFIndex CFArrayGetCount(CFArrayRef);
const void *CFArrayGetValueAtIndex(CFArrayRef, CFIndex);
CFDictionaryRef CFDictionaryCreate(CFAllocatorRef, const void **, const void **, CFIndex,
                                   const CFDictionaryKeyCallBacks *, const CFDictionaryValueCallBacks *);
const void *CFDictionaryGetValue(CFDictionaryRef, const void *);

/* IOSurface */
typedef struct __IOSurface *IOSurfaceRef;
size_t IOSurfaceGetWidth(IOSurfaceRef);
size_t IOSurfaceGetHeight(IOSurfaceRef);
OSType IOSurfaceGetPixelFormat(IOSurfaceRef);

/* CoreVideo */
typedef int32_t CVReturn;
typedef struct __CVBuffer *CVBufferRef;
typedef CVBufferRef CVImageBufferRef;
typedef CVImageBufferRef CVPixelBufferRef;
typedef uint32_t CVAttachmentMode;
typedef void (*CVPixelBufferReleaseBytesCallback)(void *, const void *);
typedef void (*CVPixelBufferReleasePlanarBytesCallback)(void *, const void *, size_t, size_t, const void *[]);
enum {
    kCVReturnSuccess = 0,
    kCVAttachmentMode_ShouldPropagate = 1,
    kCVPixelFormatType_32BGRA = 0x42475241,
    kCVPixelFormatType_32RGBA = 0x52474241,
    kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange = 0x34323076,
    kCVPixelFormatType_420YpCbCr8BiPlanarFullRange = 0x34323066
};
extern const CFStringRef kCVImageBufferYCbCrMatrixKey, kCVImageBufferYCbCrMatrix_ITU_R_709_2,
    kCVImageBufferYCbCrMatrix_ITU_R_601_4, kCVImageBufferColorPrimaries_ITU_R_709_2,
    kCVImageBufferTransferFunction_sRGB;
CVReturn CVPixelBufferCreateWithIOSurface(CFAllocatorRef, IOSurfaceRef, CFDictionaryRef, CVPixelBufferRef *);
CVReturn CVPixelBufferCreateWithBytes(CFAllocatorRef, size_t, size_t, OSType, void *, size_t,
                                      CVPixelBufferReleaseBytesCallback, void *, CFDictionaryRef, CVPixelBufferRef *);
CVReturn CVPixelBufferCreateWithPlanarBytes(CFAllocatorRef, size_t, size_t, OSType, void *, size_t, size_t, void *[],
                                            size_t[], size_t[], size_t[], CVPixelBufferReleasePlanarBytesCallback,
                                            void *, CFDictionaryRef, CVPixelBufferRef *);
void CVBufferSetAttachment(CVBufferRef, CFStringRef, CFTypeRef, CVAttachmentMode);

/* CoreMedia */
typedef struct { int64_t value; int32_t timescale; uint32_t flags; int64_t epoch; } CMTime;
typedef const struct opaqueCMFormatDescription *CMFormatDescriptionRef;
typedef struct opaqueCMSampleBuffer *CMSampleBufferRef;
typedef struct OpaqueCMBlockBuffer *CMBlockBufferRef;
typedef struct CMBlockBufferCustomBlockSource CMBlockBufferCustomBlockSource;
typedef uint32_t CMBlockBufferFlags;
typedef uint32_t CMVideoCodecType;
enum { kCMVideoCodecType_H264 = 0x61766331 };
extern const CMTime kCMTimeInvalid;
extern const CFStringRef kCMSampleAttachmentKey_NotSync;
CMTime CMTimeMake(int64_t, int32_t);
CFArrayRef CMSampleBufferGetSampleAttachmentsArray(CMSampleBufferRef, Boolean);
CMFormatDescriptionRef CMSampleBufferGetFormatDescription(CMSampleBufferRef);
CMBlockBufferRef CMSampleBufferGetDataBuffer(CMSampleBufferRef);
OSStatus CMVideoFormatDescriptionGetH264ParameterSetAtIndex(CMFormatDescriptionRef, size_t, const uint8_t **, size_t *,
                                                            size_t *, int *);
OSStatus CMBlockBufferCreateContiguous(CFAllocatorRef, CMBlockBufferRef, CFAllocatorRef,
                                       const CMBlockBufferCustomBlockSource *, size_t, size_t, CMBlockBufferFlags,
                                       CMBlockBufferRef *);
OSStatus CMBlockBufferGetDataPointer(CMBlockBufferRef, size_t, size_t *, size_t *, char **);

/* VideoToolbox */
typedef struct OpaqueVTCompressionSession *VTCompressionSessionRef;
typedef CFTypeRef VTSessionRef;
typedef uint32_t VTEncodeInfoFlags;
typedef void (*VTCompressionOutputCallback)(void *, void *, OSStatus, VTEncodeInfoFlags, CMSampleBufferRef);
enum { kVTEncodeInfo_FrameDropped = 2, kVTParameterErr = -12902, kVTAllocationFailedErr = -12904 };
extern const CFStringRef kVTCompressionPropertyKey_AverageBitRate, kVTCompressionPropertyKey_DataRateLimits,
    kVTCompressionPropertyKey_ColorPrimaries, kVTCompressionPropertyKey_TransferFunction,
    kVTCompressionPropertyKey_YCbCrMatrix, kVTCompressionPropertyKey_Quality, kVTCompressionPropertyKey_RealTime,
    kVTCompressionPropertyKey_AllowFrameReordering, kVTCompressionPropertyKey_ProfileLevel,
    kVTCompressionPropertyKey_MaxKeyFrameInterval, kVTCompressionPropertyKey_ExpectedFrameRate,
    kVTProfileLevel_H264_Baseline_AutoLevel, kVTProfileLevel_H264_Main_AutoLevel, kVTProfileLevel_H264_High_AutoLevel,
    kVTVideoEncoderSpecification_EnableLowLatencyRateControl, kVTEncodeFrameOptionKey_ForceKeyFrame;
OSStatus VTSessionSetProperty(VTSessionRef, CFStringRef, CFTypeRef);
OSStatus VTCompressionSessionCreate(CFAllocatorRef, int32_t, int32_t, CMVideoCodecType, CFDictionaryRef,
                                    CFDictionaryRef, CFAllocatorRef, VTCompressionOutputCallback, void *,
                                    VTCompressionSessionRef *);
OSStatus VTCompressionSessionPrepareToEncodeFrames(VTCompressionSessionRef);
OSStatus VTCompressionSessionEncodeFrame(VTCompressionSessionRef, CVImageBufferRef, CMTime, CMTime, CFDictionaryRef,
                                         void *, VTEncodeInfoFlags *);
OSStatus VTCompressionSessionCompleteFrames(VTCompressionSessionRef, CMTime);
void VTCompressionSessionInvalidate(VTCompressionSessionRef);
