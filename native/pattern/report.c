#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

enum { VALUES_A_LINE = 128 };

void series_add(struct series *series, uint64_t value)
{
    if (series->count == series->room) {
        series->room = series->room ? 2 * series->room : 1024;
        series->values = realloc(series->values, series->room * sizeof *series->values);
        if (!series->values)
            die("cannot keep what was measured");
    }
    series->values[series->count++] = value;
}

static void end_line(void)
{
    if (putchar('\n') == EOF || fflush(stdout) != 0)
        die("cannot write the report");
}

void report_start(const struct screen *screen)
{
    printf("{\"event\":\"start\",\"schema\":2,\"width\":%" PRIu32 ",\"height\":%" PRIu32 ",\"stride\":%zu,\"resources\":[",
           screen->width, screen->height, screen->pages[0].picture.stride * sizeof(uint32_t));
    for (uint32_t i = 0; i < screen->count; i++)
        printf("%s%" PRIu32, i == 0 ? "" : ",", screen->pages[i].resource);
    printf("]}");
    end_line();
}

void report_series(const char *name, const struct series *series, uint64_t origin)
{
    for (size_t first = 0; first < series->count; first += VALUES_A_LINE) {
        printf("{\"event\":\"series\",\"name\":\"%s\",\"first\":%zu,\"values\":[", name, first);
        for (size_t i = first; i < series->count && i < first + VALUES_A_LINE; i++)
            printf("%s%" PRIu64, i == first ? "" : ",", series->values[i] - origin);
        printf("]}");
        end_line();
    }
}

void report_end(const struct options *options, uint64_t frames, uint64_t late, uint64_t begin_ns, uint64_t ns)
{
    printf("{\"event\":\"end\",\"first\":%" PRIu64 ",\"frames\":%" PRIu64 ",\"late\":%" PRIu64 ",\"begin_ns\":%" PRIu64
           ",\"ns\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 "}",
           options->first, frames, late, begin_ns, ns, cpu_ns());
    end_line();
}
