/* What the program is told. */
#ifndef VB_OPTIONS_H
#define VB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NO_DISPLAY = 3, EXIT_REFUSED = 4 };

enum by { BY_RESOURCE, BY_PIXELS, BY_SUBSCRIPTION, BY_PIPE };

struct options {
    const char *device;
    uint32_t width, height; /* 0: the display's preferred mode */
    uint32_t buffers;
    uint64_t frames; /* 0: until the time is over */
    uint64_t seconds;
    uint32_t fps; /* 0: as fast as pages flip */
    uint64_t first;
    bool in_place;
    bool times;         /* report every frame's */
    const char *memory; /* a file to draw into where there is no display; NULL: a display */
    const char *shared; /* the same, and read while it is drawn into: a file, or an ivshmem device's memory */
    const char *encode; /* whose address; NULL: nobody's */
    enum by by;
    const char *record; /* a file for the stream that comes back; NULL: none */
};

struct options parse_options(int argc, char **argv);

/* Says what failed and why (errno), and ends the program. */
_Noreturn void die(const char *what);

#endif
