/*
 * What a peer may send: configurations, surfaces, changes in mid-stream, and lengths before NAL units.
 *
 * The input is read as a small program, an operation a byte. Whatever it asks for, the encoder returns; access units
 * are walked to their last byte, so that a sanitizer sees a length that is wrong.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "annexb.h"
#include "vb_encoder.h"

enum { MEMORY_BYTES = 1 << 16, FRAMES_MAX = 24, PIXELS_MAX = 320 * 200 };

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

static uint32_t take(input *from, size_t bytes)
{
    uint32_t value = 0;
    for (size_t i = 0; i < bytes && from->size > 0; i++, from->data++, from->size--) {
        value = value << 8 | *from->data;
    }
    return value;
}

/* Most sizes are small, so that frames are coded; some are anything. */
static uint32_t take_size(input *from)
{
    uint32_t kind = take(from, 1);
    return kind < 250 ? take(from, 1) + 1 : take(from, 4);
}

static void check(bool right)
{
    if (!right) {
        abort();
    }
}

static void walk(const vb_access_unit *unit)
{
    uint64_t size = 0;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < unit->nal_count; i++) {
        size += unit->nal_sizes[i];
    }
    check(size == unit->size && unit->nal_count > 0);
    for (uint64_t i = 0; i < unit->size; i++) {
        sum += unit->data[i];
    }
    check(sum > 0);
}

static vb_surface take_surface(input *from, const uint8_t *memory, int fd)
{
    static const uint32_t FOURCCS[] = {0x34325258, 0x34325241, 0x34324258, 0x34324241, 0x3231564E, 0};
    vb_surface surface = {.kind = take(from, 1) % 5,
                          .fourcc = FOURCCS[take(from, 1) % 6],
                          .width = take_size(from),
                          .height = take_size(from),
                          .fd = take(from, 1) < 240 ? fd : (int)take(from, 4),
                          .offset = take_size(from) - 1,
                          .size = MEMORY_BYTES,
                          .memory = memory};
    surface.stride = take(from, 1) < 200 ? surface.width * 4 + take(from, 1) : take(from, 4);
    return surface;
}

static bool may_resize(const vb_surface *surface)
{
    return (uint64_t)surface->width * surface->height <= PIXELS_MAX;
}

static void check_outcome(vb_encoder_status status, const vb_access_unit *unit, const vb_encoder_failure *failure)
{
    if (status == VB_ENCODER_OK) {
        walk(unit);
    } else {
        check(failure->message[0] != '\0' && memchr(failure->message, '\0', sizeof failure->message) != NULL);
    }
}

static void encode(vb_encoder *encoder, input *from, const uint8_t *memory, int fd)
{
    vb_encoder_failure failure = {0};
    vb_access_unit unit;
    vb_surface surface = take_surface(from, memory, fd);
    vb_encoder_status status = vb_encoder_encode(encoder, &surface, take(from, 2), &unit, &failure);
    if (status == VB_ENCODER_OTHER_SIZE && may_resize(&surface)) {
        status = vb_encoder_resize(encoder, surface.width, surface.height, &failure);
        check(status == VB_ENCODER_OK);
        status = vb_encoder_encode(encoder, &surface, 0, &unit, &failure);
        check(status != VB_ENCODER_OTHER_SIZE);
    }
    check_outcome(status, &unit, &failure);
}

/* In two steps: pictures in any order, encoded never, once or twice. */
static void encode_picture(vb_encoder *encoder, vb_converter *converter, vb_picture *picture, input *from,
                           const uint8_t *memory, int fd)
{
    vb_encoder_failure failure = {0};
    vb_access_unit unit;
    vb_picture_facts facts;
    uint32_t what = take(from, 1);
    if (what % 4 != 0) {
        vb_surface surface = take_surface(from, memory, fd);
        vb_encoder_status status = vb_converter_convert(converter, &surface, picture, &failure);
        vb_picture_get_facts(picture, &facts);
        check((status == VB_ENCODER_OK) == (facts.width != 0));
        if (status == VB_ENCODER_OK && may_resize(&surface) && what & 0x10) {
            check(vb_encoder_resize(encoder, surface.width, surface.height, &failure) == VB_ENCODER_OK);
        }
    }
    check_outcome(vb_encoder_encode_picture(encoder, picture, what, &unit, &failure), &unit, &failure);
    vb_picture_get_facts(picture, &facts);
    if (facts.borrows || what & 0x20) { /* its file may be made shorter before the next operation */
        vb_picture_release(picture);
    }
}

