#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "screen.h"

static const char HELP[] =
    "usage: vb-pattern [options]\n"
    "Draw a moving pattern on a display, every frame's number coded at its top and at its bottom.\n"
    "\n"
    "  --frames N      end after N frames (default: when the time is over)\n"
    "  --seconds N     end after N seconds (default 10, and without an end when --frames is given)\n"
    "  --fps N         flip N times a second (default: as fast as the display takes them)\n"
    "  --buffers N     pages to flip through, 3 to 8 (default 3)\n"
    "  --size WxH      the display's mode of this size (default: the one it prefers)\n"
    "  --first N       the number of the first frame (default 0)\n"
    "  --in-place      draw into the page that is shown, and only the band at its top: small damage\n"
    "  --device PATH   (default /dev/dri/card0)\n"
    "  --memory FILE   no display: pages lie in FILE one after the other; each that is drawn is told on a line, and one\n"
    "                  that is drawn into again awaits a byte on standard input (needs --size)\n"
    "  --shared FILE   no display: pages lie in FILE, which has room for them and is read at any time (shared.h): an\n"
    "                  ivshmem device's memory, /sys/bus/pci/devices/…/resource2_wc (needs --size)\n"
    "  --times         report when each frame was begun, drawn, given to the kernel and flipped\n"
    "\n"
    "  --encode WHERE  have frames encoded by an HXFR server: vsock:PORT, tcp:HOST:PORT, unix:PATH or file:PATH; or, with\n"
    "                  --by pipe, by a program behind two pipes: IN:OUT\n"
    "  --by WAY        resource (the id of the page that is shown; the default), pixels (sent along), subscription\n"
    "                  (asked once, frames are pushed), pipe (raw pixels in, NAL units behind their sizes out)\n"
    "  --record FILE   write the coded stream there\n"
    "\n"
    "Exit status: 0 fine, 1 failed, 2 usage, 3 there is no display, or none of this size, 4 the encoder refused.\n";

_Noreturn void die(const char *what)
{
    fprintf(stderr, "vb-pattern: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILED);
}

static _Noreturn void usage(const char *option, const char *text, const char *wanted)
{
    fprintf(stderr, "vb-pattern: %s: '%s' is not %s\n", option, text, wanted);
    exit(EXIT_USAGE);
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < least || value > most) {
        char wanted[80];
        snprintf(wanted, sizeof wanted, "a whole number from %" PRIu64 " to %" PRIu64, least, most);
        usage(option, text, wanted);
    }
    return value;
}

static void size(struct options *options, const char *text)
{
    char rest;
    if (sscanf(text, "%4" SCNu32 "x%4" SCNu32 "%c", &options->width, &options->height, &rest) != 2 ||
        options->width < PICTURE_LEAST_WIDTH || options->height < PICTURE_LEAST_HEIGHT)
        usage("--size", text, "a size such as 1280x720, 320x64 at least");
}

static enum by way(const char *text)
{
    static const char *const WAYS[] = {
        [BY_RESOURCE] = "resource", [BY_PIXELS] = "pixels", [BY_SUBSCRIPTION] = "subscription", [BY_PIPE] = "pipe"};
    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++)
        if (strcmp(text, WAYS[i]) == 0)
            return (enum by)i;
    usage("--by", text, "resource, pixels, subscription or pipe");
}

enum option_name { FRAMES = 256, SECONDS, FPS, BUFFERS, SIZE, FIRST, IN_PLACE, DEVICE, MEMORY, SHARED, TIMES, ENCODE, BY, RECORD };

static const struct option LONG[] = {
    {"frames", required_argument, NULL, FRAMES},   {"seconds", required_argument, NULL, SECONDS},
    {"fps", required_argument, NULL, FPS},         {"buffers", required_argument, NULL, BUFFERS},
    {"size", required_argument, NULL, SIZE},       {"first", required_argument, NULL, FIRST},
    {"in-place", no_argument, NULL, IN_PLACE},     {"device", required_argument, NULL, DEVICE},
    {"memory", required_argument, NULL, MEMORY},   {"shared", required_argument, NULL, SHARED},
    {"times", no_argument, NULL, TIMES},           {"encode", required_argument, NULL, ENCODE},
    {"by", required_argument, NULL, BY},           {"record", required_argument, NULL, RECORD},
    {"help", no_argument, NULL, 'h'},              {NULL, 0, NULL, 0},
};

struct options parse_options(int argc, char **argv)
{
    struct options options = {.device = "/dev/dri/card0", .buffers = SCREEN_LEAST_PAGES};
    int option;
    while ((option = getopt_long(argc, argv, "h", LONG, NULL)) != -1) {
        switch (option) {
        case FRAMES: options.frames = number("--frames", optarg, 1, PICTURE_NUMBERS); break;
        case SECONDS: options.seconds = number("--seconds", optarg, 1, 86400); break;
        case FPS: options.fps = (uint32_t)number("--fps", optarg, 1, 1000); break;
        case BUFFERS:
            options.buffers = (uint32_t)number("--buffers", optarg, SCREEN_LEAST_PAGES, SCREEN_MOST_PAGES);
            break;
        case SIZE: size(&options, optarg); break;
        case FIRST: options.first = number("--first", optarg, 0, PICTURE_NUMBERS - 1); break;
        case IN_PLACE: options.in_place = true; break;
        case DEVICE: options.device = optarg; break;
        case MEMORY: options.memory = optarg; break;
        case SHARED: options.shared = optarg; break;
        case TIMES: options.times = true; break;
        case ENCODE: options.encode = optarg; break;
        case BY: options.by = way(optarg); break;
        case RECORD: options.record = optarg; break;
        case 'h': fputs(HELP, stdout); exit(EXIT_SUCCESS);
        default: exit(EXIT_USAGE); /* getopt_long has said why */
        }
    }
    if (optind != argc)
        usage("argument", argv[optind], "known");
    if (options.encode && options.in_place)
        usage("--encode", options.encode, "possible with --in-place, which flips no page");
    if (options.memory && options.width == 0)
        usage("--memory", options.memory, "enough without --size");
    if (options.shared && options.width == 0)
        usage("--shared", options.shared, "enough without --size");
    if (options.shared && options.memory)
        usage("--shared", options.shared, "possible with --memory");
    if (options.shared && options.encode)
        usage("--shared", options.shared, "possible with --encode, whose frames are a display's");
    if (options.frames == 0 && options.seconds == 0)
        options.seconds = 10;
    return options;
}
