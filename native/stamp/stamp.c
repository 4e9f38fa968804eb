#include "vb_stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <pthread/qos.h>
#else
#include <sys/syscall.h>
#endif

#include "ring.h"

enum { STREAMS_MOST = 1024 };

struct vb_stamp {
    int fd;
    int bell[2];      /* a pipe: one byte is in it while it rings */
    atomic_bool rung; /* it rings, or is about to */
    atomic_bool full; /* not read until something was taken */
    atomic_bool ended;
    struct ring ring;
};

struct streams {
    vb_stamp *each[STREAMS_MOST];
    size_t count;
};

/* All that is shared; under `lock`, which the thread takes only when streams have come or gone. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct streams wanted;
static _Atomic uint64_t version; /* of `wanted` */
static uint64_t known;           /* the version that the thread reads by */
static bool running;
static int thread_number;
static int wake[2] = {-1, -1};

static int64_t now_ns(void)
{
#ifdef __APPLE__
    return (int64_t)clock_gettime_nsec_np(CLOCK_UPTIME_RAW); /* mach_absolute_time(), which Python reads */
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
#endif
}

/* Both -1 where that fails. */
static int make_pipe(int ends[2])
{
#ifdef __APPLE__
    int failed = pipe(ends);
    for (int each = 0; failed == 0 && each < 2; each++) {
        (void)fcntl(ends[each], F_SETFD, FD_CLOEXEC);
        (void)fcntl(ends[each], F_SETFL, O_NONBLOCK);
    }
#else
    int failed = pipe2(ends, O_CLOEXEC | O_NONBLOCK);
#endif
    if (failed)
        ends[0] = ends[1] = -1;
    return failed;
}

/* Into a pipe of ours: if it is full, its reader has something to read already. */
static void ring_once(int end)
{
    (void)!write(end, "!", 1);
}

static void drain(int end)
{
    char bytes[64];
    while (read(end, bytes, sizeof bytes) == sizeof bytes)
        ;
}

static void ring_bell(vb_stamp *stream)
{
    if (!atomic_exchange(&stream->rung, true))
        ring_once(stream->bell[1]);
}

/* Nothing is left to take, unless it came this very moment. */
static void hush(vb_stamp *stream)
{
    drain(stream->bell[0]);
    atomic_store(&stream->rung, false);
    if (!ring_empty(&stream->ring) || atomic_load(&stream->ended))
        ring_bell(stream);
}

static bool has_room(vb_stamp *stream, uint8_t **where, size_t *room)
{
    *room = ring_room(&stream->ring, where);
    if (*room)
        return true;
    atomic_store(&stream->full, true);
    *room = ring_room(&stream->ring, where); /* something may have been taken before that was told */
    if (*room)
        atomic_store(&stream->full, false);
    return *room != 0;
}

static void read_once(vb_stamp *stream)
{
    uint8_t *where;
    size_t room;
    if (!has_room(stream, &where, &room))
        return;
    ssize_t got = read(stream->fd, where, room);
    int64_t at_ns = now_ns();
    if (got > 0) {
        ring_put(&stream->ring, (size_t)got, at_ns);
    } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        atomic_store(&stream->ended, true); /* EIO: the far side of a pty is gone; ECONNRESET: that of a socket */
    } else {
        return;
    }
    ring_bell(stream);
}

static void catch_up(struct streams *mine)
{
    pthread_mutex_lock(&lock);
    *mine = wanted;
    known = atomic_load(&version);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_and_read(const struct streams *mine)
{
    struct pollfd polls[STREAMS_MOST + 1];
    for (size_t each = 0; each < mine->count; each++) {
        bool idle = atomic_load(&mine->each[each]->full) || atomic_load(&mine->each[each]->ended);
        polls[each] = (struct pollfd){.fd = idle ? -1 : mine->each[each]->fd, .events = POLLIN};
    }
    polls[mine->count] = (struct pollfd){.fd = wake[0], .events = POLLIN};
    if (poll(polls, (nfds_t)mine->count + 1, -1) <= 0)
        return;
    for (size_t each = 0; each < mine->count; each++)
        if (polls[each].revents)
            read_once(mine->each[each]);
    if (polls[mine->count].revents)
        drain(wake[0]);
}

static void *run(void *unused)
{
    struct streams mine = {.count = 0};
#ifdef __APPLE__
    (void)pthread_setname_np("vb-stamp");
    (void)pthread_set_qos_class_self_np(QOS_CLASS_USER_INTERACTIVE, 0);
#else
    (void)pthread_setname_np(pthread_self(), "vb-stamp");
    thread_number = (int)syscall(SYS_gettid); /* read with the lock, which catch_up takes before it is looked for */
#endif
    for (;;) {
        if (atomic_load(&version) != known) /* only this thread changes `known` */
            catch_up(&mine);
        wait_and_read(&mine);
    }
    return unused;
}

/* In the child of a fork: its parent has the thread, and all streams. */
static void forget(void)
{
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&changed, NULL);
    running = false;
    wanted.count = 0;
    known = atomic_load(&version);
    close(wake[0]);
    close(wake[1]);
    wake[0] = wake[1] = -1;
}

