/* System calls: getppid, the shortest way into the kernel and back that no C library keeps an answer for. */
#include "kernel.h"

#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

enum { CALLS = 10 };

struct syscalls {
    pid_t parent;
    uint64_t right; /* calls that gave the parent's id */
};

static pid_t ask_kernel(void)
{
#ifdef __linux__
    return (pid_t)syscall(SYS_getppid);
#else
    return getppid(); /* macOS deprecates syscall(); its getppid always traps */
#endif
}

static void *open_syscalls(uint64_t seed)
{
    (void)seed; /* nothing here is random */
    struct syscalls *state = allocate(sizeof *state);
    state->parent = getppid();
    return state;
}

static void run_syscalls(void *opaque, uint64_t iterations)
{
    struct syscalls *state = opaque;
    for (uint64_t i = 0; i < iterations; i++)
        for (int call = 0; call < CALLS; call++)
            state->right += ask_kernel() == state->parent;
}

static struct answer check_syscalls(void *opaque, uint64_t total)
{
    const struct syscalls *state = opaque;
    return (struct answer){state->right, total * CALLS};
}

const struct kernel syscall_kernel = {
    .name = "syscall",
    .unit = "calls/s",
    .per_iteration = CALLS,
    .what = "getppid, straight into the kernel",
    .open = open_syscalls,
    .run = run_syscalls,
    .check = check_syscalls,
    .close = free,
};
