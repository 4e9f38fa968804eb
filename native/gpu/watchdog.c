#include "gpu.h"
#include "clock.h"
#include "watchdog.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

static uint64_t allowed_ns;
static _Atomic uint64_t begun_ns;
static const char *_Atomic current = "setup";

static void sleep_ns(uint64_t ns)
{
    struct timespec left = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* Sleeps until the step that runs now would be too late, and looks whether it still runs. */
static void *watch(void *unused)
{
    for (;;) {
        uint64_t begun = atomic_load(&begun_ns), now = now_ns();
        if (begun + allowed_ns <= now)
            fail(EXIT_HUNG, "the GPU hangs: %s has not ended within %" PRIu64 " ms", atomic_load(&current),
                 allowed_ns / 1000000);
        sleep_ns(begun + allowed_ns - now);
    }
    return unused;
}

void start_watchdog(uint64_t deadline_ns)
{
    allowed_ns = deadline_ns;
    atomic_store(&begun_ns, now_ns());
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    pthread_t thread;
    int error = pthread_create(&thread, NULL, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        fail(EXIT_FAILED, "no thread for the watchdog");
    pthread_detach(thread);
}

void begin_step(const char *step)
{
    atomic_store(&current, step);
    atomic_store(&begun_ns, now_ns());
}
