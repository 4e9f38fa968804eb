#include "picture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t further(uint32_t error, uint8_t a, uint8_t b)
{
    uint32_t distance = (uint32_t)abs(a - b);
    return distance > error ? distance : error;
}

struct comparison compare_picture(const struct pixel *picture, struct size size, const struct scene *scene,
                                  const void *state, uint32_t frame)
{
    struct comparison comparison = {0};
    for (uint32_t y = 0; y < size.height; y++) {
        for (uint32_t x = 0; x < size.width; x++) {
            struct pixel got = picture[(size_t)y * size.width + x];
            struct expected expected = scene->expect(state, frame, x, y);
            struct pixel want = expected.pixel;
            if (expected.undecided) {
                comparison.undecided++;
                continue;
            }
            uint32_t error = further(further(further(further(0, got.r, want.r), got.g, want.g), got.b, want.b), got.a,
                                     want.a);
            if (error > comparison.max_error)
                comparison.max_error = error;
            if (error <= scene->tolerance)
                continue;
            if (comparison.wrong++ == 0) {
                comparison.x = x;
                comparison.y = y;
                comparison.got = got;
                comparison.expected = want;
            }
        }
    }
    return comparison;
}

void write_picture(const char *path, const struct pixel *picture, struct size size)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        fail(EXIT_FAILED, "cannot write %s: %s", path, strerror(errno));
    bool written = fprintf(file, "P6\n%u %u\n255\n", size.width, size.height) > 0;
    size_t row_bytes = (size_t)size.width * 3;
    uint8_t *row = allocate(row_bytes, 1);
    for (uint32_t y = 0; written && y < size.height; y++) {
        for (uint32_t x = 0; x < size.width; x++)
            memcpy(row + (size_t)x * 3, &picture[(size_t)y * size.width + x], 3);
        written = fwrite(row, 1, row_bytes, file) == row_bytes;
    }
    free(row);
    if (fclose(file) != 0 || !written)
        fail(EXIT_FAILED, "cannot write %s: %s", path, strerror(errno));
}
