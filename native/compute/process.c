/* Process creation: fork, exec of this very program (static, so a guest needs nothing else), exit, wait. */
#include "kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUSES = 100, CANNOT_EXEC = 127 };

struct process {
    uint64_t next;
    uint64_t sum; /* of exit statuses */
};

/* The exit status of a child that was asked to exit with `status`. */
static int spawn_and_wait(int status)
{
    char number[4];
    snprintf(number, sizeof number, "%d", status % STATUSES);
    pid_t child = fork();
    if (child < 0)
        die("cannot fork");
    if (child == 0) {
        char *argv[] = {(char *)"vb-compute", (char *)"--exit", number, NULL};
        execv(program_path(), argv);
        _exit(CANNOT_EXEC);
    }
    int how;
    while (waitpid(child, &how, 0) < 0)
        if (errno != EINTR)
            die("cannot wait for a child");
    if (!WIFEXITED(how) || WEXITSTATUS(how) == CANNOT_EXEC) {
        errno = ENOEXEC;
        die(program_path());
    }
    return WEXITSTATUS(how);
}

static void *open_process(uint64_t seed)
{
    (void)seed; /* nothing here is random */
    stay_on_one_cpu();
    return allocate(sizeof(struct process));
}

static void run_process(void *opaque, uint64_t iterations)
{
    struct process *state = opaque;
    for (uint64_t i = 0; i < iterations; i++)
        state->sum += (uint64_t)spawn_and_wait((int)(state->next++ % STATUSES));
}

static struct answer check_process(void *opaque, uint64_t total)
{
    const struct process *state = opaque;
    uint64_t rest = total % STATUSES;
    uint64_t full = total / STATUSES * (STATUSES * (STATUSES - 1) / 2);
    return (struct answer){state->sum, full + rest * (rest - (rest != 0)) / 2};
}

static void close_process(void *state)
{
    use_every_cpu();
    free(state);
}

const struct kernel process_kernel = {
    .name = "process",
    .unit = "processes/s",
    .per_iteration = 1,
    .what = "fork, exec, exit and wait for a small static program",
    .open = open_process,
    .run = run_process,
    .check = check_process,
    .close = close_process,
};
