#include "frames.h"
#include "clock.h"
#include "wait.h"
#include "watchdog.h"

#include <signal.h>
#include <stdlib.h>

static volatile sig_atomic_t seen;

static void on_signal(int number)
{
    seen = number;
}

void watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error with a name */
}

int signal_seen(void)
{
    return seen;
}

/* Frames that are drawn into targets in turns, like the pictures of a swap chain. */
struct loop {
    const struct gpu *gpu;
    const struct scene *scene;
    void *state;
    struct target targets[MOST_IN_FLIGHT];
    struct submission submissions[MOST_IN_FLIGHT];
    uint32_t slots;
};

static void submit(struct loop *loop, uint32_t frame)
{
    uint32_t slot = frame % loop->slots;
    WGPUCommandEncoder encoder = wgpuDeviceCreateCommandEncoder(loop->gpu->device, NULL);
    loop->scene->encode(loop->state, loop->gpu, frame, encoder, &loop->targets[slot]);
    WGPUCommandBuffer commands = wgpuCommandEncoderFinish(encoder, NULL);
    wgpuCommandEncoderRelease(encoder);
    submit_commands(loop->gpu, commands, &loop->submissions[slot]);
    if (loop->scene->answers)
        loop->scene->request(loop->state);
}

/* Waits until `frame` is done; when that was. */
static uint64_t complete(struct loop *loop, uint32_t frame)
{
    begin_step("a frame");
    await_submission(loop->gpu, &loop->submissions[frame % loop->slots]);
    if (loop->scene->answers)
        loop->scene->receive(loop->state, frame);
    return now_ns();
}

/* Frames that are still in flight after the last timed one: they were only there so that it was not alone. */
static void drain(struct loop *loop, uint32_t done, uint32_t submitted)
{
    for (; done < submitted; done++)
        complete(loop, done);
}

static void draw(struct loop *loop, const struct plan *plan, struct frames *frames)
{
    const uint32_t most = plan->warmups + plan->frames;
    uint32_t submitted = 0, done = 0;
    uint64_t before = now_ns(), end_ns = UINT64_MAX;
    while (!seen && done < most && before < end_ns) {
        while (submitted - done < loop->slots) {
#ifdef VB_LOSE_DEVICE /* a test build that proves that a lost device is noticed */
            if (submitted == VB_LOSE_DEVICE)
                wgpuDeviceDestroy(loop->gpu->device);
#endif
            submit(loop, submitted++);
        }
        uint64_t now = complete(loop, done);
        frames->times_ns[done++] = now - before;
        before = now;
        if (done == 1)
            frames->first_done_ns = now;
        if (done == plan->warmups && plan->most_ns != 0)
            end_ns = now + plan->most_ns;
    }
    drain(loop, done, submitted);
    frames->timed = done > plan->warmups ? done - plan->warmups : 0;
}

bool run_frames(const struct gpu *gpu, const struct scene *scene, void *state, struct size size,
                const struct plan *plan, struct frames *frames)
{
    struct loop loop = {.gpu = gpu, .scene = scene, .state = state, .slots = plan->in_flight};
    for (uint32_t slot = 0; slot < loop.slots; slot++)
        loop.targets[slot] = make_target(gpu, size);
    frames->warmups = plan->warmups;
    frames->times_ns = allocate((size_t)plan->warmups + plan->frames, sizeof *frames->times_ns);
    draw(&loop, plan, frames);
    /* Frames after the last timed one have drawn into the other targets. */
    const uint32_t last = (frames->warmups + frames->timed - 1) % loop.slots;
    frames->last = loop.targets[last];
    for (uint32_t slot = 0; slot < loop.slots; slot++)
        if (slot != last)
            release_target(&loop.targets[slot]);
    return !seen && frames->timed != 0;
}

void release_frames(struct frames *frames)
{
    release_target(&frames->last);
    free(frames->times_ns);
}
