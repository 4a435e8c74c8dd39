/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages, and counters that one thread writes and others read.
 */
#ifndef VBLKDEV_UTIL_H
#define VBLKDEV_UTIL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "only for little-endian machines: rings are read as they lie in memory"
#endif

#define ITEMS(array)	(sizeof(array) / sizeof((array)[0]))

/* One line on standard error; die() then ends the program with status 2. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* "4096", "64K", "0x10", "512M"; false where it is none, or 0 where it may not be. */
bool parse_number(const char *text, uint64_t *value);

/* Nanoseconds of a clock that never jumps. */
uint64_t now_ns(void);

/* A counter has one writer, so it needs no locked instruction. */
static inline void count(atomic_ulong *counter, unsigned long n)
{
	atomic_store_explicit(counter,
			      atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline unsigned long counted(atomic_ulong *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif /* VBLKDEV_UTIL_H */
