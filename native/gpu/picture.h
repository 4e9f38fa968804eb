/* The picture against what it must be. */
#ifndef VB_PICTURE_H
#define VB_PICTURE_H

#include "scene.h"

struct comparison {
    uint64_t wrong;     /* pixels with a channel further off than the scene's tolerance */
    uint64_t undecided; /* pixels that were not compared */
    uint32_t max_error; /* of any channel of any pixel that was compared */
    uint32_t x, y;      /* the first wrong pixel … */
    struct pixel got, expected; /* … what it is, and what it must be */
};

struct comparison compare_picture(const struct pixel *picture, struct size size, const struct scene *scene,
                                  const void *state, uint32_t frame);

/* A binary PPM file (P6, without alpha); ends the program when it cannot be written. */
void write_picture(const char *path, const struct pixel *picture, struct size size);

#endif
