#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char USAGE[] = "usage: vb-vsock --cid=N --path=SOCKET (--front=FD | --listen=SOCKET)\n"
                     "A vhost-user-vsock device for one machine. Clients of the host connect to --path and say\n"
                     "\"CONNECT <port>\\n\"; the guest's connections to a port of the host go to the socket <path>_<port>.\n";

enum { FIRST_GUEST_CID = 3 };

static int number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *value >= least && *value <= most;
}

static const char *value_of(const char *word, const char *name)
{
    size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

const char *options_parse(struct options *options, int count, char **words)
{
    *options = (struct options){.front = -1};
    for (int i = 1; i < count; i++) {
        const char *value;
        uint64_t parsed;
        if ((value = value_of(words[i], "--cid"))) {
            if (!number(value, FIRST_GUEST_CID, UINT32_MAX - 1, &options->cid))
                return "--cid is a number from 3 to 4294967294";
        } else if ((value = value_of(words[i], "--front"))) {
            if (!number(value, 0, INT_MAX, &parsed))
                return "--front is the number of a descriptor";
            options->front = (int)parsed;
        } else if ((value = value_of(words[i], "--path"))) {
            options->path = value;
        } else if ((value = value_of(words[i], "--listen"))) {
            options->listen = value;
        } else {
            return "an unknown option";
        }
    }
    if (!options->cid || !options->path)
        return "--cid and --path are needed";
    if ((options->front >= 0) == (options->listen != NULL))
        return "one of --front and --listen is needed";
    return NULL;
}
