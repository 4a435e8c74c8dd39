/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time and memory, beside what all programs have.
 */
#ifndef LSI_UTIL_H
#define LSI_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/say.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "only for little-endian machines: SCRIPTS are written as they lie in memory"
#endif

#define MIN(a, b)	((a) < (b) ? (a) : (b))

#define MS		1000000ull	/* in nanoseconds */
#define KIB		1024u
#define MIB		(1024 * KIB)

void sleep_ns(uint64_t ns);

/* Memory that is a file without a name, which a child inherits. */
int anonymous_file(const char *name, uint64_t size);

/* The path under which a child that inherits the file can open it. */
#define FD_PATH	"/proc/self/fd/%d"

#endif /* LSI_UTIL_H */
