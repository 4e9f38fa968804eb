/* One CPU for work that takes turns: spread over two, it would measure how they wake each other, now and then. */
#include "kernel.h"

#ifdef __linux__
#include <sched.h>

static cpu_set_t allowed; /* before this program narrowed it */

void stay_on_one_cpu(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    int cpu = sched_getcpu();
    CPU_SET(cpu < 0 ? 0 : cpu, &one);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || sched_setaffinity(0, sizeof one, &one) != 0)
        die("cannot stay on one CPU");
}

void use_every_cpu(void)
{
    if (sched_setaffinity(0, sizeof allowed, &allowed) != 0)
        die("cannot use every CPU again");
}

#else /* macOS has no such call */

void stay_on_one_cpu(void)
{
}

void use_every_cpu(void)
{
}

#endif
