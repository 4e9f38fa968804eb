/* Pages in memory that the host reads as it is: an ivshmem device's, or a file. The reader is harness/display/ivshmem.py.

   Words of 32 bits, little-endian. The layout is a sequence lock's: `generation` is odd while it changes. So is each
   page: its sequence is odd while it is drawn into, else twice the number of frames shown when it was, from 1 on.

     0 magic, 1 generation, 2 width, 3 height, 4 bytes a row, 5 format (DRM fourcc), 6 pages, 7 bytes a page,
     8 latest: the page that was shown last, from 1 on; 0: none yet
     9 drawing: the page that is drawn into or is about to be, from 1 on; 0: none
     16 taken, the only word that the host writes: the page that it reads, from 1 on; 0: none
     32 + 8 * page: sequence, then x, y, width and height of what differs from the frame before

   The first page's pixels begin at byte 4096. A page is neither drawn into while it is the latest nor while it is taken,
   so with three pages nobody waits. Who wants a page says so, in `drawing` or `taken`, and then looks whether the other
   has said it too: the guest then chooses another one, the reader looks anew. So a reader has whole frames, the latest
   one that there is, and a sequence that changes meanwhile means a guest that does not keep to this. */
#ifndef VB_SHARED_H
#define VB_SHARED_H

#include "screen.h"

void shared_open(struct screen *screen, const struct options *options);

/* A page that may be drawn into, and is the reader's no more. */
struct page *shared_page(struct screen *screen);

/* Whether a whole picture was ever drawn into a page of shared_page. */
bool shared_is_drawn(const struct screen *screen, const struct page *page);

/* Shows a page whose rows from 0 to `rows` differ from the frame before. */
void shared_show(struct screen *screen, const struct page *page, uint32_t rows);

#endif
