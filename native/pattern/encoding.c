#include "encoding.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>

#include "channel.h"
#include "clock.h"
#include "report.h"
#include "stream.h"

enum { PATIENCE_S = 60 };

struct encoding {
    const struct options *options;
    int to, from;
    pthread_t reader;
    pthread_mutex_t lock;
    pthread_cond_t came;
    uint64_t asked, answered; /* under the lock */
    struct stream stream;
    struct series at_ns, sizes, keyframes, asked_ns;
};

static void *read_units(void *argument)
{
    struct encoding *encoding = argument;
    for (;;) {
        struct unit unit;
        if (encoding->options->by != BY_PIPE)
            unit = hxfr_unit(encoding->from, &encoding->stream);
        else if (!pipe_unit(encoding->from, &encoding->stream, &unit))
            return NULL;
        uint64_t at_ns = now_ns();
        pthread_mutex_lock(&encoding->lock);
        series_add(&encoding->at_ns, at_ns);
        series_add(&encoding->sizes, unit.size);
        series_add(&encoding->keyframes, unit.keyframe);
        encoding->answered++;
        pthread_cond_signal(&encoding->came);
        pthread_mutex_unlock(&encoding->lock);
    }
}

static void open_pipes(struct encoding *encoding, const char *paths)
{
    char in[256];
    const char *colon = strchr(paths, ':');
    if (!colon || (size_t)(colon - paths) >= sizeof in) {
        errno = EINVAL;
        die(paths);
    }
    memcpy(in, paths, (size_t)(colon - paths));
    in[colon - paths] = '\0';
    /* Each waits for the encoder to open the other end. GStreamer's pipelines start with their sink. */
    encoding->from = open(colon + 1, O_RDONLY | O_CLOEXEC);
    encoding->to = encoding->from < 0 ? -1 : open(in, O_WRONLY | O_CLOEXEC);
    if (encoding->to < 0)
        die(paths);
}

struct encoding *encoding_new(const struct options *options)
{
    if (!options->encode)
        return NULL;
    struct encoding *encoding = calloc(1, sizeof *encoding);
    if (!encoding)
        die("cannot prepare for encoding");
    encoding->options = options;
    if (options->by == BY_PIPE)
        open_pipes(encoding, options->encode);
    else
        encoding->to = encoding->from = channel_open(options->encode);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&encoding->came, &clock);
    pthread_mutex_init(&encoding->lock, NULL);
    if ((errno = pthread_create(&encoding->reader, NULL, read_units, encoding)) != 0)
        die("cannot start a thread");
    return encoding;
}

void encoding_ask(struct encoding *encoding, const struct page *page, uint64_t number)
{
    const struct picture *picture = &page->picture;
    uint32_t stride = picture->stride * (uint32_t)sizeof(uint32_t);
    pthread_mutex_lock(&encoding->lock);
    encoding->asked++;
    pthread_mutex_unlock(&encoding->lock);
    series_add(&encoding->asked_ns, now_ns());
    if (encoding->options->by == BY_PIPE) {
        if (!channel_write(encoding->to, picture->pixels, (size_t)stride * picture->height))
            die("cannot write to the encoder's pipe");
    } else if (encoding->options->by == BY_SUBSCRIPTION) {
        if (number == 0)
            hxfr_subscribe(encoding->to);
    } else {
        hxfr_request(encoding->to, &(struct request){.resource = page->resource,
                                                     .width = picture->width,
                                                     .height = picture->height,
                                                     .stride = stride,
                                                     .pts = (int64_t)number,
                                                     .pixels = encoding->options->by == BY_PIXELS ? picture->pixels
                                                                                                  : NULL});
    }
}

void encoding_await(struct encoding *encoding, uint64_t open)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&encoding->lock);
    while (encoding->asked - encoding->answered > open && encoding->answered < encoding->asked)
        if ((errno = pthread_cond_timedwait(&encoding->came, &encoding->lock, &until)) != 0)
            die("a frame did not come back");
    pthread_mutex_unlock(&encoding->lock);
}

static void record(const struct encoding *encoding)
{
    FILE *file = fopen(encoding->options->record, "wb");
    if (!file || fwrite(encoding->stream.bytes, 1, encoding->stream.size, file) != encoding->stream.size ||
        fclose(file) != 0)
        die(encoding->options->record);
}

void encoding_end(struct encoding *encoding, uint64_t begin_ns)
{
    encoding_await(encoding, 0);
    pthread_mutex_lock(&encoding->lock); /* for good: what comes later is not reported */
    report_series("asked_ns", &encoding->asked_ns, begin_ns);
    report_series("answered_ns", &encoding->at_ns, begin_ns);
    report_series("bytes", &encoding->sizes, 0);
    report_series("keyframe", &encoding->keyframes, 0);
    if (encoding->options->record)
        record(encoding);
}
