/* vb-transport: the far end of a channel, in a guest or natively, for tests and measurements of transports.

   The host tells what to do, the guest does it, so that one clock, the host's, sees every round trip. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"
#include "work.h"

enum { FINE = 0, FAILED = 1, MISUSED = 2 };

static const char USAGE[] = "usage: vb-transport serve WHERE           requests of whoever connects, each in a process\n"
                            "       vb-transport serve file:PATH       requests that come from a device\n"
                            "       vb-transport serve shared:PATH     requests in memory that is mapped by both ends\n"
                            "       vb-transport echo WHERE            to whoever connects, until they send no more\n"
                            "       vb-transport send PORT BYTES       to the host, then read until it sends no more\n"
                            "       vb-transport many PORT COUNT       connections to the host, one byte there and back\n"
                            "       vb-transport ping tcp:ADDRESS:PORT BYTES COUNT\n"
                            "                                          round trips to who serves there, in ns\n"
                            "WHERE: vsock:PORT, tcp:ADDRESS:PORT (0: one that is free, which is printed), unix:PATH\n";

static int failed(const char *what)
{
    fprintf(stderr, "vb-transport: %s: %s\n", what, strerror(errno));
    return FAILED;
}

static int serve(const char *where, work_fn *work)
{
    if (strncmp(where, "file:", 5) == 0) {
        struct stream stream = {.fd = open(where + 5, O_RDWR)};
        return stream.fd < 0 || !work(&stream) ? failed(where) : FINE;
    }
    if (strncmp(where, "shared:", 7) == 0 && work == work_requests) {
        struct shared shared;
        if (!shared_open(where + 7, &shared))
            return failed(where);
        (void)puts("listening");
        (void)fflush(stdout);
        return work(&(struct stream){.shared = &shared}) ? FINE : failed(where);
    }
    stream_accept(where, work);
    if (errno != EINVAL)
        return failed(where);
    fputs(USAGE, stderr);
    return MISUSED;
}

int main(int count, char **words)
{
    const char *verb = count > 2 ? words[1] : "";
    if (strcmp(verb, "serve") == 0)
        return serve(words[2], work_requests);
    if (strcmp(verb, "echo") == 0)
        return serve(words[2], work_echo);
    if (count == 5 && strcmp(verb, "ping") == 0)
        return work_ping(words[2], strtoul(words[3], NULL, 10), strtoull(words[4], NULL, 10)) ? FINE : failed(words[2]);
    unsigned port = count == 4 ? (unsigned)strtoul(words[2], NULL, 10) : 0;
    unsigned long long amount = count == 4 ? strtoull(words[3], NULL, 10) : 0;
    if (port && strcmp(verb, "send") == 0)
        return work_send(port, amount) ? FINE : failed("send");
    if (port && strcmp(verb, "many") == 0)
        return work_many(port, amount) ? FINE : failed("many");
    fputs(USAGE, stderr);
    return MISUSED;
}