/* With the lock: the thread, deaf to signals, which are for the interpreter's. Errno, or 0. */
static int start(void)
{
    static bool forgets;
    pthread_t thread;
    sigset_t all, before;
    if (!forgets && pthread_atfork(NULL, NULL, forget) != 0)
        return ENOMEM;
    forgets = true;
    if (wake[0] < 0 && make_pipe(wake) != 0)
        return errno;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0)
        pthread_detach(thread);
    running = failed == 0;
    return failed;
}

/* With the lock, while the thread runs: when this returns it reads by what is wanted now. The thread is woken without the
   lock: it runs at once, and would wait for whom it has just taken the processor from. */
static void tell_thread(void)
{
    uint64_t mine = atomic_fetch_add(&version, 1) + 1;
    pthread_mutex_unlock(&lock);
    ring_once(wake[1]);
    pthread_mutex_lock(&lock);
    while (known < mine)
        pthread_cond_wait(&changed, &lock);
}

/* macOS's poll knows not every kind of device. */
static bool can_be_polled(int fd)
{
    struct pollfd once = {.fd = fd, .events = POLLIN};
    return poll(&once, 1, 0) >= 0 && !(once.revents & POLLNVAL);
}

/* With the lock; errno, or 0. */
static int join(vb_stamp *stream, int *started)
{
    if (wanted.count == STREAMS_MOST)
        return EMFILE;
    bool first = !running;
    int failed = first ? start() : 0;
    if (failed)
        return failed;
    wanted.each[wanted.count++] = stream;
    tell_thread();
    *started = first ? thread_number : 0;
    return 0;
}

vb_stamp *vb_stamp_add(int fd, int *started)
{
    vb_stamp *stream = calloc(1, sizeof *stream);
    *started = 0;
    if (!stream)
        return NULL;
    stream->fd = fd;
    int failed = make_pipe(stream->bell) == 0 ? 0 : errno;
    if (!failed && !can_be_polled(fd))
        failed = ENOTSUP;
    if (!failed) {
        pthread_mutex_lock(&lock);
        failed = join(stream, started);
        pthread_mutex_unlock(&lock);
    }
    if (!failed)
        return stream;
    vb_stamp_free(stream);
    errno = failed;
    return NULL;
}

int vb_stamp_bell(const vb_stamp *stream)
{
    return stream->bell[0];
}

ptrdiff_t vb_stamp_peek(vb_stamp *stream, const void **bytes, int64_t *at_ns)
{
    bool ended = atomic_load(&stream->ended); /* before the ring: what it holds came before the end */
    size_t count = ring_peek(&stream->ring, bytes, at_ns);
    if (count)
        return (ptrdiff_t)count;
    if (ended)
        return -1;
    hush(stream);
    return 0;
}

void vb_stamp_consume(vb_stamp *stream, size_t count)
{
    ring_consume(&stream->ring, count);
    if (atomic_exchange(&stream->full, false))
        ring_once(wake[1]);
    if (ring_empty(&stream->ring))
        hush(stream);
}

void vb_stamp_settle(void)
{
    pthread_mutex_lock(&lock);
    for (int round = 0; running && round < 2; round++) /* the first may have begun before this was called */
        tell_thread();
    pthread_mutex_unlock(&lock);
}

void vb_stamp_remove(vb_stamp *stream)
{
    pthread_mutex_lock(&lock);
    for (size_t each = 0; each < wanted.count; each++)
        if (wanted.each[each] == stream) {
            wanted.each[each] = wanted.each[--wanted.count];
            tell_thread();
            break;
        }
    pthread_mutex_unlock(&lock);
}

void vb_stamp_free(vb_stamp *stream)
{
    vb_stamp_remove(stream);
    for (int each = 0; each < 2; each++)
        if (stream->bell[each] >= 0)
            close(stream->bell[each]);
    free(stream);
}
