/* One epoll for everything the device waits for, edge-triggered for connections so that none needs re-arming. */
#ifndef VB_VSOCK_LOOP_H
#define VB_VSOCK_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* Something that waits; the first member of what it belongs to. It must not go while its events are being told. */
struct source {
    void (*told)(struct source *source, uint32_t events);
    int fd;
};

bool loop_add(int loop, struct source *source, uint32_t events);
void loop_change(int loop, struct source *source, uint32_t events);
void loop_remove(int loop, struct source *source);

/* Wait, at most `timeout_ms` (-1: for ever), and tell whoever is meant. */
void loop_turn(int loop, int timeout_ms);

#endif
