/* The report: one JSON object a line. */
#ifndef VB_REPORT_H
#define VB_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "screen.h"

/* One number for each frame, or each access unit; grows. */
struct series {
    uint64_t *values;
    size_t count, room;
};

void series_add(struct series *series, uint64_t value);

void report_start(const struct screen *screen);

/* Lines {"event":"series","name":…,"first":…,"values":[…]} of at most 128 values, each less `origin`. */
void report_series(const char *name, const struct series *series, uint64_t origin);

/* `begin_ns` is what CLOCK_MONOTONIC said when the first frame was begun. */
void report_end(const struct options *options, uint64_t frames, uint64_t late, uint64_t begin_ns, uint64_t ns);

#endif