static void run_stream(input *from, const uint8_t *memory, int fd)
{
    vb_encoder_config config = {.backend = VB_ENCODER_X264, .fps_num = take_size(from), .fps_den = take_size(from),
                                .bitrate = take(from, 1) % 2 ? take(from, 3) : 0, .crf = (float)take(from, 1) / 4,
                                .gop = take(from, 1), .colour = take(from, 1) % 6, .threads = take(from, 1) % 3};
    static const uint32_t PROFILES[] = {66, 77, 100, 55};
    config.profile = PROFILES[take(from, 1) % 4];
    config.width = take_size(from);
    config.height = take_size(from);
    if ((uint64_t)config.width * config.height > PIXELS_MAX && config.width <= VB_ENCODER_DIMENSION_MAX) {
        return; /* a good size that is slow to code */
    }
    vb_encoder *encoder = NULL;
    vb_encoder_failure failure = {0};
    if (vb_encoder_open(&config, &encoder, &failure) != VB_ENCODER_OK) {
        check(encoder == NULL && failure.message[0] != '\0');
        return;
    }
    vb_converter *converter = NULL;
    vb_picture *picture = vb_picture_new();
    uint32_t colour = take(from, 1) % 8 == 0 ? VB_COLOUR_BT601_FULL : config.colour; /* it may be another's */
    check(picture != NULL && vb_converter_open(VB_ENCODER_X264, colour, &converter, &failure) == VB_ENCODER_OK);
    for (int frame = 0; frame < FRAMES_MAX && from->size > 0; frame++) {
        switch (take(from, 1) % 8) {
        case 0:
            vb_encoder_force_keyframe(encoder);
            break;
        case 1:
            vb_encoder_set_bitrate(encoder, take(from, 3), &failure);
            break;
        case 2:
            if (ftruncate(fd, take(from, 2)) != 0) {
                abort();
            }
            break;
        case 3:
        case 4:
            encode_picture(encoder, converter, picture, from, memory, fd);
            break;
        default:
            encode(encoder, from, memory, fd);
        }
    }
    vb_picture_free(picture);
    vb_converter_close(converter);
    vb_encoder_close(encoder);
}

static void run_lengths(input *from)
{
    vb_byte_stream stream = {0};
    vb_encoder_failure failure = {0};
    int length_bytes = (int)take(from, 1) % 6;
    uint8_t *exact = malloc(from->size + 1); /* a byte read behind its end is seen */
    if (exact == NULL) {
        return;
    }
    memcpy(exact, from->data, from->size);
    if (vb_byte_stream_add_lengths(&stream, exact, from->size, length_bytes, &failure) == VB_ENCODER_OK) {
        size_t starts = (size_t)stream.nal_count * 4, lengths = (size_t)stream.nal_count * (size_t)length_bytes;
        check(stream.size - starts == from->size - lengths);
    }
    free(exact);
    vb_byte_stream_free(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input from = {data, size};
    if (take(&from, 1) % 8 == 0) {
        run_lengths(&from);
        return 0;
    }
    int fd = memfd_create("surface", 0);
    uint8_t *memory = malloc(MEMORY_BYTES);
    check(fd >= 0 && memory != NULL && ftruncate(fd, MEMORY_BYTES) == 0);
    for (size_t i = 0; i < MEMORY_BYTES; i++) {
        memory[i] = (uint8_t)(i * 31 + size);
    }
    run_stream(&from, memory, fd);
    free(memory);
    close(fd);
    return 0;
}
