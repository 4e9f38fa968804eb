/* A display through DRM's modesetting: pages in dumb buffers, flipped or drawn in place. */
#ifndef VB_SCREEN_H
#define VB_SCREEN_H

#include <stdbool.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>

#include "options.h"
#include "picture.h"

enum {
    SCREEN_LEAST_PAGES = 3, /* with two, the guest draws into the page that the host may still be reading */
    SCREEN_MOST_PAGES = 8,
};

struct page {
    struct picture picture;
    uint32_t framebuffer;
    uint32_t resource; /* virtio-gpu's id of it, which the host knows too; 0 with another driver. Not the GEM handle. */
    uint32_t mark;     /* a buffer whose creation the host confirms when it has shown the page; 0: none is awaited */
};

struct screen {
    int fd; /* of the DRM device, or of the file that pages lie in */
    bool memory; /* no display */
    uint32_t *shared; /* no display either: words of shared.h; NULL otherwise */
    uint32_t shown;   /* frames, in shared memory */
    uint32_t crtc, connector;
    uint32_t width, height;
    struct drm_mode_modeinfo mode;
    uint32_t count;
    struct page pages[SCREEN_MOST_PAGES];
};

/* Ends the program where there is no display, or no mode of the size that was asked for. */
void screen_open(struct screen *screen, const struct options *options);

/* The page for frame `number` of the run, which may be drawn into. */
struct page *screen_page(struct screen *screen, uint64_t number);

/* Makes the display show a page, which has been drawn; the first one with the mode. */
void screen_show_first(struct screen *screen, struct page *page);

/* Returns when the kernel has flipped: the host may not have seen the page yet. */
void screen_flip(struct screen *screen, struct page *page);

/*
 * Returns when a page may be drawn into again. A virtio-gpu without blobs confirms a flip before the host has copied the
 * page: a guest that draws into it by then shows a torn picture, or the same number twice.
 */
void screen_await_shown(struct screen *screen, struct page *page);

/* Returns when the host has seen every page. */
void screen_finish(struct screen *screen);

/* Tells the display that the rows from 0 to `rows` of the page that is shown have changed. */
void screen_changed(struct screen *screen, const struct page *page, uint32_t rows);

#endif
