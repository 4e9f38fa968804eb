/* The coded stream as it comes back: access units from an HXFR server, or from a pipe of length-prefixed NAL units. */
#ifndef VB_STREAM_H
#define VB_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What came so far, as one byte stream (Annex B); grows. */
struct stream {
    uint8_t *bytes;
    size_t size, room;
};

struct unit {
    int64_t pts;
    bool keyframe;
    size_t size; /* bytes of the stream */
};

/* A request for an access unit of what the display shows, or of pixels that follow. */
struct request {
    uint32_t resource, width, height, stride;
    int64_t pts;
    const void *pixels; /* NULL: of the resource */
};

/* All end the program with a sentence when the peer fails or refuses. */
void hxfr_request(int fd, const struct request *request);
void hxfr_subscribe(int fd);
/* The next FRAME_RESPONSE, its NAL units appended; whatever else comes is passed over. */
struct unit hxfr_unit(int fd, struct stream *stream);

/* The next access unit of a stream with one slice a picture, each NAL unit behind its size (ISO/IEC 14496-15, avc3);
   start codes take the place of the sizes. False at the end of the pipe. */
bool pipe_unit(int fd, struct stream *stream, struct unit *unit);

#endif
