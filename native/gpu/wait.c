#include "wait.h"
#include "clock.h"
#include "device.h"

#include <time.h>

/* wgpu gives up a blocking wait after 5 s, and wgpu-native ends the program then (gfx-rs/wgpu, pull request 7030). So
 * where the last wait was long, or there was none yet, the queue is asked again and again: a pause is nothing there. */
enum { LONG_NS = 1000000000, PAUSE_NS = 1000000 };

static uint64_t last_wait_ns = UINT64_MAX;

static void on_done(WGPUQueueWorkDoneStatus status, WGPUStringView message, void *userdata, void *unused)
{
    (void)status, (void)message, (void)unused; /* a device that is lost says so itself */
    *(volatile bool *)userdata = true;
}

void submit_commands(const struct gpu *gpu, WGPUCommandBuffer commands, struct submission *submission)
{
    submission->watched = last_wait_ns > LONG_NS;
    submission->done = false;
    submission->index = wgpuQueueSubmitForIndex(gpu->queue, 1, &commands);
    wgpuCommandBufferRelease(commands);
    if (!submission->watched)
        return;
    WGPUQueueWorkDoneCallbackInfo asked = WGPU_QUEUE_WORK_DONE_CALLBACK_INFO_INIT;
    asked.mode = WGPUCallbackMode_AllowSpontaneous;
    asked.callback = on_done;
    asked.userdata1 = &submission->done;
    wgpuQueueOnSubmittedWorkDone(gpu->queue, asked);
}

static void ask_until_done(const struct gpu *gpu, const struct submission *submission)
{
    const struct timespec pause = {0, PAUSE_NS};
    for (;;) {
        wgpuDevicePoll(gpu->device, false, NULL);
        check_gpu();
        if (*(const volatile bool *)&submission->done)
            return;
        nanosleep(&pause, NULL);
    }
}

void await_submission(const struct gpu *gpu, const struct submission *submission)
{
    const uint64_t begun_ns = now_ns();
    if (submission->watched)
        ask_until_done(gpu, submission);
    else
        wgpuDevicePoll(gpu->device, true, &submission->index);
    check_gpu();
    last_wait_ns = now_ns() - begun_ns;
}
