/* The command line, parsed once and then only read. */
#ifndef VB_OPTIONS_H
#define VB_OPTIONS_H

#include "kernel.h"

#include <stdbool.h>
#include <stddef.h>

enum { KERNELS = 7 };

extern const struct kernel *const all_kernels[KERNELS];

struct chosen {
    const struct kernel *kernel;
    uint64_t iterations; /* 0: calibrate */
};

struct options {
    struct chosen chosen[KERNELS];
    size_t count;
    uint64_t target_ns;
    uint64_t repetitions;
    uint64_t warmups;
    uint64_t seed;
    bool calibrate_only;
    bool list;
    int exit_status; /* of --exit; -1: not asked for */
};

/* Ends the program with EXIT_USAGE when the command line is wrong, with 0 after --help. */
struct options parse_options(int argc, char **argv);

#endif
