#include "vb_encoder.h"

#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "clock.h"
#include "config.h"
#include "failure.h"

struct vb_encoder {
    const vb_backend *backend;
    void *state;
    vb_encoder_config config;
    vb_converter *converter;
    vb_picture *picture; /* of vb_encoder_encode */
    vb_encoder_stats stats;
    bool keyframe_wanted;
};

const vb_backend *vb_backend_of(uint32_t which, vb_encoder_failure *failure)
{
    switch (which) {
#ifndef VB_WITHOUT_X264
    case VB_ENCODER_X264:
        return &vb_x264;
#endif
#ifdef __APPLE__
    case VB_ENCODER_VIDEOTOOLBOX:
        return &vb_videotoolbox;
#endif
    default:
        vb_fail(failure, VB_ENCODER_UNSUPPORTED, 0, "this build of the encoder has no backend %u", which);
        return NULL;
    }
}

uint32_t vb_encoder_abi(void)
{
    return VB_ENCODER_ABI;
}

int vb_encoder_has(uint32_t backend)
{
    return vb_backend_of(backend, NULL) != NULL;
}

static vb_encoder_status open_parts(vb_encoder *encoder, vb_encoder_failure *failure)
{
    const vb_encoder_config *config = &encoder->config;
    encoder->picture = vb_picture_new();
    if (encoder->picture == NULL) {
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for a picture");
    }
    vb_encoder_status status = vb_converter_open(config->backend, config->colour, &encoder->converter, failure);
    return status == VB_ENCODER_OK ? encoder->backend->open(config, &encoder->state, failure) : status;
}

vb_encoder_status vb_encoder_open(const vb_encoder_config *config, vb_encoder **encoder, vb_encoder_failure *failure)
{
    *encoder = NULL;
    const vb_backend *backend = vb_backend_of(config->backend, failure);
    if (backend == NULL) {
        return VB_ENCODER_UNSUPPORTED;
    }
    vb_encoder_status status = vb_check_config(config, failure);
    if (status != VB_ENCODER_OK) {
        return status;
    }
    vb_encoder *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for an encoder");
    }
    opened->backend = backend;
    opened->config = *config;
    status = open_parts(opened, failure);
    if (status != VB_ENCODER_OK) {
        vb_encoder_close(opened);
        return status;
    }
    *encoder = opened;
    return VB_ENCODER_OK;
}

static void count(vb_encoder_stats *stats, const vb_access_unit *unit)
{
    stats->frames++;
    stats->keyframes += unit->is_keyframe;
    stats->stream_bytes += unit->size;
    stats->map_ns += unit->map_ns;
    stats->convert_ns += unit->convert_ns;
    stats->encode_ns += unit->encode_ns;
}

vb_encoder_status vb_encoder_encode_picture(vb_encoder *encoder, const vb_picture *picture, int64_t pts,
                                            vb_access_unit *unit, vb_encoder_failure *failure)
{
    memset(unit, 0, sizeof *unit);
    const vb_picture_facts *facts = &picture->facts;
    if (facts->width == 0) {
        return vb_fail(failure, VB_ENCODER_BAD_SURFACE, 0, "there is no picture to encode");
    }
    if (picture->backend != encoder->backend || picture->colour != encoder->config.colour) {
        return vb_fail(failure, VB_ENCODER_UNSUPPORTED, 0, "a picture for a stream of another backend or colour");
    }
    /* Last of all checks: whoever is told of another size knows that nothing else is wrong, and may resize. */
    if (facts->width != encoder->config.width || facts->height != encoder->config.height) {
        return vb_fail(failure, VB_ENCODER_OTHER_SIZE, 0, "a surface of %u x %u for a stream of %u x %u",
                       facts->width, facts->height, encoder->config.width, encoder->config.height);
    }
    vb_encoder_status status =
        encoder->backend->encode(encoder->state, picture, encoder->keyframe_wanted, unit, failure);
    if (status == VB_ENCODER_OK) {
        unit->pts = pts;
        unit->map_ns = facts->map_ns;
        unit->convert_ns = facts->convert_ns;
        encoder->keyframe_wanted = false;
        encoder->stats.copied_bytes += facts->copied_bytes;
        count(&encoder->stats, unit);
    }
    return status;
}

vb_encoder_status vb_encoder_encode(vb_encoder *encoder, const vb_surface *surface, int64_t pts, vb_access_unit *unit,
                                    vb_encoder_failure *failure)
{
    memset(unit, 0, sizeof *unit);
    vb_encoder_status status = vb_converter_convert(encoder->converter, surface, encoder->picture, failure);
    if (status == VB_ENCODER_OK) {
        status = vb_encoder_encode_picture(encoder, encoder->picture, pts, unit, failure);
    }
    vb_picture_release(encoder->picture);
    return status;
}

void vb_encoder_force_keyframe(vb_encoder *encoder)
{
    encoder->keyframe_wanted = true;
}

vb_encoder_status vb_encoder_set_bitrate(vb_encoder *encoder, uint32_t bitrate, vb_encoder_failure *failure)
{
    if (encoder->config.bitrate == 0) {
        return vb_fail(failure, VB_ENCODER_UNSUPPORTED, 0, "a stream of constant quality has no bitrate to set");
    }
    vb_encoder_status status = vb_check_bitrate(bitrate, failure);
    if (status == VB_ENCODER_OK) {
        status = encoder->backend->set_bitrate(encoder->state, bitrate, failure);
    }
    if (status == VB_ENCODER_OK) {
        encoder->config.bitrate = bitrate;
    }
    return status;
}

vb_encoder_status vb_encoder_resize(vb_encoder *encoder, uint32_t width, uint32_t height, vb_encoder_failure *failure)
{
    vb_encoder_config config = encoder->config;
    config.width = width;
    config.height = height;
    vb_encoder_status status = vb_check_config(&config, failure);
    if (status != VB_ENCODER_OK) {
        return status;
    }
    void *state = NULL;
    status = encoder->backend->open(&config, &state, failure); /* before the old one is given up */
    if (status != VB_ENCODER_OK) {
        return status;
    }
    encoder->backend->close(encoder->state);
    encoder->state = state;
    encoder->config = config;
    return VB_ENCODER_OK;
}

void vb_encoder_get_stats(const vb_encoder *encoder, vb_encoder_stats *stats)
{
    *stats = encoder->stats;
    stats->mappings = vb_converter_mappings(encoder->converter);
}

void vb_encoder_close(vb_encoder *encoder)
{
    if (encoder != NULL) {
        if (encoder->state != NULL) {
            encoder->backend->close(encoder->state);
        }
        vb_picture_free(encoder->picture);
        vb_converter_close(encoder->converter);
        free(encoder);
    }
}
