/* A kernel is one kind of work, timed: what every file of this program has in common.
 *
 * Include this header first: it asks the C library for the POSIX and Linux calls that -std=c11 hides. */
#ifndef VB_KERNEL_H
#define VB_KERNEL_H

#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include <stdint.h>

/* What a kernel computed, and what it must have computed; found without repeating the work. */
struct answer {
    uint64_t got;
    uint64_t expected;
};

struct kernel {
    const char *name;
    const char *unit;     /* of a repetition's value, per second; higher is better */
    double per_iteration; /* how many units (without "per second") one iteration is worth */
    const char *what;     /* one line for --list */

    /* Allocate, and touch every page: nothing of this is timed. Ends the program when it cannot. */
    void *(*open)(uint64_t seed);
    /* The timed part. State carries over from one call to the next. */
    void (*run)(void *state, uint64_t iterations);
    /* The answer after `total` iterations since open, over all calls of run. */
    struct answer (*check)(void *state, uint64_t total);
    void (*close)(void *state);
};

extern const struct kernel integer_kernel;
extern const struct kernel float_kernel;
extern const struct kernel memory_bandwidth_kernel;
extern const struct kernel memory_latency_kernel;
extern const struct kernel syscall_kernel;
extern const struct kernel context_switch_kernel;
extern const struct kernel process_kernel;

/* Exit statuses; the harness tells them apart. */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_WRONG_ANSWER = 3 };

/* Ends the program with EXIT_FAILED: "vb-compute: what: strerror(errno)". */
_Noreturn void die(const char *what);

/* calloc that ends the program when memory is short. */
void *allocate(uint64_t bytes);

/* Anonymous memory in ordinary pages (no transparent huge pages, so that host and guest use the same). */
void *map_pages(uint64_t bytes);
void unmap_pages(void *pages, uint64_t bytes);

/* Between open and close of a kernel whose processes take turns (Linux; nothing on macOS). Children inherit it. */
void stay_on_one_cpu(void);
void use_every_cpu(void);

/* How the process kernel starts this program again. */
void remember_program(const char *argv0);
const char *program_path(void);

/* The compiler must assume that memory was read and changed here, and so do the work before it. */
static inline void barrier(void *memory)
{
    __asm__ volatile("" : : "r"(memory) : "memory");
}

#endif
