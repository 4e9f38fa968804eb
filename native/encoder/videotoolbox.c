/* VideoToolbox: a Mac's media engine, which takes IOSurfaces and shared memory as they are. */
#include <CoreMedia/CoreMedia.h>
#include <VideoToolbox/VideoToolbox.h>

#include <stdlib.h>
#include <string.h>

#include "annexb.h"
#include "backend.h"
#include "clock.h"
#include "failure.h"
#include "videotoolbox_picture.h"
#include "videotoolbox_session.h"

typedef struct videotoolbox_stream {
    VTCompressionSessionRef session;
    vb_encoder_config config;
    int64_t frame;
    vb_byte_stream coded; /* of the last frame */
    bool is_keyframe;
    vb_encoder_status status; /* of the last frame, as its callback found it */
    vb_encoder_failure failure;
} videotoolbox_stream;

static bool is_keyframe(CMSampleBufferRef sample)
{
    CFArrayRef attachments = CMSampleBufferGetSampleAttachmentsArray(sample, false);
    if (attachments == NULL || CFArrayGetCount(attachments) == 0) {
        return true; /* a sample that says nothing can be started from */
    }
    CFDictionaryRef of_sample = (CFDictionaryRef)CFArrayGetValueAtIndex(attachments, 0);
    CFBooleanRef not_sync = (CFBooleanRef)CFDictionaryGetValue(of_sample, kCMSampleAttachmentKey_NotSync);
    return not_sync == NULL || !CFBooleanGetValue(not_sync);
}

static vb_encoder_status add_parameter_sets(videotoolbox_stream *stream, CMFormatDescriptionRef format, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *parameter_set = NULL;
        size_t size = 0;
        OSStatus result =
            CMVideoFormatDescriptionGetH264ParameterSetAtIndex(format, i, &parameter_set, &size, NULL, NULL);
        if (result != noErr) {
            return vb_fail(&stream->failure, VB_ENCODER_BACKEND_FAILED, result, "a parameter set is missing: %d",
                           (int)result);
        }
        vb_encoder_status status = vb_byte_stream_add(&stream->coded, parameter_set, size, &stream->failure);
        if (status != VB_ENCODER_OK) {
            return status;
        }
    }
    return VB_ENCODER_OK;
}

static vb_encoder_status add_block(videotoolbox_stream *stream, CMBlockBufferRef block, int length_bytes)
{
    CMBlockBufferRef contiguous = NULL;
    OSStatus result = CMBlockBufferCreateContiguous(kCFAllocatorDefault, block, kCFAllocatorDefault, NULL, 0, 0, 0,
                                                    &contiguous); /* copies only where it is not contiguous already */
    char *data = NULL;
    size_t size = 0;
    if (result == noErr) {
        result = CMBlockBufferGetDataPointer(contiguous, 0, NULL, &size, &data);
    }
    vb_encoder_status status;
    if (result == noErr) {
        status = vb_byte_stream_add_lengths(&stream->coded, (const uint8_t *)data, size, length_bytes,
                                            &stream->failure);
    } else {
        status = vb_fail(&stream->failure, VB_ENCODER_BACKEND_FAILED, result, "a coded frame cannot be read: %d",
                         (int)result);
    }
    if (contiguous != NULL) {
        CFRelease(contiguous);
    }
    return status;
}

static vb_encoder_status add_sample(videotoolbox_stream *stream, CMSampleBufferRef sample)
{
    CMFormatDescriptionRef format = CMSampleBufferGetFormatDescription(sample);
    CMBlockBufferRef block = CMSampleBufferGetDataBuffer(sample);
    size_t parameter_sets = 0;
    int length_bytes = 0;
    if (format == NULL || block == NULL ||
        CMVideoFormatDescriptionGetH264ParameterSetAtIndex(format, 0, NULL, NULL, &parameter_sets, &length_bytes) !=
            noErr) {
        return vb_fail(&stream->failure, VB_ENCODER_BACKEND_FAILED, 0, "VideoToolbox made a sample that is no H.264");
    }
    stream->is_keyframe = is_keyframe(sample);
    vb_encoder_status status = VB_ENCODER_OK;
    if (stream->is_keyframe) {
        status = add_parameter_sets(stream, format, parameter_sets);
    }
    return status == VB_ENCODER_OK ? add_block(stream, block, length_bytes) : status;
}

/* On a thread of VideoToolbox's, while `encode` waits for it. */
static void take_sample(void *context, void *frame, OSStatus result, VTEncodeInfoFlags flags, CMSampleBufferRef sample)
{
    (void)frame;
    videotoolbox_stream *stream = context;
    if (result != noErr) {
        stream->status = vb_fail(&stream->failure, VB_ENCODER_BACKEND_FAILED, result,
                                 "VideoToolbox did not encode a frame: OSStatus %d", (int)result);
    } else if (sample == NULL || (flags & kVTEncodeInfo_FrameDropped) != 0) {
        stream->status = vb_fail(&stream->failure, VB_ENCODER_BACKEND_FAILED, 0, "VideoToolbox dropped a frame");
    } else {
        stream->status = add_sample(stream, sample);
    }
}

