/* What the program prints: one JSON object a line, flushed at once. The schema is in ../README.md. */
#ifndef VB_REPORT_H
#define VB_REPORT_H

#include "options.h"

void report_kernels(void);
void report_start(const struct options *options);
void report_calibration(const struct kernel *kernel, uint64_t iterations, uint64_t ns);
void report_repetition(const struct kernel *kernel, uint64_t repetition, uint64_t iterations, uint64_t ns,
                       struct answer answer);
/* `lines`: how many calibrations and repetitions came before, so that a reader notices a lost one. */
void report_end(uint64_t lines);

#endif
