/*
 * Drives the fuzz target without libFuzzer: the files that are named, or so many inputs from a seed.
 *
 *     PROGRAM FILE …          what a fuzzer found, again
 *     PROGRAM -runs=N -seed=S inputs that are the same every time
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t next(uint64_t *state) /* Steele, Lea, Flood: SplitMix64 */
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)(z >> 31);
}

static void run_made(unsigned long runs, uint64_t seed)
{
    uint8_t data[INPUT_MAX];
    for (unsigned long run = 0; run < runs; run++) {
        size_t size = next(&seed) % sizeof data;
        for (size_t i = 0; i < size; i++) {
            data[i] = (uint8_t)next(&seed);
        }
        LLVMFuzzerTestOneInput(data, size);
    }
}

static int run_file(const char *path)
{
    static uint8_t data[1 << 20];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long runs = 0, seed = 1;
    int status = 0;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-runs=", 6) == 0) {
            runs = strtoul(argv[i] + 6, NULL, 10);
        } else if (strncmp(argv[i], "-seed=", 6) == 0) {
            seed = strtoul(argv[i] + 6, NULL, 10);
        } else {
            status |= run_file(argv[i]);
        }
    }
    run_made(runs, seed);
    printf("%lu inputs\n", runs);
    return status;
}
