#include "picture.h"

#include <stdlib.h>
#include <string.h>

#include "options.h"

enum { BLACK = 0x000000, WHITE = 0xffffff };

/* Twice as wide as a picture, so that a row of it is one copy wherever it begins. */
struct texture {
    uint32_t width, height;
    uint32_t pixels[];
};

struct texture *texture_new(uint32_t width, uint32_t height)
{
    struct texture *texture = malloc(sizeof *texture + (size_t)width * 2 * height * sizeof(uint32_t));
    if (!texture)
        die("cannot allocate the texture");
    texture->width = width;
    texture->height = height;
    uint32_t *pixel = texture->pixels;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < 2 * width; x++) {
            uint32_t ink = ((x / 6) * 131 + (y / 10) * 71) % 17 < 5; /* about as busy as a page of text */
            *pixel++ = ink ? 0x141414 : (x + y) % 256 << 16 | y * 255 / height << 8 | x % width * 127 / width;
        }
    return texture;
}

void texture_free(struct texture *texture)
{
    free(texture);
}

/* 24 bits of the number, then 8 that tell a number from noise; the highest bit on the left. */
static uint32_t code(uint64_t number)
{
    uint32_t low = (uint32_t)(number % PICTURE_NUMBERS);
    return low << 8 | ((low ^ low >> 8 ^ low >> 16 ^ 0x5a) & 0xff);
}

static void draw_band(const struct picture *picture, uint32_t top, uint64_t number)
{
    uint32_t *first = picture->pixels + (size_t)top * picture->stride;
    uint32_t bits = code(number);
    for (uint32_t x = 0; x < picture->width; x++) {
        uint32_t cell = (uint32_t)((uint64_t)x * PICTURE_CELLS / picture->width);
        first[x] = bits >> (PICTURE_CELLS - 1 - cell) & 1 ? WHITE : BLACK;
    }
    for (uint32_t row = 1; row < PICTURE_BAND; row++)
        memcpy(first + (size_t)row * picture->stride, first, (size_t)picture->width * sizeof *first);
}

void draw_top_band(const struct picture *picture, uint64_t number)
{
    draw_band(picture, 0, number);
}

void draw_frame(const struct picture *picture, const struct texture *texture, uint64_t number)
{
    draw_band(picture, 0, number);
    uint32_t left = (uint32_t)(number * 5 % texture->width);
    for (uint32_t y = PICTURE_BAND; y < picture->height - PICTURE_BAND; y++) {
        size_t row = (y + number * 2) % texture->height;
        memcpy(picture->pixels + (size_t)y * picture->stride, texture->pixels + row * texture->width * 2 + left,
               (size_t)picture->width * sizeof(uint32_t));
    }
    draw_band(picture, picture->height - PICTURE_BAND, number);
}
