#include "screen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <drm/virtgpu_drm.h>

#include "memory.h"
#include "shared.h"

enum { MOST = 16, MOST_MODES = 256 };

static uint64_t pointer(void *memory)
{
    return (uint64_t)(uintptr_t)memory;
}

static void ask(int fd, unsigned long request, void *argument, const char *what)
{
    while (ioctl(fd, request, argument) != 0)
        if (errno != EINTR && errno != EAGAIN)
            die(what);
}

static _Noreturn void no_display(const char *what)
{
    fprintf(stderr, "vb-pattern: %s\n", what);
    exit(EXIT_NO_DISPLAY);
}

/* The modes of a connector, the preferred one first as a rule; 0 when nothing is connected. */
static uint32_t modes_of(int fd, uint32_t connector, struct drm_mode_modeinfo *modes)
{
    struct drm_mode_get_connector probe = {.connector_id = connector}; /* no room for modes: it looks anew */
    ask(fd, DRM_IOCTL_MODE_GETCONNECTOR, &probe, "cannot ask for a connector");
    if (probe.connection != 1)
        return 0;
    struct drm_mode_get_connector listed = {
        .connector_id = connector, .modes_ptr = pointer(modes), .count_modes = MOST_MODES};
    ask(fd, DRM_IOCTL_MODE_GETCONNECTOR, &listed, "cannot ask for a connector's modes");
    return listed.count_modes < MOST_MODES ? listed.count_modes : MOST_MODES;
}

static const struct drm_mode_modeinfo *mode_for(const struct drm_mode_modeinfo *modes, uint32_t count,
                                                const struct options *options)
{
    for (uint32_t i = 0; i < count; i++)
        if (options->width == 0 ? (modes[i].type & DRM_MODE_TYPE_PREFERRED) != 0
                                : modes[i].hdisplay == options->width && modes[i].vdisplay == options->height)
            return &modes[i];
    return options->width == 0 && count > 0 ? &modes[0] : NULL;
}

static uint32_t resource_of(int fd, uint32_t handle)
{
    struct drm_virtgpu_resource_info info = {.bo_handle = handle};
    return ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info) == 0 ? info.res_handle : 0;
}

static struct page page_new(int fd, uint32_t width, uint32_t height)
{
    struct drm_mode_create_dumb buffer = {.width = width, .height = height, .bpp = 32};
    ask(fd, DRM_IOCTL_MODE_CREATE_DUMB, &buffer, "cannot create a buffer");
    struct drm_mode_fb_cmd framebuffer = {
        .width = width, .height = height, .pitch = buffer.pitch, .bpp = 32, .depth = 24, .handle = buffer.handle};
    ask(fd, DRM_IOCTL_MODE_ADDFB, &framebuffer, "cannot make a buffer a framebuffer");
    struct drm_mode_map_dumb map = {.handle = buffer.handle};
    ask(fd, DRM_IOCTL_MODE_MAP_DUMB, &map, "cannot prepare a buffer for mapping");
    void *pixels = mmap(NULL, buffer.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)map.offset);
    if (pixels == MAP_FAILED)
        die("cannot map a buffer");
    return (struct page){.picture = {pixels, width, height, buffer.pitch / sizeof(uint32_t)},
                         .framebuffer = framebuffer.fb_id,
                         .resource = resource_of(fd, buffer.handle)};
}

