#include "mapping.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#endif

#include "failure.h"

static bool sync_dma_buf(int fd, unsigned long long flags)
{
#ifdef __linux__
    struct dma_buf_sync sync = {.flags = flags | DMA_BUF_SYNC_READ};
    int result;
    do {
        result = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
    } while (result == -1 && (errno == EINTR || errno == EAGAIN));
    return result == 0;
#else
    (void)fd;
    (void)flags;
    return false;
#endif
}

#ifdef __linux__
enum { SYNC_START = DMA_BUF_SYNC_START, SYNC_END = DMA_BUF_SYNC_END };
#else
enum { SYNC_START, SYNC_END };
#endif

void vb_mapping_begin_read(const vb_mapping *mapping, int fd)
{
    if (mapping->is_dma_buf) {
        sync_dma_buf(fd, SYNC_START);
    }
}

void vb_mapping_end_read(const vb_mapping *mapping, int fd)
{
    if (mapping->is_dma_buf) {
        sync_dma_buf(fd, SYNC_END);
    }
}

static bool is_dma_buf(int fd)
{
    return sync_dma_buf(fd, SYNC_START) && sync_dma_buf(fd, SYNC_END);
}

static void forget(vb_mapping *mapping)
{
    if (mapping->address != NULL) {
        munmap(mapping->address, mapping->length);
        memset(mapping, 0, sizeof *mapping);
    }
}

static vb_mapping *least_recently_used(vb_mappings *mappings)
{
    vb_mapping *oldest = &mappings->kept[0];
    for (size_t i = 1; i < VB_MAPPINGS_KEPT; i++) {
        if (mappings->kept[i].last_used < oldest->last_used) {
            oldest = &mappings->kept[i];
        }
    }
    return oldest;
}

static vb_mapping *find(vb_mappings *mappings, const struct stat *file, uint64_t start, uint64_t length)
{
    for (size_t i = 0; i < VB_MAPPINGS_KEPT; i++) {
        vb_mapping *kept = &mappings->kept[i];
        if (kept->address != NULL && kept->device == file->st_dev && kept->inode == file->st_ino &&
            kept->start == start && kept->length == length) {
            return kept;
        }
    }
    return NULL;
}

static uint64_t file_size(int fd, const struct stat *file)
{
    if (file->st_size > 0) {
        return (uint64_t)file->st_size;
    }
    off_t end = lseek(fd, 0, SEEK_END); /* how older kernels tell a DMA-BUF's size */
    return end > 0 ? (uint64_t)end : 0;
}

vb_encoder_status vb_mappings_view(vb_mappings *mappings, int fd, uint64_t offset, uint64_t bytes,
                                   const uint8_t **pixels, const vb_mapping **found, vb_encoder_failure *failure)
{
    struct stat file;
    if (fstat(fd, &file) != 0) {
        return vb_fail(failure, VB_ENCODER_MAP_FAILED, errno, "descriptor %d cannot be used: %s", fd, strerror(errno));
    }
    /* Asked at every frame: the file may have been made shorter since it was mapped. */
    uint64_t size = file_size(fd, &file);
    if (offset > size || bytes > size - offset) {
        return vb_fail(failure, VB_ENCODER_SHORT_SURFACE, 0,
                       "a surface of %llu bytes from %llu on does not fit into the %llu of its file",
                       (unsigned long long)bytes, (unsigned long long)offset, (unsigned long long)size);
    }
    uint64_t start = offset - offset % (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t length = offset - start + bytes;
    vb_mapping *mapping = find(mappings, &file, start, length);
    if (mapping == NULL) {
        void *address = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)start);
        if (address == MAP_FAILED) {
            return vb_fail(failure, VB_ENCODER_MAP_FAILED, errno, "descriptor %d cannot be mapped to be read: %s", fd,
                           strerror(errno));
        }
        mapping = least_recently_used(mappings);
        forget(mapping);
        *mapping = (vb_mapping){.device = file.st_dev,
                                .inode = file.st_ino,
                                .start = start,
                                .length = length,
                                .address = address,
                                .is_dma_buf = is_dma_buf(fd)};
        mappings->made++;
    }
    mapping->last_used = ++mappings->uses;
    *pixels = mapping->address + (offset - start);
    *found = mapping;
    return VB_ENCODER_OK;
}

void vb_mappings_clear(vb_mappings *mappings)
{
    for (size_t i = 0; i < VB_MAPPINGS_KEPT; i++) {
        forget(&mappings->kept[i]);
    }
}
