#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "channel.h"

void memory_open(struct screen *screen, const struct options *options)
{
    size_t page_bytes = (size_t)options->width * options->height * sizeof(uint32_t);
    int fd = open(options->memory, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)(page_bytes * options->buffers)) != 0)
        die(options->memory);
    uint32_t *pixels = mmap(NULL, page_bytes * options->buffers, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (pixels == MAP_FAILED)
        die(options->memory);
    *screen = (struct screen){
        .fd = fd, .memory = true, .width = options->width, .height = options->height, .count = options->buffers};
    for (uint32_t i = 0; i < screen->count; i++)
        screen->pages[i].picture = (struct picture){
            pixels + i * page_bytes / sizeof(uint32_t), options->width, options->height, options->width};
}

void memory_show(const struct screen *screen, struct page *page)
{
    page->mark = 1;
    if (printf("{\"event\":\"shown\",\"page\":%td}\n", page - screen->pages) < 0 || fflush(stdout) != 0)
        die("cannot say that a page was drawn");
}

void memory_await_shown(struct page *page)
{
    char done;
    if (!channel_read(STDIN_FILENO, &done, 1))
        die(errno ? "cannot learn whether a page was read" : "nobody reads the pages any more");
    page->mark = 0;
}
