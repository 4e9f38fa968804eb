/* vb-pattern: a moving picture on a guest's display, so that whoever takes frames out of the machine can count them. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "options.h"
#include "picture.h"
#include "screen.h"

enum { NS_PER_S = 1000000000 };

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
    struct timespec at = {.tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S)};
    while (!asked_to_end && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

static void end_line(void)
{
    if (putchar('\n') == EOF || fflush(stdout) != 0)
        die("cannot write the report");
}

static void report_start(const struct screen *screen)
{
    printf("{\"event\":\"start\",\"schema\":1,\"width\":%" PRIu32 ",\"height\":%" PRIu32 ",\"stride\":%zu,\"resources\":[",
           screen->width, screen->height, screen->pages[0].picture.stride * sizeof(uint32_t));
    for (uint32_t i = 0; i < screen->count; i++)
        printf("%s%" PRIu32, i == 0 ? "" : ",", screen->pages[i].resource);
    putchar(']');
    putchar('}');
    end_line();
}

static void report_end(const struct options *options, uint64_t frames, uint64_t late, uint64_t ns)
{
    printf("{\"event\":\"end\",\"first\":%" PRIu64 ",\"frames\":%" PRIu64 ",\"late\":%" PRIu64 ",\"ns\":%" PRIu64 "}",
           options->first, frames, late, ns);
    end_line();
}

static void draw(struct screen *screen, const struct texture *texture, const struct options *options, uint64_t drawn)
{
    uint64_t number = options->first + drawn;
    struct page *page = &screen->pages[options->in_place ? 0 : drawn % screen->count];
    if (options->in_place && drawn > 0) {
        draw_top_band(&page->picture, number);
        screen_changed(screen, page, PICTURE_BAND);
        return;
    }
    screen_await_shown(screen, page);
    draw_frame(&page->picture, texture, number);
    if (drawn == 0)
        screen_show_first(screen, page);
    else
        screen_flip(screen, page);
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
    struct texture *texture = texture_new(screen.width, screen.height);
    report_start(&screen);
    uint64_t begin = now_ns(), step = options.fps ? NS_PER_S / options.fps : 0, drawn = 0, late = 0;
    while (!asked_to_end && (options.frames == 0 || drawn < options.frames)) {
        if (options.seconds && now_ns() - begin >= options.seconds * NS_PER_S)
            break;
        draw(&screen, texture, &options, drawn);
        drawn++;
        if (step && now_ns() < begin + drawn * step)
            sleep_until(begin + drawn * step);
        else if (step)
            late++;
    }
    report_end(&options, drawn, late, now_ns() - begin);
    texture_free(texture);
    return EXIT_SUCCESS;
}
