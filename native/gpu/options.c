#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char HELP[] =
    "usage: vb-gpu --api API --scene SCENE [options]\n"
    "Draw a scene off-screen, time every frame, and compare the last picture with what it must be.\n"
    "\n"
    "  --api API           vulkan, gles, metal or dx12\n"
    "  --scene SCENE       one of --list-scenes\n"
    "  --width N           pixels, from 64 to 1920 (default 1280)\n"
    "  --height N          pixels, from 64 to 1080 (default 720)\n"
    "  --frames N          timed frames, at most (default 300, or as many as --seconds has)\n"
    "  --seconds N         begin no frame after N timed seconds\n"
    "  --warmup N          untimed frames before them, at least 1 (default 10)\n"
    "  --in-flight N       frames submitted and not yet done, from 1 to 4 (default 2; 1 where frames answer)\n"
    "  --adapter TEXT      the first adapter with TEXT in its driver, device or description, in any case\n"
    "  --picture FILE      write the last frame there, as PPM\n"
    "  --deadline-ms N     the longest that the setup, or a frame, may take (default 30000)\n"
    "  --list-adapters     print every adapter (of --api, if named), one JSON object a line\n"
    "  --list-scenes       print the scenes\n"
    "\n"
    "Exit status: 0 fine, 1 failed, 2 usage, 3 wrong picture, 4 no adapter speaks the API, 5 none of them is the one\n"
    "that was asked for, 6 the adapter cannot do this size or scene, 7 device lost, 8 hung, 128 + N ended by signal N.\n";

static uint64_t number(const char *option, const char *digits, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end != '\0' || errno != 0 || value < least || value > most)
        fail(EXIT_USAGE, "%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, option, digits, least, most);
    return value;
}

static const struct api *api(const char *name)
{
    const struct api *found = find_api(name);
    if (found == NULL)
        fail(EXIT_USAGE, "unknown API '%s'; known: vulkan gles metal dx12", name);
    return found;
}

static const struct scene *scene(const char *name)
{
    const struct scene *found = find_scene(name);
    if (found == NULL)
        fail(EXIT_USAGE, "unknown scene '%s'; see --list-scenes", name);
    return found;
}

enum option_name { API = 256, SCENE, WIDTH, HEIGHT, FRAMES, SECONDS, WARMUP, IN_FLIGHT, ADAPTER, PICTURE, DEADLINE,
                   LIST_ADAPTERS, LIST_SCENES, HELP_ME };

static const struct option LONG[] = {
    {"api", required_argument, NULL, API},
    {"scene", required_argument, NULL, SCENE},
    {"width", required_argument, NULL, WIDTH},
    {"height", required_argument, NULL, HEIGHT},
    {"frames", required_argument, NULL, FRAMES},
    {"seconds", required_argument, NULL, SECONDS},
    {"warmup", required_argument, NULL, WARMUP},
    {"in-flight", required_argument, NULL, IN_FLIGHT},
    {"adapter", required_argument, NULL, ADAPTER},
    {"picture", required_argument, NULL, PICTURE},
    {"deadline-ms", required_argument, NULL, DEADLINE},
    {"list-adapters", no_argument, NULL, LIST_ADAPTERS},
    {"list-scenes", no_argument, NULL, LIST_SCENES},
    {"help", no_argument, NULL, HELP_ME},
    {NULL, 0, NULL, 0},
};

static void complete_plan(struct options *options)
{
    struct plan *plan = &options->plan;
    if (plan->frames == 0)
        plan->frames = plan->most_ns != 0 ? MOST_FRAMES : 300;
    if (options->scene->answers && plan->in_flight > 1)
        fail(EXIT_USAGE, "--in-flight: scene %s waits for every frame's answer, so only 1", options->scene->name);
    if (plan->in_flight == 0)
        plan->in_flight = options->scene->answers ? 1 : 2;
}

struct options parse_options(int argc, char **argv)
{
    struct options options = {
        .size = {1280, 720}, .plan = {.warmups = 10}, .deadline_ns = UINT64_C(30000000000)};
    int option;
    while ((option = getopt_long(argc, argv, "h", LONG, NULL)) != -1) {
        switch (option) {
        case API: options.api = api(optarg); break;
        case SCENE: options.scene = scene(optarg); break;
        case WIDTH: options.size.width = (uint32_t)number("--width", optarg, 64, 1920); break;
        case HEIGHT: options.size.height = (uint32_t)number("--height", optarg, 64, 1080); break;
        case FRAMES: options.plan.frames = (uint32_t)number("--frames", optarg, 1, MOST_FRAMES); break;
        case SECONDS: options.plan.most_ns = number("--seconds", optarg, 1, 3600) * 1000000000; break;
        case WARMUP: options.plan.warmups = (uint32_t)number("--warmup", optarg, 1, MOST_WARMUPS); break;
        case IN_FLIGHT: options.plan.in_flight = (uint32_t)number("--in-flight", optarg, 1, MOST_IN_FLIGHT); break;
        case ADAPTER: options.adapter = optarg; break;
        case PICTURE: options.picture = optarg; break;
        case DEADLINE: options.deadline_ns = number("--deadline-ms", optarg, 1, 3600000) * 1000000; break;
        case LIST_ADAPTERS: options.list_adapters = true; break;
        case LIST_SCENES: options.list_scenes = true; break;
        case HELP_ME:
        case 'h': fputs(HELP, stdout); exit(EXIT_SUCCESS);
        default: exit(EXIT_USAGE); /* getopt_long has said why */
        }
    }
    if (optind != argc)
        fail(EXIT_USAGE, "unexpected argument '%s'", argv[optind]);
    if (options.list_adapters || options.list_scenes)
        return options;
    if (options.api == NULL || options.scene == NULL)
        fail(EXIT_USAGE, "--api and --scene are needed; see --help");
    complete_plan(&options);
    return options;
}
