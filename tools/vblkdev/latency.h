/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a request takes at least, as a distribution. What is drawn repeats
 * with its seed, request by request.
 */
#ifndef VBLKDEV_LATENCY_H
#define VBLKDEV_LATENCY_H

#include "util.h"

enum latency_kind { LATENCY_NONE, LATENCY_FIXED, LATENCY_UNIFORM, LATENCY_EXP, LATENCY_PARETO };

#define LATENCY_MAX_NS	10000000000ull	/* of one request */

struct latency {
	enum latency_kind kind;
	uint64_t ns;			/* fixed; uniform and pareto: least; exp: mean */
	uint64_t most_ns;		/* uniform */
	double shape;			/* pareto */
};

/* NULL, or what is wrong with the text. */
const char *latency_parse(struct latency *l, const char *text);

/* The beginning of a queue's sequence. */
uint64_t latency_seed(uint64_t seed, unsigned int queue);
/* Its next request's, in ns. */
uint64_t latency_draw(const struct latency *l, uint64_t *state);

#endif /* VBLKDEV_LATENCY_H */
