/* Floating point: a sun and four planets under gravity, in double precision (add, multiply, divide, square root).
 *
 * The integrator (drift-kick-drift leapfrog) is symplectic and reversible: energy stays, and as many steps back
 * as forth end where they began. One iteration is such a swing from the same start, so every swing must end in the
 * very bits of the first, and the first must satisfy the physics. The operations are inexact on purpose: emulators
 * have a fast path for those, and real programs are like that. */
#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BODIES = 5, STEPS_FORTH = 50 };

static const double STEP_YEARS = 0.01;
static const double SUN_GM = 39.47841760435743; /* 4 pi^2: astronomical units and years */

/* Jupiter, Saturn, Uranus, Neptune: distance from the sun, and mass in suns. */
static const double DISTANCE[BODIES] = {0, 5.2, 9.58, 19.2, 30.05};
static const double MASS[BODIES] = {1, 9.55e-4, 2.86e-4, 4.37e-5, 5.15e-5};

struct body {
    double at[3], velocity[3], gm;
};

struct system {
    struct body bodies[BODIES];
};

struct floating {
    struct system start, now;
    uint64_t first, sum; /* bits of the first swing's end; sum over the ends of all swings */
    int lawful;
};

static void drift(struct system *system, double years)
{
    for (int i = 0; i < BODIES; i++)
        for (int axis = 0; axis < 3; axis++)
            system->bodies[i].at[axis] += system->bodies[i].velocity[axis] * years;
}

static void kick(struct system *system, double years)
{
    for (int i = 0; i < BODIES; i++) {
        struct body *one = &system->bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            struct body *two = &system->bodies[j];
            double x = two->at[0] - one->at[0];
            double y = two->at[1] - one->at[1];
            double z = two->at[2] - one->at[2];
            double squared = x * x + y * y + z * z;
            double pull = years / (squared * sqrt(squared));
            one->velocity[0] += x * two->gm * pull;
            one->velocity[1] += y * two->gm * pull;
            one->velocity[2] += z * two->gm * pull;
            two->velocity[0] -= x * one->gm * pull;
            two->velocity[1] -= y * one->gm * pull;
            two->velocity[2] -= z * one->gm * pull;
        }
    }
}

static void walk(struct system *system, double step_years)
{
    for (int step = 0; step < STEPS_FORTH; step++) {
        drift(system, step_years / 2);
        kick(system, step_years);
        drift(system, step_years / 2);
    }
}

static double energy(const struct system *system)
{
    double sum = 0;
    for (int i = 0; i < BODIES; i++) {
        const struct body *one = &system->bodies[i];
        const double *v = one->velocity;
        sum += one->gm * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) / 2;
        for (int j = i + 1; j < BODIES; j++) {
            const struct body *two = &system->bodies[j];
            double x = two->at[0] - one->at[0], y = two->at[1] - one->at[1], z = two->at[2] - one->at[2];
            sum -= one->gm * two->gm / sqrt(x * x + y * y + z * z);
        }
    }
    return sum;
}

static double apart(const struct body *one, const struct body *two)
{
    double x = two->at[0] - one->at[0], y = two->at[1] - one->at[1], z = two->at[2] - one->at[2];
    return sqrt(x * x + y * y + z * z);
}

static uint64_t bits_of(const struct system *system)
{
    uint64_t sum = 0;
    for (int i = 0; i < BODIES; i++) {
        for (int axis = 0; axis < 3; axis++) {
            uint64_t bits;
            memcpy(&bits, &system->bodies[i].at[axis], sizeof bits);
            sum = sum * 31 + bits;
        }
    }
    return sum;
}

/* Energy is kept, every planet moved by its speed times the time, and the way back leads to the start. */
static int is_lawful(const struct system *start)
{
    struct system there = *start;
    walk(&there, STEP_YEARS);
    struct system back = there;
    walk(&back, -STEP_YEARS);
    int lawful = fabs(energy(&there) / energy(start) - 1) < 1e-6;
    for (int i = 1; i < BODIES; i++) {
        double way = sqrt(SUN_GM / DISTANCE[i]) * STEP_YEARS * STEPS_FORTH;
        lawful &= fabs(apart(&start->bodies[i], &there.bodies[i]) / way - 1) < 0.05;
        lawful &= apart(&start->bodies[i], &back.bodies[i]) < 1e-9;
    }
    return lawful;
}

static void *open_floating(uint64_t seed)
{
    struct floating *state = allocate(sizeof *state);
    struct body *bodies = state->start.bodies;
    bodies[0].gm = SUN_GM;
    for (int i = 1; i < BODIES; i++) {
        double t = (double)((seed + (uint64_t)i * 7919) % 997) / 997; /* where on the circle it starts */
        double cosine = (1 - t * t) / (1 + t * t), sine = 2 * t / (1 + t * t);
        double speed = sqrt(SUN_GM / DISTANCE[i]);
        bodies[i] = (struct body){.at = {DISTANCE[i] * cosine, DISTANCE[i] * sine, 0.01 * i},
                                  .velocity = {-speed * sine, speed * cosine, 0},
                                  .gm = SUN_GM * MASS[i]};
    }
    struct system swing = state->start;
    walk(&swing, STEP_YEARS);
    walk(&swing, -STEP_YEARS);
    state->first = bits_of(&swing);
    state->lawful = is_lawful(&state->start);
    return state;
}

static void run_floating(void *opaque, uint64_t iterations)
{
    struct floating *state = opaque;
    for (uint64_t i = 0; i < iterations; i++) {
        state->now = state->start;
        barrier(state);
        walk(&state->now, STEP_YEARS);
        walk(&state->now, -STEP_YEARS);
        state->sum += bits_of(&state->now);
    }
}

static struct answer check_floating(void *opaque, uint64_t total)
{
    const struct floating *state = opaque;
    uint64_t expected = state->first * total;
    return (struct answer){state->lawful ? state->sum : ~expected, expected};
}

const struct kernel float_kernel = {
    .name = "float",
    .unit = "steps/s",
    .per_iteration = 2 * STEPS_FORTH,
    .what = "time steps of five bodies under gravity, in double precision",
    .open = open_floating,
    .run = run_floating,
    .check = check_floating,
    .close = free,
};
