/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults: what the device does wrong on purpose, and when. A fault is a kind, a
 * value where the kind takes one, and which opportunities it takes.
 */
#ifndef VBLKDEV_FAULT_H
#define VBLKDEV_FAULT_H

#include <pthread.h>
#include <stdio.h>

#include "util.h"

enum fault_kind {
	/* in the used ring */
	FAULT_USED_ID, FAULT_USED_ID_WIDE, FAULT_USED_ID_FREE, FAULT_USED_TWICE,
	FAULT_USED_SWAPPED, FAULT_USED_IDX_JUMP, FAULT_USED_IDX_BACK,
	FAULT_USED_LEN_ZERO, FAULT_USED_LEN_HUGE, FAULT_USED_ORDER,
	/* elsewhere in the driver's memory */
	FAULT_DESC_SCRIBBLE, FAULT_AVAIL_SCRIBBLE, FAULT_HEADER_SCRIBBLE,
	/* status and data */
	FAULT_STATUS, FAULT_STATUS_UNWRITTEN, FAULT_DATA_MISSING, FAULT_DATA_HALF,
	/* when */
	FAULT_LATE, FAULT_NEVER, FAULT_STOP_AFTER,
	/* notifications */
	FAULT_IRQ_LOST, FAULT_IRQ_LATE, FAULT_IRQ_SPURIOUS, FAULT_IRQ_STORM,
	FAULT_IRQ_UNWANTED, FAULT_IRQ_EARLY, FAULT_KICK_LOST,
	/* the rest */
	FAULT_CAPACITY_FLIP, FAULT_CACHE_LIES, FAULT_DISCONNECT,
	NUM_FAULTS
};

struct fault_text {
	const char *name;
	const char *value;		/* what VALUE is, or NULL: takes none */
	uint64_t default_value, max;	/* of it */
	const char *text;
	bool no_request;		/* is about none: no op, no sector */
};

extern const struct fault_text fault_texts[NUM_FAULTS];

#define FAULT_MAX	32		/* at a time */

struct fault {
	enum fault_kind kind;
	uint64_t value;
	int64_t op;			/* only requests of this type; -1: all */
	uint64_t sector;		/* only requests that touch it; ~0: all */
	uint64_t after;			/* opportunities to let pass */
	uint64_t left;			/* times still to hit */
	uint32_t millionths;		/* chance of each opportunity */
};

struct faults {
	pthread_mutex_t lock;
	atomic_ulong armed;		/* bitmap of kinds; written under lock */
	struct fault list[FAULT_MAX];	/* lock */
	unsigned int num;		/* lock */
	uint64_t hits[NUM_FAULTS];	/* lock */
	uint64_t random;		/* lock */
	bool has_cache;			/* there is one that can lie */
};

struct request;

void faults_init(struct faults *faults, uint64_t seed);
/* Adds KIND[=VALUE][@N][%P][,op=OP][,sector=N][,count=N]: NULL, or what is wrong. */
const char *faults_add(struct faults *faults, const char *spec);
void faults_clear(struct faults *faults);
/* Those of one kind do not happen any more; what did stays counted. */
void faults_retire(struct faults *faults, enum fault_kind kind);
void faults_list(FILE *to);

/* Does one take this opportunity? req is what it is about, or NULL. */
bool faults_hit(struct faults *faults, enum fault_kind kind, const struct request *req,
		uint64_t *value);

static inline bool fault(struct faults *faults, enum fault_kind kind,
			 const struct request *req, uint64_t *value)
{
	return atomic_load_explicit(&faults->armed, memory_order_relaxed) >> kind & 1 &&
	       faults_hit(faults, kind, req, value);
}

#endif /* VBLKDEV_FAULT_H */
