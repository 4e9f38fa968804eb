/* Context switches: two processes hand a token back and forth through a pair of pipes, on one CPU where the system
 * lets them.
 *
 * Each hand-over is a switch. Both sides take one step of a generator, so a lost or doubled turn shows in the token. */
#include "kernel.h"
#include "recurrence.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct context {
    uint64_t token, first;
    int to_peer, from_peer;
    pid_t peer;
};

/* A token is shorter than PIPE_BUF, so it is never split. 0: the peer is gone. */
static int send_token(int fd, uint64_t token)
{
    ssize_t size;
    do
        size = write(fd, &token, sizeof token);
    while (size < 0 && errno == EINTR);
    return size == sizeof token;
}

static int receive_token(int fd, uint64_t *token)
{
    ssize_t size;
    do
        size = read(fd, token, sizeof *token);
    while (size < 0 && errno == EINTR);
    return size == sizeof *token;
}

static _Noreturn void be_peer(int from, int to)
{
    uint64_t token;
    while (receive_token(from, &token) && send_token(to, lcg_step(LCG_MMIX, token)))
        ;
    _exit(0);
}

static void *open_context(uint64_t seed)
{
    struct context *state = allocate(sizeof *state);
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0)
        die("cannot make a pipe");
    stay_on_one_cpu();
    state->peer = fork();
    if (state->peer < 0)
        die("cannot fork");
    if (state->peer == 0) {
        close(there[1]); /* or the parent's death would go unnoticed */
        close(back[0]);
        be_peer(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    state->to_peer = there[1];
    state->from_peer = back[0];
    state->token = state->first = seed;
    return state;
}

static void run_context(void *opaque, uint64_t iterations)
{
    struct context *state = opaque;
    for (uint64_t i = 0; i < iterations; i++) {
        state->token = lcg_step(LCG_MMIX, state->token);
        if (!send_token(state->to_peer, state->token) || !receive_token(state->from_peer, &state->token))
            die("the other process is gone");
    }
}

static struct answer check_context(void *opaque, uint64_t total)
{
    const struct context *state = opaque;
    return (struct answer){state->token, lcg_jump(LCG_MMIX, state->first, 2 * total)};
}

static void close_context(void *opaque)
{
    struct context *state = opaque;
    close(state->to_peer);
    close(state->from_peer);
    while (waitpid(state->peer, NULL, 0) < 0 && errno == EINTR)
        ;
    use_every_cpu();
    free(state);
}

const struct kernel context_switch_kernel = {
    .name = "context-switch",
    .unit = "switches/s",
    .per_iteration = 2,
    .what = "switches between two processes that talk through pipes (Linux: on one CPU)",
    .open = open_context,
    .run = run_context,
    .check = check_context,
    .close = close_context,
};
