/* vb-pattern: a moving picture on a guest's display, so that whoever takes frames out of the machine can count them. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "encoding.h"
#include "options.h"
#include "picture.h"
#include "report.h"
#include "screen.h"
#include "shared.h"

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

static void sleep_until(uint64_t at_ns)
{
    struct timespec at = {.tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S)};
    while (!asked_to_end && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

/* When each frame was begun, drawn, given to the kernel to be shown, and flipped. */
struct frame_times {
    struct series begun, drawn, flip, flipped;
};

/* What is shown changes where it is; shared memory's pages are read while they are shown, so that there the change is
   made in another one, into which the picture is brought first. */
static void draw_in_place(struct screen *screen, const struct texture *texture, uint64_t first, uint64_t number)
{
    struct page *page = screen->shared ? shared_page(screen) : &screen->pages[0];
    if (screen->shared && !shared_is_drawn(screen, page))
        draw_frame(&page->picture, texture, first);
    draw_top_band(&page->picture, number);
    screen_changed(screen, page, PICTURE_BAND);
}

static void draw(struct screen *screen, struct encoding *encoding, const struct texture *texture,
                 const struct options *options, uint64_t number, struct frame_times *times)
{
    struct page *page = screen_page(screen, number);
    series_add(&times->begun, now_ns());
    draw_frame(&page->picture, texture, options->first + number);
    series_add(&times->drawn, now_ns());
    /* A page that is asked for stays shown until it was encoded; so does the first, for what a subscription begins with
       is the page that is shown when the host hears of it. */
    if (encoding && (options->by != BY_SUBSCRIPTION || number == 1))
        encoding_await(encoding, 0);
    series_add(&times->flip, now_ns());
    if (number == 0)
        screen_show_first(screen, page);
    else
        screen_flip(screen, page);
    series_add(&times->flipped, now_ns());
    if (!encoding)
        return;
    /* The host must have seen the flip before it is asked what is shown; a subscription tells it by itself. */
    if (options->by != BY_SUBSCRIPTION || number == 0)
        screen_await_shown(screen, page);
    encoding_ask(encoding, page, number);
}

static void report_times(const struct frame_times *times, uint64_t begin)
{
    report_series("begun_ns", &times->begun, begin);
    report_series("drawn_ns", &times->drawn, begin);
    report_series("flip_ns", &times->flip, begin);
    report_series("flipped_ns", &times->flipped, begin);
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    struct sigaction end = {.sa_handler = on_signal}; /* no SA_RESTART: a sleep must end */
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGHUP, &end, NULL);
    struct screen screen;
    screen_open(&screen, &options);
    struct encoding *encoding = encoding_new(&options);
    struct texture *texture = texture_new(screen.width, screen.height);
    report_start(&screen);
    struct frame_times times = {0};
    uint64_t begin = now_ns(), step = options.fps ? NS_PER_S / options.fps : 0, drawn = 0, late = 0;
    while (!asked_to_end && (options.frames == 0 || drawn < options.frames)) {
        if (options.seconds && now_ns() - begin >= options.seconds * NS_PER_S)
            break;
        if (options.in_place && drawn > 0)
            draw_in_place(&screen, texture, options.first, options.first + drawn);
        else
            draw(&screen, encoding, texture, &options, drawn, &times);
        drawn++;
        if (step && now_ns() < begin + drawn * step)
            sleep_until(begin + drawn * step);
        else if (step)
            late++;
    }
    uint64_t ns = now_ns() - begin;
    screen_finish(&screen);
    if (options.times)
        report_times(&times, begin);
    if (encoding)
        encoding_end(encoding, begin);
    report_end(&options, drawn, late, begin, ns);
    texture_free(texture);
    return EXIT_SUCCESS;
}
