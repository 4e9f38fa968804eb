/* vb-gpu: the same scenes on a host's GPU and on the GPUs of its guests, every frame timed, the picture checked. */
#include "clock.h"
#include "device.h"
#include "report.h"
#include "watchdog.h"

#include <stdio.h>
#include <stdlib.h>

/* wgpu's own errors; its warnings are about what this program does not use. */
static void on_log(WGPULogLevel level, WGPUStringView message, void *unused)
{
    (void)level, (void)unused;
    fprintf(stderr, "wgpu: %.*s\n", (int)message.length, message.data);
}

static int list(const struct api *api)
{
    WGPUInstance instance = open_instance(api);
    size_t count = list_adapters(instance, report_adapter);
    wgpuInstanceRelease(instance);
    if (count == 0)
        fail(EXIT_NO_API, "no adapter speaks %s here", api != NULL ? api->name : "any API");
    return EXIT_SUCCESS;
}

static void check_picture(const struct gpu *gpu, const struct options *options, void *state,
                          const struct frames *frames)
{
    begin_step("reading the picture back");
    struct pixel *picture = read_target(gpu, &frames->last);
    uint32_t last = frames->warmups + frames->timed - 1;
    begin_step("comparing the picture");
#ifdef VB_CORRUPT_PICTURE /* a test build that proves that a wrong picture is noticed */
    picture[options->size.width + 1].g ^= 0x80;
#endif
    if (options->picture != NULL)
        write_picture(options->picture, picture, options->size);
    struct comparison found = compare_picture(picture, options->size, options->scene, state, last);
    free(picture);
    report_picture(&found, options, last);
    if (found.wrong != 0)
        fail(EXIT_WRONG_PICTURE,
             "%s: %llu of %llu pixels are wrong; the first, at %u,%u, is %u,%u,%u,%u and must be %u,%u,%u,%u",
             options->scene->name, (unsigned long long)found.wrong,
             (unsigned long long)options->size.width * options->size.height, found.x, found.y, found.got.r,
             found.got.g, found.got.b, found.got.a, found.expected.r, found.expected.g, found.expected.b,
             found.expected.a);
}

int main(int argc, char **argv)
{
    const uint64_t begin = now_ns();
    struct options options = parse_options(argc, argv);
    watch_signals();
    wgpuSetLogCallback(on_log, NULL);
    wgpuSetLogLevel(WGPULogLevel_Error);
    if (options.list_scenes) {
        report_scenes();
        return EXIT_SUCCESS;
    }
    start_watchdog(options.deadline_ns);
    if (options.list_adapters)
        return list(options.api);

    report_start(&options);
    struct gpu gpu = open_gpu(options.api, options.adapter);
    report_adapter(&gpu.info);
    const uint64_t device_at = now_ns();
    begin_step("the scene's setup");
    void *state = options.scene->open(&gpu, options.size);
    check_gpu();
    const uint64_t scene_at = now_ns();
    begin_step("the first frame");
    struct frames frames = {0};
    if (!run_frames(&gpu, options.scene, state, options.size, &options.plan, &frames))
        fail(EXIT_SIGNALLED + signal_seen(), "ended by signal %d", signal_seen());
    check_picture(&gpu, &options, state, &frames);
    report_setup(device_at - begin, scene_at - device_at, frames.first_done_ns - begin);
    report_frames(&frames);
    struct work work = options.scene->work(options.size);
    report_work(&work);
    report_end();

    begin_step("closing the device");
    release_frames(&frames);
    options.scene->close(state);
    close_gpu(&gpu);
    return EXIT_SUCCESS;
}
