/* What is drawn: a texture that moves, between two bands of 32 black and white cells, both of them the frame's number. */
#ifndef VB_PICTURE_H
#define VB_PICTURE_H

#include <stdint.h>

enum {
    PICTURE_CELLS = 32,
    PICTURE_BAND = 16, /* rows of each band: a macroblock, so that the cells survive an encoder */
    PICTURE_LEAST_WIDTH = 320,
    PICTURE_LEAST_HEIGHT = 64,
};
#define PICTURE_NUMBERS (UINT64_C(1) << 24)

/* 32-bit pixels, blue in the lowest byte. */
struct picture {
    uint32_t *pixels;
    uint32_t width, height;
    uint32_t stride; /* pixels a row */
};

struct texture;

struct texture *texture_new(uint32_t width, uint32_t height);
void texture_free(struct texture *texture);

/* Draws frame `number` from top to bottom: a page that is shown too early has another number at its bottom. */
void draw_frame(const struct picture *picture, const struct texture *texture, uint64_t number);
void draw_top_band(const struct picture *picture, uint64_t number);

#endif
