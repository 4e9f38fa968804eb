/* Latency: from the submission of almost nothing until its one pixel is in the processor's hands.
 *
 * Every frame clears the picture to a colour of its own, and every answer is compared with it. */
#include "pipeline.h"
#include "scene.h"

#include <stdlib.h>

struct latency {
    struct readback readback;
};

static struct pixel colour_of(uint32_t frame)
{
    return (struct pixel){(uint8_t)frame, (uint8_t)(frame >> 8), 128, 255};
}

static void *open_latency(const struct gpu *gpu, struct size size)
{
    (void)size;
    struct latency *state = allocate(1, sizeof *state);
    state->readback = make_readback(gpu, (struct size){1, 1});
    return state;
}

static struct work latency_work(struct size size)
{
    (void)size;
    return (struct work){.readback_bytes = sizeof(struct pixel)};
}

static void encode_latency(void *opaque, const struct gpu *gpu, uint32_t frame, WGPUCommandEncoder encoder,
                           const struct target *target)
{
    (void)gpu;
    struct latency *state = opaque;
    struct pixel colour = colour_of(frame);
    end_pass(begin_pass(encoder, target, (WGPUColor){colour.r / 255.0, colour.g / 255.0, colour.b / 255.0, 1}));
    encode_readback(encoder, target, &state->readback);
}

static void request_latency(void *opaque)
{
    request_mapping(&((struct latency *)opaque)->readback);
}

static void receive_latency(void *opaque, uint32_t frame)
{
    struct latency *state = opaque;
    const uint8_t *got = mapped_rows(&state->readback);
    struct pixel expected = colour_of(frame);
    int red = got[0] - expected.r, green = got[1] - expected.g;
    if (abs(red) > 1 || abs(green) > 1)
        fail(EXIT_WRONG_PICTURE, "latency: frame %u brought %u,%u instead of %u,%u back", frame, got[0], got[1],
             expected.r, expected.g);
    unmap(&state->readback);
}

static struct expected expect_latency(const void *opaque, uint32_t frame, uint32_t x, uint32_t y)
{
    (void)opaque, (void)x, (void)y;
    return (struct expected){.pixel = colour_of(frame)};
}

static void close_latency(void *opaque)
{
    struct latency *state = opaque;
    release_readback(&state->readback);
    free(state);
}

const struct scene latency_scene = {
    .name = "latency",
    .what = "clear the picture and read one pixel back: the round trip",
    .answers = true,
    .tolerance = 1,
    .open = open_latency,
    .work = latency_work,
    .encode = encode_latency,
    .request = request_latency,
    .receive = receive_latency,
    .expect = expect_latency,
    .close = close_latency,
};