static void close_stream(void *state)
{
    videotoolbox_stream *stream = state;
    if (stream->session != NULL) {
        VTCompressionSessionInvalidate(stream->session);
        CFRelease(stream->session);
    }
    vb_byte_stream_free(&stream->coded);
    free(stream);
}

static vb_encoder_status open_stream(const vb_encoder_config *config, void **state, vb_encoder_failure *failure)
{
    videotoolbox_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for a stream");
    }
    stream->config = *config;
    vb_encoder_status status = vb_videotoolbox_open(config, take_sample, stream, &stream->session, failure);
    if (status != VB_ENCODER_OK) {
        close_stream(stream);
        return status;
    }
    *state = stream;
    return VB_ENCODER_OK;
}

static CFDictionaryRef frame_options(bool keyframe)
{
    if (!keyframe) {
        return NULL;
    }
    const void *keys[] = {kVTEncodeFrameOptionKey_ForceKeyFrame};
    const void *values[] = {kCFBooleanTrue};
    return CFDictionaryCreate(kCFAllocatorDefault, keys, values, 1, &kCFTypeDictionaryKeyCallBacks,
                              &kCFTypeDictionaryValueCallBacks);
}

static OSStatus submit(videotoolbox_stream *stream, CVPixelBufferRef picture, bool keyframe)
{
    CMTime time = CMTimeMake(stream->frame++ * stream->config.fps_den, (int32_t)stream->config.fps_num);
    CFDictionaryRef options = frame_options(keyframe);
    OSStatus result =
        VTCompressionSessionEncodeFrame(stream->session, picture, time, kCMTimeInvalid, options, NULL, NULL);
    if (options != NULL) {
        CFRelease(options);
    }
    return result == noErr ? VTCompressionSessionCompleteFrames(stream->session, time) : result;
}

/* The media engine reads the surface and converts its colours while it encodes: nothing is copied, all is borrowed. */
static vb_encoder_status convert(uint32_t colour, const vb_surface *surface, const uint8_t *pixels,
                                 vb_picture *picture, vb_encoder_failure *failure)
{
    CVPixelBufferRef wrapped = NULL;
    vb_encoder_status status = vb_videotoolbox_wrap(surface, pixels, colour, &wrapped, failure);
    picture->state = wrapped;
    picture->facts.borrows = status == VB_ENCODER_OK;
    return status;
}

static void release(vb_picture *picture, bool last)
{
    (void)last; /* nothing is worth keeping */
    CVPixelBufferRef wrapped = picture->state;
    if (wrapped != NULL) {
        CFRelease(wrapped);
        picture->state = NULL;
    }
}

static vb_encoder_status encode(void *state, const vb_picture *picture, bool keyframe, vb_access_unit *unit,
                                vb_encoder_failure *failure)
{
    videotoolbox_stream *stream = state;
    uint64_t begin = vb_now_ns();
    vb_byte_stream_clear(&stream->coded);
    stream->status = vb_fail(&stream->failure, VB_ENCODER_BACKEND_FAILED, 0, "VideoToolbox made nothing of a frame");
    OSStatus result = submit(stream, picture->state, keyframe);
    if (result != noErr) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, result, "VideoToolbox does not take a frame: OSStatus %d",
                       (int)result);
    }
    if (stream->status != VB_ENCODER_OK) {
        return vb_fail(failure, stream->status, stream->failure.system_error, "%s", stream->failure.message);
    }
    unit->data = stream->coded.bytes;
    unit->size = stream->coded.size;
    unit->nal_count = stream->coded.nal_count;
    memcpy(unit->nal_sizes, stream->coded.nal_sizes, sizeof unit->nal_sizes);
    unit->width = stream->config.width;
    unit->height = stream->config.height;
    unit->is_keyframe = stream->is_keyframe;
    unit->encode_ns = vb_now_ns() - begin;
    return VB_ENCODER_OK;
}

static vb_encoder_status change_bitrate(void *state, uint32_t bitrate, vb_encoder_failure *failure)
{
    videotoolbox_stream *stream = state;
    OSStatus result = vb_videotoolbox_set_bitrate(stream->session, bitrate);
    if (result != noErr) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, result, "VideoToolbox does not take %u bit/s: OSStatus %d",
                       bitrate, (int)result);
    }
    return VB_ENCODER_OK;
}

const vb_backend vb_videotoolbox = {open_stream, convert, release, encode, change_bitrate, close_stream};
