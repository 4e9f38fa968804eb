/* The command line, parsed once and then only read. */
#ifndef VB_OPTIONS_H
#define VB_OPTIONS_H

#include "api.h"
#include "frames.h"

struct options {
    const struct api *api; /* NULL only with list_adapters: all */
    const struct scene *scene;
    const char *adapter; /* NULL: the best */
    const char *picture; /* NULL: not written */
    struct size size;
    struct plan plan;
    uint64_t deadline_ns;
    bool list_adapters, list_scenes;
};

/* Ends the program with EXIT_USAGE when the command line is wrong, with 0 after --help. */
struct options parse_options(int argc, char **argv);

#endif
