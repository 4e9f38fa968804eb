/* Pages without a display: in a file that a host's own programs map too. */
#ifndef VB_MEMORY_H
#define VB_MEMORY_H

#include "screen.h"

void memory_open(struct screen *screen, const struct options *options);

/* Says on a line that the page may be read: {"event":"shown","page":…}. */
void memory_show(const struct screen *screen, struct page *page);

/* Waits for a byte on standard input: the reader is done with the page. It answers in the order of the lines. */
void memory_await_shown(struct page *page);

#endif