void screen_open(struct screen *screen, const struct options *options)
{
    if (options->memory) {
        memory_open(screen, options);
        return;
    }
    if (options->shared) {
        shared_open(screen, options);
        return;
    }
    int fd = open(options->device, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        no_display("this machine has no display device that can be opened");
    uint32_t crtcs[MOST], connectors[MOST];
    struct drm_mode_card_res resources = {.crtc_id_ptr = pointer(crtcs),
                                          .connector_id_ptr = pointer(connectors),
                                          .count_crtcs = MOST,
                                          .count_connectors = MOST};
    ask(fd, DRM_IOCTL_MODE_GETRESOURCES, &resources, "cannot ask for the display's parts");
    static struct drm_mode_modeinfo modes[MOST_MODES];
    for (uint32_t i = 0; i < resources.count_connectors && i < MOST && resources.count_crtcs > 0; i++) {
        uint32_t count = modes_of(fd, connectors[i], modes);
        const struct drm_mode_modeinfo *mode = mode_for(modes, count, options);
        if (!mode)
            continue;
        *screen = (struct screen){.fd = fd,
                                  .crtc = crtcs[0],
                                  .connector = connectors[i],
                                  .width = mode->hdisplay,
                                  .height = mode->vdisplay,
                                  .count = options->buffers,
                                  .mode = *mode};
        for (uint32_t page = 0; page < screen->count; page++)
            screen->pages[page] = page_new(fd, screen->width, screen->height);
        return;
    }
    no_display("no display is connected, or it has no mode of this size");
}

/* The host works in order, so what it confirms after the flip says that the flip is done. Drivers' only fence in 2D. */
static void mark(const struct screen *screen, struct page *page)
{
    if (page->resource == 0)
        return;
    struct drm_virtgpu_resource_create create = {
        .target = 2, .format = 2 /* B8G8R8X8 */, .bind = 2, .width = 1, .height = 1, .depth = 1, .array_size = 1,
        .size = 4096, .stride = 4};
    ask(screen->fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create, "cannot create the buffer that marks a flip");
    page->mark = create.bo_handle;
}

struct page *screen_page(struct screen *screen, uint64_t number)
{
    if (screen->shared)
        return shared_page(screen);
    struct page *page = &screen->pages[number % screen->count];
    screen_await_shown(screen, page);
    return page;
}

void screen_show_first(struct screen *screen, struct page *page)
{
    if (screen->shared) {
        shared_show(screen, page, screen->height);
        return;
    }
    if (screen->memory) {
        memory_show(screen, page);
        return;
    }
    struct drm_mode_crtc crtc = {.crtc_id = screen->crtc,
                                 .fb_id = page->framebuffer,
                                 .set_connectors_ptr = pointer(&screen->connector),
                                 .count_connectors = 1,
                                 .mode = screen->mode,
                                 .mode_valid = 1};
    ask(screen->fd, DRM_IOCTL_MODE_SETCRTC, &crtc, "cannot set the mode");
    mark(screen, page);
}

void screen_await_shown(struct screen *screen, struct page *page)
{
    if (page->mark == 0)
        return;
    if (screen->memory) {
        memory_await_shown(page);
        return;
    }
    struct drm_virtgpu_3d_wait wait = {.handle = page->mark};
    while (ioctl(screen->fd, DRM_IOCTL_VIRTGPU_WAIT, &wait) != 0)
        if (errno != EINTR && errno != EAGAIN && errno != EBUSY)
            die("cannot wait until a page was shown");
    struct drm_gem_close close_it = {.handle = page->mark};
    ask(screen->fd, DRM_IOCTL_GEM_CLOSE, &close_it, "cannot give a buffer back");
    page->mark = 0;
}

static void await_flip(int fd)
{
    struct drm_event_vblank event;
    for (;;) {
        ssize_t got = read(fd, &event, sizeof event);
        if (got >= (ssize_t)sizeof event.base && event.base.type == DRM_EVENT_FLIP_COMPLETE)
            return;
        if (got < 0 && errno != EINTR)
            die("cannot learn when the page was flipped");
    }
}

void screen_flip(struct screen *screen, struct page *page)
{
    if (screen->shared) {
        shared_show(screen, page, screen->height);
        return;
    }
    if (screen->memory) {
        memory_show(screen, page);
        return;
    }
    struct drm_mode_crtc_page_flip flip = {
        .crtc_id = screen->crtc, .fb_id = page->framebuffer, .flags = DRM_MODE_PAGE_FLIP_EVENT};
    ask(screen->fd, DRM_IOCTL_MODE_PAGE_FLIP, &flip, "cannot flip the page");
    await_flip(screen->fd);
    mark(screen, page);
}

void screen_finish(struct screen *screen)
{
    for (uint32_t i = 0; i < screen->count; i++)
        screen_await_shown(screen, &screen->pages[i]);
}

void screen_changed(struct screen *screen, const struct page *page, uint32_t rows)
{
    if (screen->shared)
        shared_show(screen, page, rows);
    if (screen->memory || screen->shared)
        return;
    struct drm_clip_rect clip = {0, 0, (unsigned short)screen->width, (unsigned short)rows};
    struct drm_mode_fb_dirty_cmd dirty = {
        .fb_id = page->framebuffer, .clips_ptr = pointer(&clip), .num_clips = 1};
    ask(screen->fd, DRM_IOCTL_MODE_DIRTYFB, &dirty, "cannot say what has changed");
}
