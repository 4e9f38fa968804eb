#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <drm/drm_fourcc.h>

enum { MAGIC = 0x52464256 /* "VBFR" */, PIXELS_AT = 4096 };
enum { GENERATION = 1, WIDTH, HEIGHT, STRIDE, FORMAT, PAGES, PAGE_BYTES, LATEST, DRAWING, TAKEN = 16, PAGE = 32, PAGE_WORDS = 8 };

static uint32_t get(const struct screen *screen, size_t word)
{
    return __atomic_load_n(&screen->shared[word], __ATOMIC_ACQUIRE);
}

static void set(const struct screen *screen, size_t word, uint32_t value)
{
    __atomic_store_n(&screen->shared[word], value, __ATOMIC_RELEASE);
}

static size_t sequence(const struct screen *screen, const struct page *page)
{
    return PAGE + PAGE_WORDS * (size_t)(page - screen->pages);
}

void shared_open(struct screen *screen, const struct options *options)
{
    size_t row = (size_t)options->width * sizeof(uint32_t);
    size_t page_bytes = (row * options->height + PIXELS_AT - 1) / PIXELS_AT * PIXELS_AT;
    size_t bytes = PIXELS_AT + page_bytes * options->buffers;
    struct stat status;
    int fd = open(options->shared, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        die(options->shared);
    if ((uint64_t)status.st_size < bytes) {
        errno = ENOSPC;
        die("the shared memory is smaller than so many pages of this size");
    }
    uint32_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        die(options->shared);
    *screen = (struct screen){
        .fd = fd, .shared = memory, .width = options->width, .height = options->height, .count = options->buffers};
    uint32_t generation = get(screen, GENERATION) | 1;
    set(screen, GENERATION, generation);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint32_t layout[] = {[WIDTH] = options->width, [HEIGHT] = options->height, [STRIDE] = (uint32_t)row,
                         [FORMAT] = DRM_FORMAT_XRGB8888, [PAGES] = options->buffers,
                         [PAGE_BYTES] = (uint32_t)page_bytes, [LATEST] = 0, [DRAWING] = 0};
    for (size_t word = WIDTH; word <= DRAWING; word++)
        set(screen, word, layout[word]);
    for (uint32_t i = 0; i < screen->count; i++) {
        uint32_t *pixels = memory + (PIXELS_AT + i * page_bytes) / sizeof *memory;
        screen->pages[i].picture = (struct picture){pixels, options->width, options->height, options->width};
        set(screen, sequence(screen, &screen->pages[i]), 0);
    }
    set(screen, 0, MAGIC);
    set(screen, GENERATION, generation + 1);
}

struct page *shared_page(struct screen *screen)
{
    for (uint32_t i = screen->shown;; i++) {
        struct page *page = &screen->pages[i % screen->count];
        uint32_t name = i % screen->count + 1;
        if (name == get(screen, LATEST))
            continue;
        set(screen, DRAWING, name);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (name == get(screen, TAKEN))
            continue;
        set(screen, sequence(screen, page), get(screen, sequence(screen, page)) | 1);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return page;
    }
}

bool shared_is_drawn(const struct screen *screen, const struct page *page)
{
    return get(screen, sequence(screen, page)) > 1;
}

void shared_show(struct screen *screen, const struct page *page, uint32_t rows)
{
    size_t word = sequence(screen, page);
    uint32_t damage[] = {0, 0, screen->width, rows};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++)
        set(screen, word + 1 + i, damage[i]);
    screen->shown++;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* memory that combines writes is written before it is shown */
    set(screen, word, 2 * screen->shown);
    set(screen, DRAWING, 0);
    set(screen, LATEST, (uint32_t)(page - screen->pages) + 1);
}
