#include "work.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"

enum { PIECE = 64 << 10, PERIOD = 251 };

struct request {
    uint32_t follows, wanted;
};

static uint8_t piece[PIECE];

bool work_requests(const struct stream *stream)
{
    struct request request;
    while (stream_read(stream, &request, sizeof request)) {
        while (request.follows > 0) {
            uint32_t part = request.follows < PIECE ? request.follows : PIECE;
            if (!stream_read(stream, piece, part))
                return false;
            request.follows -= part;
        }
        while (request.wanted > 0) {
            uint32_t part = request.wanted < PIECE ? request.wanted : PIECE;
            if (!stream_write(stream, piece, part))
                return false;
            request.wanted -= part;
        }
    }
    return true;
}

bool work_echo(const struct stream *stream)
{
    ssize_t got;
    while ((got = read(stream->fd, piece, PIECE)) > 0)
        if (!stream_write(stream, piece, (size_t)got))
            return false;
    return got == 0;
}

/* Byte n of the pattern is n modulo a prime, so that no lost or doubled page goes unseen. */
static bool send_pattern(const struct stream *stream, unsigned long long bytes)
{
    unsigned long long sent = 0;
    while (sent < bytes) {
        unsigned long long part = bytes - sent < PIECE ? bytes - sent : PIECE;
        for (unsigned long long i = 0; i < part; i++)
            piece[i] = (uint8_t)((sent + i) % PERIOD);
        if (!stream_write(stream, piece, part))
            return false;
        sent += part;
    }
    return true;
}

bool work_send(unsigned port, unsigned long long bytes)
{
    int fd = address_connect(port);
    if (fd < 0 || !send_pattern(&(struct stream){.fd = fd}, bytes) || shutdown(fd, SHUT_WR) != 0)
        return false;
    unsigned long long count = 0, sum = 0;
    ssize_t got;
    while ((got = read(fd, piece, PIECE)) > 0) {
        count += (unsigned long long)got;
        for (ssize_t i = 0; i < got; i++)
            sum += piece[i];
    }
    (void)printf("%llu %llu\n", count, sum);
    return got == 0 && close(fd) == 0;
}

bool work_many(unsigned port, unsigned long long count)
{
    for (unsigned long long i = 0; i < count; i++) {
        uint8_t there = (uint8_t)i, back;
        struct stream stream = {.fd = address_connect(port)};
        if (stream.fd < 0 || !stream_write(&stream, &there, 1) || !stream_read(&stream, &back, 1))
            return false;
        close(stream.fd);
        if (back != there) {
            errno = EBADMSG;
            return false;
        }
    }
    (void)printf("%llu\n", count);
    return true;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool work_ping(const char *where, unsigned long size, unsigned long long count)
{
    static uint8_t answer[PIECE];
    struct request request = {(uint32_t)size, (uint32_t)size};
    errno = EINVAL;
    if (size == 0 || size > sizeof piece - sizeof request)
        return false;
    struct stream stream = {.fd = address_connect_tcp(where)};
    if (stream.fd < 0)
        return false;
    memcpy(piece, &request, sizeof request); /* in one piece with what follows: one packet */
    for (unsigned long long i = 0; i < count; i++) {
        uint64_t began = now_ns();
        if (!stream_write(&stream, piece, sizeof request + size))
            return false;
        if (!stream_read(&stream, answer, size)) {
            errno = ECONNRESET;
            return false;
        }
        (void)printf("%llu\n", (unsigned long long)(now_ns() - began));
    }
    return close(stream.fd) == 0;
}
