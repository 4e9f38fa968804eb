/* The system and the architecture that a program is built for, as the harness calls them. */
#ifndef VB_SYSTEM_H
#define VB_SYSTEM_H

#if defined(__x86_64__)
#define ARCH "x86-64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#else
#error "an architecture that no reference guest has"
#endif

#ifdef __APPLE__
#define OS "macos"
#else
#define OS "linux"
#endif

#endif
