/* A guest's memory as a fuzzer has it: two regions that meet in the guest, and begin and end within pages on the host. */
#ifndef VB_VSOCK_FUZZ_GUEST_H
#define VB_VSOCK_FUZZ_GUEST_H

#include <stdint.h>

#include "memory.h"

enum { GUEST_BYTES = 0x6FC0, GUEST_BORDER = 0x3FC0, GUEST_QUEUE_SIZE = 8 };

/* Of a queue, by its index: where its parts are in the guest. */
enum { GUEST_DESCRIPTORS = 0, GUEST_AVAILABLE = 0x80, GUEST_USED = 0x100 };
uint32_t guest_ring(unsigned queue);

/* The file, and the regions that a front-end would tell of it. */
int guest_file(void);
extern const struct region_description GUEST_REGIONS[2];

void guest_clear(void);
void guest_write(uint32_t at, const void *from, uint32_t size);
uint16_t guest_read16(uint32_t at);

/* Let the sanitizer see a byte that is read or written beside a region, or that again be allowed. */
void guest_guard(const struct memory *memory);
void guest_unguard(const struct memory *memory);

#endif
