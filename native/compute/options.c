#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct kernel *const all_kernels[KERNELS] = {
    &integer_kernel, &float_kernel,          &memory_bandwidth_kernel, &memory_latency_kernel,
    &syscall_kernel, &context_switch_kernel, &process_kernel,
};

static const char HELP[] =
    "usage: vb-compute [options]\n"
    "Time kernels and print every repetition as a line of JSON.\n"
    "\n"
    "  --kernel NAME[=N]  run this kernel, with N iterations; repeatable (default: all, in --list's order)\n"
    "  --iterations N     iterations of kernels that name none (default: calibrated)\n"
    "  --target-ms N      calibrate for repetitions of about N milliseconds (default 200)\n"
    "  --calibrate-only   print the iterations and stop\n"
    "  --repetitions N    timed repetitions of each kernel (default 1)\n"
    "  --warmup N         untimed tenths of a repetition before them (default 1)\n"
    "  --seed N           where generators and data start (default 1)\n"
    "  --list             print the kernels and their units\n"
    "\n"
    "Exit status: 0 fine, 1 failed, 2 usage, 3 a kernel computed a wrong answer.\n";

static _Noreturn void usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("vb-compute: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_USAGE);
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < least || value > most)
        usage("%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, option, text, least, most);
    return value;
}

static void choose(struct options *options, const char *text)
{
    size_t length = strcspn(text, "=");
    uint64_t iterations = text[length] == '=' ? number("--kernel", text + length + 1, 1, UINT32_MAX) : 0;
    for (size_t i = 0; i < KERNELS; i++) {
        const char *name = all_kernels[i]->name;
        if (strlen(name) != length || strncmp(name, text, length) != 0)
            continue;
        for (size_t j = 0; j < options->count; j++)
            if (options->chosen[j].kernel == all_kernels[i])
                usage("--kernel: '%s' is named twice", name);
        options->chosen[options->count++] = (struct chosen){all_kernels[i], iterations};
        return;
    }
    fprintf(stderr, "vb-compute: unknown kernel '%.*s'; known:", (int)length, text);
    for (size_t i = 0; i < KERNELS; i++)
        fprintf(stderr, " %s", all_kernels[i]->name);
    fputc('\n', stderr);
    exit(EXIT_USAGE);
}

enum option_name { KERNEL = 256, ITERATIONS, TARGET, CALIBRATE, REPETITIONS, WARMUP, SEED, LIST, EXIT, HELP_ME };

static const struct option LONG[] = {
    {"kernel", required_argument, NULL, KERNEL},           {"iterations", required_argument, NULL, ITERATIONS},
    {"target-ms", required_argument, NULL, TARGET},        {"calibrate-only", no_argument, NULL, CALIBRATE},
    {"repetitions", required_argument, NULL, REPETITIONS}, {"warmup", required_argument, NULL, WARMUP},
    {"seed", required_argument, NULL, SEED},               {"list", no_argument, NULL, LIST},
    {"exit", required_argument, NULL, EXIT},               {"help", no_argument, NULL, HELP_ME},
    {NULL, 0, NULL, 0},
};

struct options parse_options(int argc, char **argv)
{
    struct options options = {
        .target_ns = UINT64_C(200000000), .repetitions = 1, .warmups = 1, .seed = 1, .exit_status = -1};
    uint64_t iterations = 0;
    int option;
    while ((option = getopt_long(argc, argv, "h", LONG, NULL)) != -1) {
        switch (option) {
        case KERNEL: choose(&options, optarg); break;
        case ITERATIONS: iterations = number("--iterations", optarg, 1, UINT32_MAX); break;
        case TARGET: options.target_ns = number("--target-ms", optarg, 1, 60000) * 1000000; break;
        case CALIBRATE: options.calibrate_only = true; break;
        case REPETITIONS: options.repetitions = number("--repetitions", optarg, 1, 100000); break;
        case WARMUP: options.warmups = number("--warmup", optarg, 0, 1000); break;
        case SEED: options.seed = number("--seed", optarg, 0, UINT64_MAX); break;
        case LIST: options.list = true; break;
        case EXIT: options.exit_status = (int)number("--exit", optarg, 0, 125); break;
        case HELP_ME:
        case 'h': fputs(HELP, stdout); exit(EXIT_SUCCESS);
        default: exit(EXIT_USAGE); /* getopt_long has said why */
        }
    }
    if (optind != argc)
        usage("unexpected argument '%s'", argv[optind]);
    for (size_t i = 0; options.count == 0 && i < KERNELS; i++)
        options.chosen[i] = (struct chosen){all_kernels[i], 0};
    if (options.count == 0)
        options.count = KERNELS;
    for (size_t i = 0; i < options.count; i++)
        if (options.chosen[i].iterations == 0)
            options.chosen[i].iterations = iterations;
    if (options.calibrate_only)
        for (size_t i = 0; i < options.count; i++)
            if (options.chosen[i].iterations != 0)
                usage("--calibrate-only finds the iterations: it takes none");
    return options;
}
