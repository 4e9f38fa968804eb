#include "videotoolbox_session.h"

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

enum { CRF_WORST = 51 };
static const double BURST_S = 0.5; /* as with x264: no burst longer than half a second */

static CFNumberRef number(double value)
{
    return CFNumberCreate(kCFAllocatorDefault, kCFNumberDoubleType, &value);
}

static OSStatus set_number(VTCompressionSessionRef session, CFStringRef key, double value)
{
    CFNumberRef boxed = number(value);
    if (boxed == NULL) {
        return kVTAllocationFailedErr;
    }
    OSStatus status = VTSessionSetProperty(session, key, boxed);
    CFRelease(boxed);
    return status;
}

OSStatus vb_videotoolbox_set_bitrate(VTCompressionSessionRef session, uint32_t bitrate)
{
    OSStatus status = set_number(session, kVTCompressionPropertyKey_AverageBitRate, bitrate);
    if (status != noErr) {
        return status;
    }
    const void *limits[] = {number(bitrate / 8.0 * BURST_S), number(BURST_S)};
    CFArrayRef array = NULL;
    if (limits[0] != NULL && limits[1] != NULL) {
        array = CFArrayCreate(kCFAllocatorDefault, limits, 2, &kCFTypeArrayCallBacks);
    }
    if (array != NULL) {
        /* Not every encoder has this limit; the average holds without it. */
        VTSessionSetProperty(session, kVTCompressionPropertyKey_DataRateLimits, array);
        CFRelease(array);
    }
    for (int i = 0; i < 2; i++) {
        if (limits[i] != NULL) {
            CFRelease(limits[i]);
        }
    }
    return array != NULL ? noErr : kVTAllocationFailedErr;
}

static CFStringRef profile_level(uint32_t profile)
{
    switch (profile) {
    case 66:
        return kVTProfileLevel_H264_Baseline_AutoLevel;
    case 77:
        return kVTProfileLevel_H264_Main_AutoLevel;
    default:
        return kVTProfileLevel_H264_High_AutoLevel;
    }
}

static OSStatus set_colours(VTCompressionSessionRef session, uint32_t colour)
{
    bool bt709 = colour == VB_COLOUR_BT709_LIMITED || colour == VB_COLOUR_BT709_FULL;
    OSStatus status = VTSessionSetProperty(session, kVTCompressionPropertyKey_ColorPrimaries,
                                           kCVImageBufferColorPrimaries_ITU_R_709_2);
    if (status == noErr) {
        status = VTSessionSetProperty(session, kVTCompressionPropertyKey_TransferFunction,
                                      kCVImageBufferTransferFunction_sRGB);
    }
    if (status == noErr) {
        status = VTSessionSetProperty(session, kVTCompressionPropertyKey_YCbCrMatrix,
                                      bt709 ? kCVImageBufferYCbCrMatrix_ITU_R_709_2
                                            : kCVImageBufferYCbCrMatrix_ITU_R_601_4);
    }
    return status;
}

static OSStatus set_rate(VTCompressionSessionRef session, const vb_encoder_config *config)
{
    if (config->bitrate != 0) {
        return vb_videotoolbox_set_bitrate(session, config->bitrate);
    }
    return set_number(session, kVTCompressionPropertyKey_Quality, 1.0 - (double)config->crf / CRF_WORST);
}

static OSStatus configure(VTCompressionSessionRef session, const vb_encoder_config *config)
{
    OSStatus status = VTSessionSetProperty(session, kVTCompressionPropertyKey_RealTime, kCFBooleanTrue);
    if (status == noErr) {
        status = VTSessionSetProperty(session, kVTCompressionPropertyKey_AllowFrameReordering, kCFBooleanFalse);
    }
    if (status == noErr) {
        status = VTSessionSetProperty(session, kVTCompressionPropertyKey_ProfileLevel, profile_level(config->profile));
    }
    if (status == noErr) {
        status = set_number(session, kVTCompressionPropertyKey_MaxKeyFrameInterval,
                            config->gop != 0 ? config->gop : INT32_MAX);
    }
    if (status == noErr) {
        status = set_number(session, kVTCompressionPropertyKey_ExpectedFrameRate,
                            (double)config->fps_num / config->fps_den);
    }
    if (status == noErr) {
        status = set_colours(session, config->colour);
    }
    return status == noErr ? set_rate(session, config) : status;
}

/* The rate control that never holds a frame back; it works with a bitrate only. */
static CFDictionaryRef low_latency(const vb_encoder_config *config)
{
    if (config->bitrate == 0) {
        return NULL;
    }
    if (__builtin_available(macOS 11.3, *)) {
        const void *keys[] = {kVTVideoEncoderSpecification_EnableLowLatencyRateControl};
        const void *values[] = {kCFBooleanTrue};
        return CFDictionaryCreate(kCFAllocatorDefault, keys, values, 1, &kCFTypeDictionaryKeyCallBacks,
                                  &kCFTypeDictionaryValueCallBacks);
    }
    return NULL;
}

static OSStatus create(const vb_encoder_config *config, CFDictionaryRef specification,
                       VTCompressionOutputCallback callback, void *context, VTCompressionSessionRef *session)
{
    OSStatus status = VTCompressionSessionCreate(kCFAllocatorDefault, (int32_t)config->width, (int32_t)config->height,
                                                 kCMVideoCodecType_H264, specification, NULL, kCFAllocatorDefault,
                                                 callback, context, session);
    if (status != noErr) {
        return status;
    }
    status = configure(*session, config);
    if (status == noErr) {
        status = VTCompressionSessionPrepareToEncodeFrames(*session);
    }
    if (status != noErr) {
        VTCompressionSessionInvalidate(*session);
        CFRelease(*session);
        *session = NULL;
    }
    return status;
}

vb_encoder_status vb_videotoolbox_open(const vb_encoder_config *config, VTCompressionOutputCallback callback,
                                       void *context, VTCompressionSessionRef *session, vb_encoder_failure *failure)
{
    if (config->width % 2 != 0 || config->height % 2 != 0) {
        return vb_fail(failure, VB_ENCODER_UNSUPPORTED, 0, "VideoToolbox encodes even sizes, not %u x %u",
                       config->width, config->height);
    }
    OSStatus status = kVTParameterErr;
    CFDictionaryRef specification = low_latency(config);
    if (specification != NULL) {
        status = create(config, specification, callback, context, session);
        CFRelease(specification);
    }
    if (status != noErr) { /* not every Mac's encoder, nor every size, has low latency of its own */
        status = create(config, NULL, callback, context, session);
    }
    if (status != noErr) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, status,
                       "VideoToolbox does not open a stream of %u x %u: OSStatus %d", config->width, config->height,
                       (int)status);
    }
    return VB_ENCODER_OK;
}
