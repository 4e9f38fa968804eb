/* Frames that are handed to an encoder and awaited, their coming back stamped by a thread of its own. */
#ifndef VB_ENCODING_H
#define VB_ENCODING_H

#include <stdint.h>

#include "options.h"
#include "screen.h"

struct encoding;

/* A connection; NULL where nobody encodes. Ends the program when there is nobody at the address. */
struct encoding *encoding_new(const struct options *options);

/* Frame `number` of the run, which the display shows: asks for it. Subscribes with the first one, and only then. */
void encoding_ask(struct encoding *encoding, const struct page *page, uint64_t number);

/* Waits until all but `open` of the frames that were asked for have come. */
void encoding_await(struct encoding *encoding, uint64_t open);

/* Waits for all, prints when each came, and writes the stream where --record says. */
void encoding_end(struct encoding *encoding, uint64_t begin_ns);

#endif
