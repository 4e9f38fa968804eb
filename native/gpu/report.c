#include "report.h"
#include "../system.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TIMES_A_LINE = 128 };

static uint64_t lines;

static void end_line(void)
{
    lines++;
    if (puts("}") == EOF || fflush(stdout) != 0)
        fail(EXIT_FAILED, "cannot write the report: %s", strerror(errno));
}

/* A driver's own words: quotes and control characters escaped, bytes beyond ASCII replaced. */
static void print_string(const char *name, WGPUStringView view)
{
    printf(",\"%s\":\"", name);
    for (size_t i = 0; i < view.length; i++) {
        unsigned char byte = (unsigned char)view.data[i];
        if (byte == '"' || byte == '\\')
            printf("\\%c", byte);
        else
            putchar(byte < 0x20 || byte > 0x7e ? '?' : byte);
    }
    putchar('"');
}

void report_scenes(void)
{
    for (size_t i = 0; i < SCENES; i++)
        printf("%-9s %s\n", all_scenes[i]->name, all_scenes[i]->what);
    if (fflush(stdout) != 0)
        fail(EXIT_FAILED, "cannot write the list: %s", strerror(errno));
}

void report_start(const struct options *options)
{
    uint32_t version = wgpuGetVersion();
    printf("{\"event\":\"start\",\"schema\":1,\"os\":\"" OS "\",\"arch\":\"" ARCH "\",\"compiler\":\"" __VERSION__
           "\",\"wgpu\":\"%u.%u.%u.%u\",\"api\":\"%s\",\"scene\":\"%s\",\"width\":%u,\"height\":%u,\"in_flight\":%u",
           version >> 24, version >> 16 & 255, version >> 8 & 255, version & 255, options->api->name,
           options->scene->name, options->size.width, options->size.height, options->plan.in_flight);
    end_line();
}

void report_adapter(const WGPUAdapterInfo *info)
{
    printf("{\"event\":\"adapter\",\"api\":\"%s\",\"kind\":\"%s\"", api_name(info->backendType),
           adapter_kind(info->adapterType));
    print_string("device", info->device);
    print_string("driver", info->vendor); /* wgpu-native puts the driver's name into `vendor` … */
    print_string("driver_info", info->description); /* … and its version into `description` */
    printf(",\"vendor_id\":%u,\"device_id\":%u", info->vendorID, info->deviceID);
    end_line();
}

void report_setup(uint64_t device_ns, uint64_t scene_ns, uint64_t first_frame_ns)
{
    printf("{\"event\":\"setup\",\"device_ns\":%" PRIu64 ",\"scene_ns\":%" PRIu64 ",\"first_frame_ns\":%" PRIu64,
           device_ns, scene_ns, first_frame_ns);
    end_line();
}

void report_picture(const struct comparison *comparison, const struct options *options, uint32_t frame)
{
    printf("{\"event\":\"picture\",\"frame\":%u,\"pixels\":%" PRIu64 ",\"tolerance\":%u,\"max_error\":%u"
           ",\"wrong\":%" PRIu64 ",\"undecided\":%" PRIu64,
           frame, (uint64_t)options->size.width * options->size.height, options->scene->tolerance,
           comparison->max_error, comparison->wrong, comparison->undecided);
    end_line();
}

static void report_times(const char *event, const uint64_t *times_ns, uint32_t count)
{
    for (uint32_t first = 0; first < count; first += TIMES_A_LINE) {
        printf("{\"event\":\"%s\",\"first\":%u,\"times_ns\":[", event, first);
        for (uint32_t i = first; i < count && i < first + TIMES_A_LINE; i++)
            printf("%s%" PRIu64, i == first ? "" : ",", times_ns[i]);
        putchar(']');
        end_line();
    }
}

void report_frames(const struct frames *frames)
{
    report_times("warmup", frames->times_ns, frames->warmups);
    report_times("frames", frames->times_ns + frames->warmups, frames->timed);
}

void report_work(const struct work *work)
{
    printf("{\"event\":\"work\",\"upload_bytes\":%" PRIu64 ",\"readback_bytes\":%" PRIu64 ",\"flop\":%" PRIu64,
           work->upload_bytes, work->readback_bytes, work->flop);
    end_line();
}

void report_end(void)
{
    printf("{\"event\":\"end\",\"lines\":%" PRIu64, lines);
    end_line();
}
