/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages and time.
 */
#ifndef LSI_UTIL_H
#define LSI_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "only for little-endian machines: SCRIPTS are written as they lie in memory"
#endif

#define ITEMS(array)	(sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)	((a) < (b) ? (a) : (b))

#define MS		1000000ull	/* in nanoseconds */
#define KIB		1024u
#define MIB		(1024 * KIB)

/* One line on standard error; die() then ends the program with status 2. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Nanoseconds of a clock that never jumps. */
uint64_t now_ns(void);
void sleep_ns(uint64_t ns);

/* Memory that is a file without a name, which a child inherits. */
int anonymous_file(const char *name, uint64_t size);

/* The path under which a child that inherits the file can open it. */
#define FD_PATH	"/proc/self/fd/%d"

#endif /* LSI_UTIL_H */
