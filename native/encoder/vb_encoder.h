/*
 * libvbencoder: surfaces in, H.264 access units out.
 *
 * One encoder is one stream. Every call that can fail returns a status and, where `failure` is not NULL, says in a
 * sentence what was wrong; nothing ends the process. An encoder may be used by any thread, by one at a time; so may
 * a converter and a picture, and while one thread encodes a picture, another may convert the next.
 * Surfaces are only read, from where they are: their pixels are not copied on the way to the colour conversion.
 *
 * The Python binding parses this file with cffi: plain C declarations, and nothing that needs the preprocessor.
 */
#ifndef VB_ENCODER_H
#define VB_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

enum {
    VB_ENCODER_ABI = 2,              /* of every struct below */
    VB_ENCODER_DIMENSION_MAX = 16384, /* pixels */
    VB_ENCODER_MACROBLOCKS_MAX = 139264, /* in a picture: MaxFS of level 6.2, table A-1 of ITU-T H.264 */
    VB_ENCODER_STRIDE_MAX = 1048576, /* bytes */
    VB_ENCODER_NALS_MAX = 64,        /* in an access unit */
    VB_ENCODER_THREADS_MAX = 32
};

typedef enum vb_encoder_status {
    VB_ENCODER_OK = 0,
    VB_ENCODER_BAD_CONFIG = 1,        /* a value out of its range */
    VB_ENCODER_BAD_SURFACE = 2,       /* a surface that cannot be what it says */
    VB_ENCODER_SHORT_SURFACE = 3,     /* its memory ends before its last pixel */
    VB_ENCODER_OTHER_SIZE = 4,        /* a good surface of another size than the stream: resize first */
    VB_ENCODER_MAP_FAILED = 5,        /* the descriptor cannot be mapped */
    VB_ENCODER_UNSUPPORTED = 6,       /* this backend, or this build of the library, does not do it */
    VB_ENCODER_NO_MEMORY = 7,
    VB_ENCODER_BACKEND_FAILED = 8     /* x264 or VideoToolbox refused */
} vb_encoder_status;

typedef enum vb_encoder_backend {
    VB_ENCODER_X264 = 1,
    VB_ENCODER_VIDEOTOOLBOX = 2
} vb_encoder_backend;

/* How RGB becomes YCbCr, and what the stream's VUI says of it. Primaries are BT.709's and the transfer is sRGB's. */
typedef enum vb_encoder_colour {
    VB_COLOUR_BT601_LIMITED = 1,
    VB_COLOUR_BT601_FULL = 2,
    VB_COLOUR_BT709_LIMITED = 3, /* x264: for surfaces that are YCbCr already, libyuv has no such conversion */
    VB_COLOUR_BT709_FULL = 4
} vb_encoder_colour;

typedef struct vb_encoder_failure {
    int32_t system_error; /* errno or OSStatus; 0 where neither says more */
    char message[252];
} vb_encoder_failure;

typedef struct vb_encoder_config {
    uint32_t backend; /* vb_encoder_backend */
    uint32_t width, height;
    uint32_t fps_num, fps_den;
    uint32_t bitrate;  /* bit/s; 0: constant quality */
    float crf;         /* constant quality, 1 (best) to 51; for a bitrate of 0 */
    uint32_t gop;      /* frames from one keyframe to the next at most; 0: only the first, and those asked for */
    uint32_t colour;   /* vb_encoder_colour */
    uint32_t profile;  /* 66 baseline, 77 main, 100 high: no more than this */
    uint32_t threads;  /* 0: as many as the host has processors, up to 8 */
} vb_encoder_config;

typedef enum vb_surface_kind {
    VB_SURFACE_MEMORY = 1,   /* `memory`, `size` bytes */
    VB_SURFACE_FD = 2,       /* `fd`, mapped by the encoder: shared memory or a DMA-BUF. Mappings are kept and found
                                again by the file's identity, since the same memory comes with a new descriptor at
                                every page flip. Whoever may shrink the file while it is read can end the process. */
    VB_SURFACE_IOSURFACE = 3 /* `memory` is an IOSurfaceRef (macOS) */
} vb_surface_kind;

typedef struct vb_surface {
    uint32_t kind;   /* vb_surface_kind */
    uint32_t fourcc; /* DRM: XR24 and AR24 (B, G, R, x in memory), XB24 and AB24 (R, G, B, x), NV12 */
    uint32_t width, height;
    uint32_t stride; /* bytes from row to row; NV12: of both planes, the chroma follows the luma's last row */
    int32_t fd;
    uint64_t offset; /* of the first pixel in the memory or the file */
    uint64_t size;   /* of the memory; of a file the kernel is asked */
    const void *memory;
} vb_surface;

