#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "clock.h"
#include "config.h"
#include "failure.h"
#include "picture.h"
#include "surface.h"

vb_picture *vb_picture_new(void)
{
    return calloc(1, sizeof(vb_picture));
}

static void let_go(vb_picture *picture, bool last)
{
    if (picture->backend != NULL) {
        picture->backend->release(picture, last);
    }
    if (picture->read.address != NULL) {
        vb_mapping_end_read(&picture->read, picture->fd);
        picture->read.address = NULL;
    }
    memset(&picture->facts, 0, sizeof picture->facts);
}

void vb_picture_release(vb_picture *picture)
{
    let_go(picture, false);
}

void vb_picture_free(vb_picture *picture)
{
    if (picture != NULL) {
        let_go(picture, true);
        free(picture);
    }
}

void vb_picture_get_facts(const vb_picture *picture, vb_picture_facts *facts)
{
    *facts = picture->facts;
}

vb_encoder_status vb_converter_open(uint32_t backend, uint32_t colour, vb_converter **converter,
                                    vb_encoder_failure *failure)
{
    *converter = NULL;
    const vb_backend *found = vb_backend_of(backend, failure);
    if (found == NULL) {
        return VB_ENCODER_UNSUPPORTED;
    }
    vb_encoder_status status = vb_check_colour(colour, failure);
    if (status != VB_ENCODER_OK) {
        return status;
    }
    vb_converter *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return vb_fail(failure, VB_ENCODER_NO_MEMORY, 0, "no memory for a converter");
    }
    opened->backend = found;
    opened->colour = colour;
    *converter = opened;
    return VB_ENCODER_OK;
}

static vb_encoder_status convert_memory(vb_converter *converter, const vb_surface *surface, uint64_t bytes,
                                        vb_picture *picture, vb_encoder_failure *failure)
{
    if (surface->memory == NULL || surface->offset > surface->size || bytes > surface->size - surface->offset) {
        return vb_fail(failure, VB_ENCODER_SHORT_SURFACE, 0,
                       "a surface of %llu bytes from %llu on does not fit into the %llu of its memory",
                       (unsigned long long)bytes, (unsigned long long)surface->offset,
                       (unsigned long long)surface->size);
    }
    const uint8_t *pixels = (const uint8_t *)surface->memory + surface->offset;
    return converter->backend->convert(converter->colour, surface, pixels, picture, failure);
}

static vb_encoder_status convert_file(vb_converter *converter, const vb_surface *surface, uint64_t bytes,
                                      vb_picture *picture, vb_encoder_failure *failure)
{
    const uint8_t *pixels = NULL;
    const vb_mapping *mapping = NULL;
    uint64_t begin = vb_now_ns();
    vb_encoder_status status =
        vb_mappings_view(&converter->mappings, surface->fd, surface->offset, bytes, &pixels, &mapping, failure);
    if (status != VB_ENCODER_OK) {
        return status;
    }
    vb_mapping_begin_read(mapping, surface->fd);
    picture->facts.map_ns = vb_now_ns() - begin;
    status = converter->backend->convert(converter->colour, surface, pixels, picture, failure);
    if (status == VB_ENCODER_OK && picture->facts.borrows) {
        picture->read = *mapping;
        picture->fd = surface->fd;
    } else {
        vb_mapping_end_read(mapping, surface->fd);
    }
    return status;
}

static vb_encoder_status convert_surface(vb_converter *converter, const vb_surface *surface, vb_picture *picture,
                                         vb_encoder_failure *failure)
{
    uint64_t bytes = 0;
    vb_encoder_status status = vb_surface_extent(surface, &bytes, failure);
    if (status != VB_ENCODER_OK) {
        return status;
    }
    if (surface->width != converter->width || surface->height != converter->height) {
        vb_mappings_clear(&converter->mappings); /* surfaces of another size are other memory */
        converter->width = surface->width;
        converter->height = surface->height;
    }
    switch (surface->kind) {
    case VB_SURFACE_MEMORY:
        return convert_memory(converter, surface, bytes, picture, failure);
    case VB_SURFACE_FD:
        return convert_file(converter, surface, bytes, picture, failure);
    case VB_SURFACE_IOSURFACE:
        return converter->backend->convert(converter->colour, surface, NULL, picture, failure);
    default:
        return vb_fail(failure, VB_ENCODER_BAD_SURFACE, 0, "there is no surface of kind %u", surface->kind);
    }
}

vb_encoder_status vb_converter_convert(vb_converter *converter, const vb_surface *surface, vb_picture *picture,
                                       vb_encoder_failure *failure)
{
    bool other = picture->backend != converter->backend;
    let_go(picture, other);
    if (other) {
        picture->state = NULL;
        picture->backend = converter->backend;
    }
    picture->colour = converter->colour;
    uint64_t begin = vb_now_ns();
    vb_encoder_status status = convert_surface(converter, surface, picture, failure);
    if (status != VB_ENCODER_OK) {
        let_go(picture, false);
        return status;
    }
    picture->facts.width = surface->width;
    picture->facts.height = surface->height;
    picture->facts.convert_ns = vb_now_ns() - begin - picture->facts.map_ns;
    return VB_ENCODER_OK;
}

uint64_t vb_converter_mappings(const vb_converter *converter)
{
    return converter->mappings.made;
}

void vb_converter_close(vb_converter *converter)
{
    if (converter != NULL) {
        vb_mappings_clear(&converter->mappings);
        free(converter);
    }
}
