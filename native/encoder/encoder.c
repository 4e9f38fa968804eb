#include "vb_encoder.h"

#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "clock.h"
#include "config.h"
#include "failure.h"
#include "mapping.h"
#include "surface.h"

struct vb_encoder {
    const vb_backend *backend;
    void *state;
    vb_encoder_config config;
    vb_mappings mappings;
    vb_encoder_stats stats;
    bool keyframe_wanted;
};

static const vb_backend *backend_of(uint32_t which)
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
        return NULL;
    }
}

uint32_t vb_encoder_abi(void)
{
    return VB_ENCODER_ABI;
}

int vb_encoder_has(uint32_t backend)
{
    return backend_of(backend) != NULL;
}

vb_encoder_status vb_encoder_open(const vb_encoder_config *config, vb_encoder **encoder, vb_encoder_failure *failure)
{
    *encoder = NULL;
    const vb_backend *backend = backend_of(config->backend);
    if (backend == NULL) {
        return vb_fail(failure, VB_ENCODER_UNSUPPORTED, 0, "this build of the encoder has no backend %u",
                       config->backend);
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
    status = backend->open(config, &opened->state, failure);
    if (status != VB_ENCODER_OK) {
        free(opened);
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

static vb_encoder_status encode_pixels(vb_encoder *encoder, const vb_surface *surface, const uint8_t *pixels,
                                       vb_access_unit *unit, vb_encoder_failure *failure)
{
    /* Last of all checks: whoever is told of another size knows that nothing else is wrong, and may resize. */
    if (surface->width != encoder->config.width || surface->height != encoder->config.height) {
        return vb_fail(failure, VB_ENCODER_OTHER_SIZE, 0, "a surface of %u x %u for a stream of %u x %u",
                       surface->width, surface->height, encoder->config.width, encoder->config.height);
    }
    return encoder->backend->encode(encoder->state, surface, pixels, encoder->keyframe_wanted, unit,
                                    &encoder->stats.copied_bytes, failure);
}

static vb_encoder_status encode_memory(vb_encoder *encoder, const vb_surface *surface, uint64_t bytes,
                                       vb_access_unit *unit, vb_encoder_failure *failure)
{
    if (surface->memory == NULL || surface->offset > surface->size || bytes > surface->size - surface->offset) {
        return vb_fail(failure, VB_ENCODER_SHORT_SURFACE, 0,
                       "a surface of %llu bytes from %llu on does not fit into the %llu of its memory",
                       (unsigned long long)bytes, (unsigned long long)surface->offset,
                       (unsigned long long)surface->size);
    }
    return encode_pixels(encoder, surface, (const uint8_t *)surface->memory + surface->offset, unit, failure);
}

static vb_encoder_status encode_file(vb_encoder *encoder, const vb_surface *surface, uint64_t bytes,
                                     vb_access_unit *unit, vb_encoder_failure *failure)
{
    const uint8_t *pixels = NULL;
    const vb_mapping *mapping = NULL;
    uint64_t begin = vb_now_ns();
    vb_encoder_status status =
        vb_mappings_view(&encoder->mappings, surface->fd, surface->offset, bytes, &pixels, &mapping, failure);
    if (status != VB_ENCODER_OK) {
        return status;
    }
    vb_mapping_begin_read(mapping, surface->fd);
    unit->map_ns = vb_now_ns() - begin;
    status = encode_pixels(encoder, surface, pixels, unit, failure);
    vb_mapping_end_read(mapping, surface->fd);
    return status;
}

static vb_encoder_status encode_surface(vb_encoder *encoder, const vb_surface *surface, vb_access_unit *unit,
                                        vb_encoder_failure *failure)
{
    uint64_t bytes = 0;
    vb_encoder_status status = vb_surface_extent(surface, &bytes, failure);
    if (status != VB_ENCODER_OK) {
        return status;
    }
    switch (surface->kind) {
    case VB_SURFACE_MEMORY:
        return encode_memory(encoder, surface, bytes, unit, failure);
    case VB_SURFACE_FD:
        return encode_file(encoder, surface, bytes, unit, failure);
    case VB_SURFACE_IOSURFACE:
        return encode_pixels(encoder, surface, NULL, unit, failure);
    default:
        return vb_fail(failure, VB_ENCODER_BAD_SURFACE, 0, "there is no surface of kind %u", surface->kind);
    }
}

vb_encoder_status vb_encoder_encode(vb_encoder *encoder, const vb_surface *surface, int64_t pts, vb_access_unit *unit,
                                    vb_encoder_failure *failure)
{
    memset(unit, 0, sizeof *unit);
    vb_encoder_status status = encode_surface(encoder, surface, unit, failure);
    if (status == VB_ENCODER_OK) {
        unit->pts = pts;
        encoder->keyframe_wanted = false;
        count(&encoder->stats, unit);
    }
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
    vb_mappings_clear(&encoder->mappings); /* surfaces of another size are other memory */
    return VB_ENCODER_OK;
}

void vb_encoder_get_stats(const vb_encoder *encoder, vb_encoder_stats *stats)
{
    *stats = encoder->stats;
    stats->mappings = encoder->mappings.made;
}

void vb_encoder_close(vb_encoder *encoder)
{
    if (encoder != NULL) {
        encoder->backend->close(encoder->state);
        vb_mappings_clear(&encoder->mappings);
        free(encoder);
    }
}
