#include "report.h"
#include "../system.h"
#include "clock.h"

#include <inttypes.h>
#include <stdio.h>

/* Every string printed here is the program's own: a name, a unit or a version, with nothing to escape. */

static void end_line(void)
{
    if (putchar('\n') == EOF || fflush(stdout) != 0)
        die("cannot write the report");
}

void report_kernels(void)
{
    for (size_t i = 0; i < KERNELS; i++)
        printf("%-17s %-11s %s\n", all_kernels[i]->name, all_kernels[i]->unit, all_kernels[i]->what);
    if (fflush(stdout) != 0)
        die("cannot write the list");
}

void report_start(const struct options *options)
{
    printf("{\"event\":\"start\",\"schema\":1,\"os\":\"" OS "\",\"arch\":\"" ARCH "\",\"compiler\":\"" __VERSION__
           "\",\"clock_step_ns\":%" PRIu64 ",\"seed\":%" PRIu64 "}",
           clock_step_ns(), options->seed);
    end_line();
}

void report_calibration(const struct kernel *kernel, uint64_t iterations, uint64_t ns)
{
    printf("{\"event\":\"calibration\",\"kernel\":\"%s\",\"iterations\":%" PRIu64 ",\"ns\":%" PRIu64 "}",
           kernel->name, iterations, ns);
    end_line();
}

void report_repetition(const struct kernel *kernel, uint64_t repetition, uint64_t iterations, uint64_t ns,
                       struct answer answer)
{
    double value = (double)iterations * kernel->per_iteration * 1e9 / (double)ns;
    printf("{\"event\":\"repetition\",\"kernel\":\"%s\",\"repetition\":%" PRIu64 ",\"iterations\":%" PRIu64
           ",\"ns\":%" PRIu64 ",\"value\":%.17g,\"unit\":\"%s\",\"per_iteration\":%.17g"
           ",\"check\":\"%016" PRIx64 "\",\"expected\":\"%016" PRIx64 "\"}",
           kernel->name, repetition, iterations, ns, value, kernel->unit, kernel->per_iteration, answer.got,
           answer.expected);
    end_line();
}

void report_end(uint64_t lines)
{
    printf("{\"event\":\"end\",\"lines\":%" PRIu64 "}", lines);
    end_line();
}
