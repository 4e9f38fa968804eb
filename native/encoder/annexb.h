/* NAL units as a byte stream (ITU-T H.264, annex B), from where lengths stand before them (ISO/IEC 14496-15). */
#ifndef VB_ANNEXB_H
#define VB_ANNEXB_H

#include <stddef.h>

#include "vb_encoder.h"

typedef struct vb_byte_stream {
    uint8_t *bytes; /* owned, kept from one access unit to the next */
    size_t size, capacity;
    uint32_t nal_count;
    uint32_t nal_sizes[VB_ENCODER_NALS_MAX]; /* start codes included */
} vb_byte_stream;

/* One NAL unit behind a start code. */
vb_encoder_status vb_byte_stream_add(vb_byte_stream *stream, const uint8_t *nal, size_t size,
                                     vb_encoder_failure *failure);

/* NAL units, each behind its big-endian length of `length_bytes`, 1, 2 or 4. */
vb_encoder_status vb_byte_stream_add_lengths(vb_byte_stream *stream, const uint8_t *data, size_t size,
                                             int length_bytes, vb_encoder_failure *failure);

/* Empty, its memory kept. */
void vb_byte_stream_clear(vb_byte_stream *stream);

void vb_byte_stream_free(vb_byte_stream *stream);

#endif
