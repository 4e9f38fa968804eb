/* What the program prints: one JSON object a line, flushed at once. The schema is in ../README.md. */
#ifndef VB_REPORT_H
#define VB_REPORT_H

#include "adapter.h"
#include "frames.h"
#include "options.h"
#include "picture.h"

void report_scenes(void);
void report_start(const struct options *options);
void report_adapter(const WGPUAdapterInfo *info);
void report_setup(uint64_t device_ns, uint64_t scene_ns, uint64_t first_frame_ns);
void report_picture(const struct comparison *comparison, const struct options *options, uint32_t frame);
void report_frames(const struct frames *frames);
void report_work(const struct work *work);
/* How many lines came before, so that a reader notices a lost one. */
void report_end(void);

#endif
