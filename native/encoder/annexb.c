#include "annexb.h"

#include <stdlib.h>
#include <string.h>

#include "failure.h"

static const uint8_t START_CODE[] = {0, 0, 0, 1};

static vb_encoder_status reserve(vb_byte_stream *stream, size_t more, vb_encoder_failure *failure)
{
    if (more <= stream->capacity - stream->size) {
        return VB_ENCODER_OK;
    }
    if (more > SIZE_MAX / 2 - stream->size) {
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for %zu more bytes of stream", more);
    }
    size_t capacity = (stream->size + more) * 2;
    uint8_t *bytes = realloc(stream->bytes, capacity);
    if (bytes == NULL) {
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for %zu bytes of stream", capacity);
    }
    stream->bytes = bytes;
    stream->capacity = capacity;
    return VB_ENCODER_OK;
}

vb_encoder_status vb_byte_stream_add(vb_byte_stream *stream, const uint8_t *nal, size_t size,
                                     vb_encoder_failure *failure)
{
    if (size == 0 || size > UINT32_MAX - sizeof START_CODE) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "a NAL unit of %zu bytes is none", size);
    }
    if (stream->nal_count == VB_ENCODER_NALS_MAX) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "an access unit of more than %d NAL units",
                       VB_ENCODER_NALS_MAX);
    }
    vb_encoder_status status = reserve(stream, sizeof START_CODE + size, failure);
    if (status != VB_ENCODER_OK) {
        return status;
    }
    memcpy(stream->bytes + stream->size, START_CODE, sizeof START_CODE);
    memcpy(stream->bytes + stream->size + sizeof START_CODE, nal, size);
    stream->size += sizeof START_CODE + size;
    stream->nal_sizes[stream->nal_count++] = (uint32_t)(sizeof START_CODE + size);
    return VB_ENCODER_OK;
}

vb_encoder_status vb_byte_stream_add_lengths(vb_byte_stream *stream, const uint8_t *data, size_t size,
                                             int length_bytes, vb_encoder_failure *failure)
{
    if (length_bytes != 1 && length_bytes != 2 && length_bytes != 4) {
        return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "lengths of %d bytes before NAL units", length_bytes);
    }
    size_t position = 0;
    while (position < size) {
        if (size - position < (size_t)length_bytes) {
            return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "%zu bytes after the last NAL unit",
                           size - position);
        }
        size_t length = 0;
        for (int i = 0; i < length_bytes; i++) {
            length = length << 8 | data[position++];
        }
        if (length > size - position) {
            return vb_fail(failure, VB_ENCODER_BACKEND_FAILED, 0, "a NAL unit of %zu bytes in the last %zu", length,
                           size - position);
        }
        vb_encoder_status status = vb_byte_stream_add(stream, data + position, length, failure);
        if (status != VB_ENCODER_OK) {
            return status;
        }
        position += length;
    }
    return VB_ENCODER_OK;
}

void vb_byte_stream_clear(vb_byte_stream *stream)
{
    stream->size = 0;
    stream->nal_count = 0;
}

void vb_byte_stream_free(vb_byte_stream *stream)
{
    free(stream->bytes);
    memset(stream, 0, sizeof *stream);
}
