#include "memory.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that ends before its region would be a SIGBUS at the guest's pleasure. */
static const char *check(const struct region_description *described, int file)
{
    struct stat status;
    if (described->size == 0)
        return "a memory region is empty";
    if (described->guest + described->size < described->guest || described->front + described->size < described->front ||
        described->offset + described->size < described->offset)
        return "a memory region wraps around";
    if (fstat(file, &status) != 0)
        return "a memory region has no file";
    if (status.st_size < 0 || described->offset + described->size > (uint64_t)status.st_size)
        return "a memory region is larger than its file";
    return NULL;
}

static const char *map(struct region *region, const struct region_description *described, int file)
{
    const char *wrong = check(described, file);
    if (wrong)
        return wrong;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), before = described->offset % page;
    size_t length = (size_t)(described->size + before);
    void *mapping = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)(described->offset - before));
    if (mapping == MAP_FAILED)
        return "a memory region cannot be mapped";
    *region = (struct region){.guest = described->guest,
                              .size = described->size,
                              .front = described->front,
                              .bytes = (uint8_t *)mapping + before,
                              .mapping = mapping,
                              .mapped = length};
    return NULL;
}

const char *memory_map(struct memory *memory, const struct region_description *described, const int *files,
                       unsigned count)
{
    memory_unmap(memory);
    if (count > MEMORY_REGIONS)
        return "there are too many memory regions";
    for (unsigned i = 0; i < count; i++) {
        const char *wrong = map(&memory->regions[i], &described[i], files[i]);
        if (wrong) {
            memory_unmap(memory);
            return wrong;
        }
        memory->count = i + 1;
    }
    return NULL;
}

void memory_unmap(struct memory *memory)
{
    for (unsigned i = 0; i < memory->count; i++)
        munmap(memory->regions[i].mapping, memory->regions[i].mapped);
    memory->count = 0;
}

void *memory_of_front(const struct memory *memory, uint64_t front, uint64_t size)
{
    for (unsigned i = 0; i < memory->count; i++) {
        const struct region *region = &memory->regions[i];
        uint64_t offset = front - region->front;
        if (front >= region->front && offset < region->size && size <= region->size - offset)
            return region->bytes + offset;
    }
    return NULL;
}

static const struct region *region_at(const struct memory *memory, uint64_t guest)
{
    for (unsigned i = 0; i < memory->count; i++)
        if (guest >= memory->regions[i].guest && guest - memory->regions[i].guest < memory->regions[i].size)
            return &memory->regions[i];
    return NULL;
}

int memory_slices(const struct memory *memory, uint64_t guest, uint32_t size, struct iovec *slices, unsigned room)
{
    int count = 0;
    while (size > 0) {
        const struct region *region = region_at(memory, guest);
        if (!region || (unsigned)count == room)
            return -1;
        uint64_t offset = guest - region->guest, left = region->size - offset;
        uint32_t length = left < size ? (uint32_t)left : size;
        slices[count++] = (struct iovec){region->bytes + offset, length};
        guest += length; /* a region does not wrap around, and a later one begins where this one ends */
        size -= length;
    }
    return count;
}

int memory_read(const struct memory *memory, uint64_t guest, void *to, uint32_t size)
{
    struct iovec slices[MEMORY_REGIONS];
    int count = memory_slices(memory, guest, size, slices, MEMORY_REGIONS);
    for (int i = 0; i < count; i++) {
        memcpy(to, slices[i].iov_base, slices[i].iov_len);
        to = (uint8_t *)to + slices[i].iov_len;
    }
    return count >= 0;
}
