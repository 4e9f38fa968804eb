#include "stream.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "options.h"

enum { FRAME_REQUEST = 0x01, FRAME_RESPONSE = 0x02, SUBSCRIBE = 0x30, ERROR = 0xff, PIXEL_DATA = 0x01 };
enum { MOST_UNITS = 4096, LARGEST_UNIT = 64 << 20, ERROR_TEXT = 256, SLICE = 1, IDR_SLICE = 5 };

static const uint32_t MAGIC = 0x52465848, XRGB_AS_ARGB = 0x34325241;
static const uint8_t START_CODE[4] = {0, 0, 0, 1};

struct __attribute__((packed)) header {
    uint32_t magic;
    uint8_t type, flags;
    uint16_t session;
    uint32_t payload_size;
};

struct __attribute__((packed)) frame_request {
    struct header header;
    uint32_t resource, width, height, format, stride;
    int64_t pts, duration;
    uint8_t force_keyframe, reserved[7];
};

struct __attribute__((packed)) response_head {
    int64_t pts, dts;
    uint8_t is_keyframe, reserved[3];
    uint32_t nal_count;
};

static struct header header_of(uint8_t type, uint8_t flags, uint32_t size)
{
    return (struct header){htole32(MAGIC), type, flags, 0, htole32(size)};
}

static void say(int fd, const void *bytes, size_t size)
{
    if (!channel_write(fd, bytes, size))
        die("cannot ask for a frame");
}

static void hear(int fd, void *bytes, size_t size)
{
    if (!channel_read(fd, bytes, size))
        die(errno ? "cannot read a frame" : "the encoder hung up");
}

static uint8_t *grown(struct stream *stream, size_t size)
{
    if (stream->size + size > stream->room) {
        stream->room = 2 * (stream->size + size);
        stream->bytes = realloc(stream->bytes, stream->room);
        if (!stream->bytes)
            die("cannot keep the stream");
    }
    uint8_t *place = stream->bytes + stream->size;
    stream->size += size;
    return place;
}

void hxfr_request(int fd, const struct request *request)
{
    uint32_t attached = request->pixels ? request->stride * request->height : 0;
    size_t fixed = sizeof(struct frame_request) - sizeof(struct header);
    struct frame_request message = {
        .header = header_of(FRAME_REQUEST, request->pixels ? PIXEL_DATA : 0, (uint32_t)fixed + attached),
        .resource = htole32(request->resource), .width = htole32(request->width), .height = htole32(request->height),
        .format = htole32(XRGB_AS_ARGB), .stride = htole32(request->stride), .pts = (int64_t)htole64(request->pts)};
    say(fd, &message, sizeof message);
    if (attached)
        say(fd, request->pixels, attached);
}

void hxfr_subscribe(int fd)
{
    struct header message = header_of(SUBSCRIBE, 0, 0);
    say(fd, &message, sizeof message);
}

static _Noreturn void refused(int fd, uint32_t size)
{
    char error[sizeof(int32_t) + ERROR_TEXT + 1] = {0};
    hear(fd, error, size < sizeof error - 1 ? size : sizeof error - 1);
    fprintf(stderr, "vb-pattern: the encoder refused: %s\n", error + sizeof(int32_t));
    exit(EXIT_REFUSED);
}

static void pass_over(int fd, uint32_t size)
{
    uint8_t nothing[512];
    while (size > 0) {
        uint32_t part = size < sizeof nothing ? size : (uint32_t)sizeof nothing;
        hear(fd, nothing, part);
        size -= part;
    }
}

static _Noreturn void nonsense(const char *what)
{
    fprintf(stderr, "vb-pattern: %s\n", what);
    exit(EXIT_FAILED);
}

static struct unit response(int fd, struct stream *stream)
{
    struct response_head head;
    hear(fd, &head, sizeof head);
    struct unit unit = {.pts = (int64_t)le64toh((uint64_t)head.pts), .keyframe = head.is_keyframe != 0};
    uint32_t count = le32toh(head.nal_count);
    if (count > MOST_UNITS)
        nonsense("the encoder sent a frame of too many NAL units");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size;
        hear(fd, &size, sizeof size);
        size = le32toh(size);
        if (size > LARGEST_UNIT)
            nonsense("the encoder sent a NAL unit that is too large");
        hear(fd, grown(stream, size), size);
        unit.size += size;
    }
    return unit;
}

struct unit hxfr_unit(int fd, struct stream *stream)
{
    for (;;) {
        struct header header;
        hear(fd, &header, sizeof header);
        if (le32toh(header.magic) != MAGIC)
            nonsense("what answers is no HXFR server");
        uint32_t size = le32toh(header.payload_size);
        if (header.type == ERROR)
            refused(fd, size);
        if (header.type == FRAME_RESPONSE)
            return response(fd, stream);
        pass_over(fd, size);
    }
}

bool pipe_unit(int fd, struct stream *stream, struct unit *unit)
{
    *unit = (struct unit){0};
    for (;;) {
        uint8_t prefix[4];
        if (!channel_read(fd, prefix, sizeof prefix)) {
            if (errno || unit->size > 0)
                nonsense("the encoder's pipe ended in the middle of a frame");
            return false;
        }
        size_t size = (size_t)prefix[0] << 24 | (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
        if (size == 0 || size > LARGEST_UNIT)
            nonsense("the encoder's pipe has a NAL unit of no size that can be");
        memcpy(grown(stream, sizeof START_CODE), START_CODE, sizeof START_CODE);
        uint8_t *bytes = grown(stream, size);
        hear(fd, bytes, size);
        unit->size += sizeof START_CODE + size;
        int type = bytes[0] & 0x1f;
        if (type == IDR_SLICE || type == SLICE) {
            unit->keyframe = type == IDR_SLICE;
            return true;
        }
    }
}
