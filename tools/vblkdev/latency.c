// SPDX-License-Identifier: GPL-2.0-only
/*
 * Distributions of latency.
 */
#include "latency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SHAPE	1.5		/* a mean of three times the least */

/* "200us", "1.5ms", "2s", "100ns"; the unit may not be left out. */
static bool parse_time(const char *text, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
	unsigned int i;
	double value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	value = strtod(text, &end);
	for (i = 0; i < ITEMS(units); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		value *= units[i].ns;
		*ns = value;
		return value <= LATENCY_MAX_NS;
	}
	return false;
}

/* Cuts text at the separator; what comes after it, or NULL. */
static char *cut(char *text, char separator)
{
	char *at = strchr(text, separator);

	if (at)
		*at++ = '\0';
	return at;
}

static const char *parse(struct latency *l, char *kind)
{
	static const char bad_time[] = "a time has a unit (ns, us, ms, s) and is 10s at most";
	char *arg = cut(kind, ':'), *second, *end;

	if (!arg)
		return "fixed:T, uniform:T-T, exp:MEAN or pareto:LEAST[,SHAPE]";
	second = cut(arg, !strcmp(kind, "uniform") ? '-' : ',');
	if (!parse_time(arg, &l->ns))
		return bad_time;
	if (!strcmp(kind, "uniform")) {
		l->kind = LATENCY_UNIFORM;
		if (!second || !parse_time(second, &l->most_ns))
			return bad_time;
		return l->most_ns >= l->ns ? NULL : "uniform:LEAST-MOST, not the other way round";
	}
	if (!strcmp(kind, "pareto")) {
		l->kind = LATENCY_PARETO;
		l->shape = second ? strtod(second, &end) : DEFAULT_SHAPE;
		if (second && (end == second || *end || !(l->shape > 0 && l->shape <= 100)))
			return "a shape is a number above 0, up to 100";
		return NULL;
	}
	if (second)
		return "this distribution takes one time";
	if (!strcmp(kind, "fixed"))
		l->kind = LATENCY_FIXED;
	else if (!strcmp(kind, "exp"))
		l->kind = LATENCY_EXP;
	else
		return "no such distribution: one of fixed uniform exp pareto";
	return NULL;
}

const char *latency_parse(struct latency *l, const char *text)
{
	char *copy = strdup(text);
	const char *error;

	memset(l, 0, sizeof(*l));
	error = parse(l, copy);
	free(copy);
	return error;
}

/* splitmix64: any seed will do, and its neighbour gives something else. */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t latency_seed(uint64_t seed, unsigned int queue)
{
	uint64_t state = seed + queue;

	return next(&state);
}

uint64_t latency_draw(const struct latency *l, uint64_t *state)
{
	/* Above 0, up to 1 */
	double u = ldexp((next(state) >> 11) + 1, -53), ns = l->ns;

	switch (l->kind) {
	case LATENCY_UNIFORM:
		ns += u * (l->most_ns - l->ns);
		break;
	case LATENCY_EXP:
		ns *= -log(u);
		break;
	case LATENCY_PARETO:
		ns *= pow(u, -1 / l->shape);
		break;
	default:
		break;
	}
	return ns < LATENCY_MAX_NS ? ns : LATENCY_MAX_NS;
}
