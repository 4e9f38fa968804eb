/* Memory, errors and the program's own path: what differs between Linux and macOS. */
#include "kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

static char own_path[4096];

_Noreturn void die(const char *what)
{
    fprintf(stderr, "vb-compute: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILED);
}

void *allocate(uint64_t bytes)
{
    void *memory = calloc(1, (size_t)bytes);
    if (memory == NULL)
        die("out of memory");
    return memory;
}

void *map_pages(uint64_t bytes)
{
    void *pages = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (pages == MAP_FAILED)
        die("cannot map the buffer");
#ifdef MADV_NOHUGEPAGE
    (void)madvise(pages, (size_t)bytes, MADV_NOHUGEPAGE); /* EINVAL: a kernel that has none */
#endif
    return pages;
}

void unmap_pages(void *pages, uint64_t bytes)
{
    if (munmap(pages, (size_t)bytes) != 0)
        die("cannot unmap the buffer");
}

void remember_program(const char *argv0)
{
#ifdef __APPLE__
    uint32_t size = sizeof own_path;
    if (_NSGetExecutablePath(own_path, &size) == 0)
        return;
#else
    if (access("/proc/self/exe", X_OK) == 0)
        argv0 = "/proc/self/exe";
#endif
    snprintf(own_path, sizeof own_path, "%s", argv0); /* a guest without /proc */
}

const char *program_path(void)
{
    return own_path;
}
