/* The command line. */
#ifndef VB_VSOCK_OPTIONS_H
#define VB_VSOCK_OPTIONS_H

#include <stdint.h>

struct options {
    uint64_t cid;
    const char *path;
    int front; /* the descriptor of a connected socket, or -1 */
    const char *listen; /* else where the front-end connects */
};

/* What is wrong, or NULL. */
const char *options_parse(struct options *options, int count, char **words);

extern const char USAGE[];

#endif
