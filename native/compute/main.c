/* vb-compute: the same work on a host and in its guests, timed, with its own answer checked. */
#include "kernel.h"
#include "clock.h"
#include "options.h"
#include "report.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* A kernel at work: its state, and how far it is. */
struct work {
    const struct kernel *kernel;
    void *state;
    uint64_t total; /* iterations so far */
};

static uint64_t time_ns(struct work *work, uint64_t iterations)
{
    uint64_t begin = now_ns();
    work->kernel->run(work->state, iterations);
    uint64_t end = now_ns();
    work->total += iterations;
    return end - begin;
}

static struct answer checked(struct work *work)
{
    struct answer answer = work->kernel->check(work->state, work->total);
#ifdef VB_CORRUPT_ANSWER /* a test build that proves that a wrong answer is noticed */
    answer.got ^= 1;
#endif
    if (answer.got == answer.expected)
        return answer;
    fprintf(stderr,
            "vb-compute: %s: wrong answer %016" PRIx64 " after %" PRIu64 " iterations; it must be %016" PRIx64 "\n",
            work->kernel->name, answer.got, work->total, answer.expected);
    exit(EXIT_WRONG_ANSWER);
}

/* How many iterations take about target_ns: double until a quarter of it, then scale. */
static uint64_t calibrate(struct work *work, uint64_t target_ns)
{
    uint64_t iterations = 1;
    uint64_t ns = time_ns(work, iterations);
    while (ns < target_ns / 4 && iterations < UINT32_MAX / 2) {
        iterations *= 2;
        ns = time_ns(work, iterations);
    }
    double scaled = (double)iterations * (double)target_ns / (double)(ns == 0 ? 1 : ns);
    iterations = scaled < 1 ? 1 : scaled > UINT32_MAX ? UINT32_MAX : (uint64_t)scaled;
    checked(work);
    report_calibration(work->kernel, iterations, ns);
    return iterations;
}

static void repeat(struct work *work, const struct options *options, uint64_t iterations)
{
    for (uint64_t warmup = 0; warmup < options->warmups; warmup++)
        time_ns(work, iterations / 10 + 1);
    for (uint64_t repetition = 0; repetition < options->repetitions; repetition++) {
        uint64_t ns = time_ns(work, iterations);
        if (ns == 0) {
            fprintf(stderr, "vb-compute: %s: %" PRIu64 " iterations are too short for this clock\n",
                    work->kernel->name, iterations);
            exit(EXIT_FAILED);
        }
        report_repetition(work->kernel, repetition, iterations, ns, checked(work));
    }
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    if (options.exit_status >= 0)
        return options.exit_status;
    if (options.list) {
        report_kernels();
        return EXIT_SUCCESS;
    }
    signal(SIGPIPE, SIG_IGN); /* a reader or a peer that has gone is an error with a name */
    remember_program(argv[0]);
    report_start(&options);
    uint64_t lines = 0;
    for (size_t i = 0; i < options.count; i++) {
        struct work work = {.kernel = options.chosen[i].kernel};
        uint64_t iterations = options.chosen[i].iterations;
        work.state = work.kernel->open(options.seed);
        if (iterations == 0) {
            iterations = calibrate(&work, options.target_ns);
            lines++;
        }
        if (!options.calibrate_only) {
            repeat(&work, &options, iterations);
            lines += options.repetitions;
        }
        work.kernel->close(work.state);
    }
    report_end(lines);
    return EXIT_SUCCESS;
}
