/* Streams that come and go in many threads at once, each checked byte by byte: for the sanitizers to look at. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vb_stamp.h"

enum { PAIRS = 4, ROUNDS = 40, BYTES = 300000 }; /* more than a ring holds */

static void require(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void *write_all(void *end)
{
    unsigned seed = (unsigned)(size_t)end;
    unsigned char bytes[2000];
    for (size_t sent = 0; sent < BYTES;) {
        size_t count = 1 + (size_t)rand_r(&seed) % sizeof bytes;
        if (count > BYTES - sent)
            count = BYTES - sent;
        for (size_t each = 0; each < count; each++)
            bytes[each] = (unsigned char)((sent + each) % 251);
        require(write((int)(size_t)end, bytes, count) == (ssize_t)count, "a blocking write was short");
        sent += count;
    }
    close((int)(size_t)end);
    return NULL;
}

static size_t take(vb_stamp *stream, size_t taken, int64_t *last_ns)
{
    const void *bytes;
    int64_t at_ns;
    ptrdiff_t count = vb_stamp_peek(stream, &bytes, &at_ns);
    if (count < 0)
        return taken;
    for (ptrdiff_t each = 0; each < count; each++)
        require(((const unsigned char *)bytes)[each] == (taken + (size_t)each) % 251, "another byte than was written");
    if (count > 0) {
        require(at_ns >= *last_ns, "time went back");
        *last_ns = at_ns;
        vb_stamp_consume(stream, (size_t)count);
    }
    return taken + (size_t)count;
}

static void *come_and_go(void *unused)
{
    for (int round = 0; round < ROUNDS; round++) {
        int ends[2], started;
        pthread_t writer;
        int64_t last_ns = 0;
        require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "no sockets");
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        vb_stamp *stream = vb_stamp_add(ends[0], &started);
        require(stream != NULL, "no stream");
        require(pthread_create(&writer, NULL, write_all, (void *)(size_t)ends[1]) == 0, "no thread");
        size_t enough = round % 3 ? BYTES : BYTES / 3; /* some leave before the end */
        for (size_t taken = 0; taken < enough;) {
            struct pollfd bell = {.fd = vb_stamp_bell(stream), .events = POLLIN};
            require(poll(&bell, 1, 20000) == 1, "the bell does not ring");
            taken = take(stream, taken, &last_ns);
            if (round % 5 == 0)
                vb_stamp_settle();
        }
        vb_stamp_remove(stream);
        vb_stamp_free(stream);
        for (char rest[4096]; enough < BYTES && read(ends[0], rest, sizeof rest) != 0;)
            ; /* so that the writer ends */
        pthread_join(writer, NULL);
        close(ends[0]);
    }
    return unused;
}

int main(void)
{
    pthread_t threads[PAIRS];
    for (int each = 0; each < PAIRS; each++)
        require(pthread_create(&threads[each], NULL, come_and_go, NULL) == 0, "no thread");
    for (int each = 0; each < PAIRS; each++)
        pthread_join(threads[each], NULL);
    puts("all arrived");
    return 0;
}
