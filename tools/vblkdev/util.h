/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers, and counters that one thread writes and others read.
 */
#ifndef VBLKDEV_UTIL_H
#define VBLKDEV_UTIL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/say.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "only for little-endian machines: rings are read as they lie in memory"
#endif

/* "4096", "64K", "0x10", "512M"; false where it is none, or 0 where it may not be. */
bool parse_number(const char *text, uint64_t *value);

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
