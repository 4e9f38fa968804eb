#include "loop.h"

#include <sys/epoll.h>

enum { EVENTS_AT_ONCE = 64 };

static bool control(int loop, int what, struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(loop, what, source->fd, &event) == 0;
}

bool loop_add(int loop, struct source *source, uint32_t events)
{
    return control(loop, EPOLL_CTL_ADD, source, events);
}

void loop_change(int loop, struct source *source, uint32_t events)
{
    (void)control(loop, EPOLL_CTL_MOD, source, events);
}

void loop_remove(int loop, struct source *source)
{
    (void)control(loop, EPOLL_CTL_DEL, source, 0);
}

void loop_turn(int loop, int timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(loop, events, EVENTS_AT_ONCE, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct source *source = events[i].data.ptr;
        source->told(source, events[i].events);
    }
}
