#include "guest.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILE_BYTES = 0x9000, FIRST_AT = 0x40, SECOND_AT = 0x5020, PAGE = 4096 };

const struct region_description GUEST_REGIONS[2] = {
    {.guest = 0, .size = GUEST_BORDER, .front = 0x7F0000000000, .offset = FIRST_AT},
    {.guest = GUEST_BORDER, .size = GUEST_BYTES - GUEST_BORDER, .front = 0x7E0000000000, .offset = SECOND_AT},
};

static uint8_t *bytes;
static int file = -1;

uint32_t guest_ring(unsigned queue)
{
    return 0x200 + queue * 0x200;
}

int guest_file(void)
{
    if (file < 0) {
        file = memfd_create("guest", MFD_CLOEXEC);
        if (file < 0 || ftruncate(file, FILE_BYTES) != 0)
            abort();
        bytes = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (bytes == MAP_FAILED)
            abort();
    }
    return file;
}

void guest_clear(void)
{
    (void)guest_file();
    memset(bytes, 0, FILE_BYTES);
}

static uint8_t *at_guest(uint32_t at)
{
    at %= GUEST_BYTES;
    return at < GUEST_BORDER ? bytes + FIRST_AT + at : bytes + SECOND_AT + (at - GUEST_BORDER);
}

void guest_write(uint32_t at, const void *from, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        *at_guest(at + i) = ((const uint8_t *)from)[i];
}

uint16_t guest_read16(uint32_t at)
{
    return (uint16_t)(*at_guest(at) | *at_guest(at + 1) << 8);
}

static void beside(const struct memory *memory, void (*what)(void const volatile *, size_t))
{
    for (unsigned i = 0; i < memory->count; i++) {
        const struct region *region = &memory->regions[i];
        uint8_t *mapping = region->mapping, *end = region->bytes + region->size;
        size_t mapped = (region->mapped + PAGE - 1) / PAGE * PAGE;
        what(mapping, (size_t)(region->bytes - mapping));
        what(end, (size_t)(mapping + mapped - end));
    }
}

void guest_guard(const struct memory *memory)
{
    beside(memory, __asan_poison_memory_region);
}

void guest_unguard(const struct memory *memory)
{
    beside(memory, __asan_unpoison_memory_region);
}