typedef struct vb_access_unit {
    const uint8_t *data; /* Annex B; valid until the next call with this encoder */
    uint64_t size;
    int64_t pts; /* what was given with the surface */
    uint32_t width, height; /* of the stream: an odd size is rounded up, and the last column or row repeated */
    uint32_t is_keyframe; /* an IDR picture, its SPS and PPS before it */
    uint32_t nal_count;
    uint32_t nal_sizes[VB_ENCODER_NALS_MAX]; /* start codes included; `size` in all */
    uint64_t map_ns, convert_ns, encode_ns;
} vb_access_unit;

typedef struct vb_encoder_stats {
    uint64_t frames, keyframes;
    uint64_t stream_bytes;
    uint64_t copied_bytes; /* of pixels, by the CPU in this library, other than by colour conversion */
    uint64_t map_ns, convert_ns, encode_ns;
    uint64_t mappings; /* made so far by vb_encoder_encode; a converter counts its own */
} vb_encoder_stats;

typedef struct vb_picture_facts {
    uint32_t width, height; /* of the surface; 0 while there is no picture */
    uint32_t borrows; /* whether the surface's own pixels will be encoded: it must stay until vb_picture_release */
    uint64_t copied_bytes; /* of pixels, by the CPU, other than by colour conversion */
    uint64_t map_ns, convert_ns;
} vb_picture_facts;

typedef struct vb_encoder vb_encoder;
typedef struct vb_converter vb_converter; /* reads surfaces, for streams of one backend and colour */
typedef struct vb_picture vb_picture;     /* what a converter made of a surface, ready to be encoded */

uint32_t vb_encoder_abi(void);

/* Whether this build has the backend. */
int vb_encoder_has(uint32_t backend);

/* A new stream in `*encoder`, which is NULL after a failure. */
vb_encoder_status vb_encoder_open(const vb_encoder_config *config, vb_encoder **encoder, vb_encoder_failure *failure);

/* One frame, all of it. The access unit is complete on return: nothing is held back for later frames. */
vb_encoder_status vb_encoder_encode(vb_encoder *encoder, const vb_surface *surface, int64_t pts, vb_access_unit *unit,
                                    vb_encoder_failure *failure);

/* What may be done in two steps: a display that waits for its surface waits for the first alone. */

/* NULL: no memory. Whoever makes a picture of every frame keeps a few and converts into them again. */
vb_picture *vb_picture_new(void);

/* A new converter in `*converter`, which is NULL after a failure. `backend` and `colour` are those of the streams. */
vb_encoder_status vb_converter_open(uint32_t backend, uint32_t colour, vb_converter **converter,
                                    vb_encoder_failure *failure);

/*
 * Read a surface of any size into `picture`, in the place of what was there. Where the picture does not borrow, the
 * surface is not needed any more on return: x264 borrows NV12 surfaces and no others, VideoToolbox every surface. Of a
 * converter's pictures that borrow from a file one may be alive at a time. After a failure there is no picture.
 */
vb_encoder_status vb_converter_convert(vb_converter *converter, const vb_surface *surface, vb_picture *picture,
                                       vb_encoder_failure *failure);

void vb_picture_get_facts(const vb_picture *picture, vb_picture_facts *facts);

/* One frame, as vb_encoder_encode does; the picture stays what it is. */
vb_encoder_status vb_encoder_encode_picture(vb_encoder *encoder, const vb_picture *picture, int64_t pts,
                                            vb_access_unit *unit, vb_encoder_failure *failure);

/* The picture is not wanted any more: what it borrows may go. Its memory is kept for the next. */
void vb_picture_release(vb_picture *picture);

/* How often a file was mapped so far. */
uint64_t vb_converter_mappings(const vb_converter *converter);

/* NULL is fine. What was borrowed goes before the converter of which it is. */
void vb_picture_free(vb_picture *picture);
void vb_converter_close(vb_converter *converter);

/* The next frame becomes a keyframe. */
void vb_encoder_force_keyframe(vb_encoder *encoder);

/* From the next frame on; only for a stream that was opened with a bitrate. */
vb_encoder_status vb_encoder_set_bitrate(vb_encoder *encoder, uint32_t bitrate, vb_encoder_failure *failure);

/* From the next frame on, which becomes a keyframe with new parameter sets. After a failure the old size holds. */
vb_encoder_status vb_encoder_resize(vb_encoder *encoder, uint32_t width, uint32_t height, vb_encoder_failure *failure);

void vb_encoder_get_stats(const vb_encoder *encoder, vb_encoder_stats *stats);

/* NULL is fine. */
void vb_encoder_close(vb_encoder *encoder);

#pragma GCC visibility pop
#endif
