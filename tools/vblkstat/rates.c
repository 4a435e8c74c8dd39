// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happened between two snapshots, a disk at a time, and the figures that
 * are made of it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vblkstat.h"

static bool only_grows(enum key key)
{
	return key >= KEY_PLAIN;
}

/* A disk that was made again, by a reload of the driver, counts from 0. */
static bool has_restarted(const struct disk *now, const struct disk *before)
{
	size_t i;
	int key;

	if (now->num_queues != before->num_queues)
		return true;
	for (i = 0; i < now->num_queues; i++) {
		const struct queue *a = &before->queues[i], *b = &now->queues[i];

		if (a->value[KEY_QUEUE] != b->value[KEY_QUEUE])
			return true;
		for (key = KEY_PLAIN; key < KEY_COUNT; key++)
			if (has(a, key) && has(b, key) && b->value[key] < a->value[key])
				return true;
	}
	return false;
}

static void subtract(struct queue *q, const struct queue *before)
{
	int key;

	for (key = 0; key < KEY_COUNT; key++)
		if (only_grows(key) && has(before, key))
			q->value[key] -= before->value[key];
	/* A counter that only just appeared says nothing about the period. */
	q->has &= before->has;
}

static void add(struct queue *total, const struct queue *q)
{
	int key;

	for (key = 0; key < KEY_COUNT; key++)
		if (__builtin_add_overflow(total->value[key], q->value[key],
					   &total->value[key]))
			total->value[key] = -1ULL;
	if (__builtin_add_overflow(total->polled_done, q->polled_done, &total->polled_done))
		total->polled_done = -1ULL;
	total->has &= q->has;
	if (total->callbacks != q->callbacks)
		total->callbacks = total->callbacks && q->callbacks ?
				   CALLBACKS_BOTH : CALLBACKS_UNKNOWN;
	if (total->polls != q->polls)
		total->polls = total->polls && q->polls ? POLLS_SOME : POLLS_UNKNOWN;
}

/*
 * Polled requests are in flight and callbacks on: a poller would have turned
 * them off, unless one sleeps.
 */
static bool is_deserted(const struct queue *q)
{
	return q->value[KEY_INFLIGHT_POLLED] && q->callbacks == CALLBACKS_ON &&
	       !q->value[KEY_SLEEPERS];
}

/* What was in flight before and what came, but for what is in flight now. */
static unsigned long long polled_done(const struct queue *q, unsigned long long before)
{
	unsigned long long all;

	if (__builtin_add_overflow(q->value[KEY_POLLED], before, &all))
		all = -1ULL;
	return all > q->value[KEY_INFLIGHT_POLLED] ?
	       all - q->value[KEY_INFLIGHT_POLLED] : 0;
}

/*
 * period_make() - what happened to a disk
 * @before: NULL if it was not there
 */
void period_make(struct period *p, const struct disk *now, const struct disk *before)
{
	size_t i;

	*p = (struct period) { .disk = now, .ios = now->ios, .sectors = now->sectors };
	if (before && before->driver == OURS && now->driver == OURS)
		p->restarted = has_restarted(now, before);
	else
		before = NULL;
	if (p->restarted)
		before = NULL;
	if (before && before->ios <= now->ios && before->sectors <= now->sectors) {
		p->ios -= before->ios;
		p->sectors -= before->sectors;
	}
	if (!now->num_queues)
		return;

	p->queues = calloc(now->num_queues, sizeof(*p->queues));
	if (!p->queues)
		abort();
	for (i = 0; i < now->num_queues; i++) {
		struct queue *q = &p->queues[i];

		*q = now->queues[i];
		if (before)
			subtract(q, &before->queues[i]);
		q->polled_done = polled_done(q, before ?
				before->queues[i].value[KEY_INFLIGHT_POLLED] : 0);
		p->deserted |= is_deserted(q);
		if (i)
			add(&p->total, q);
		else
			p->total = *q;
	}
}

void period_free(struct period *p)
{
	free(p->queues);
}

static double value(const struct queue *q, enum key key)
{
	return has(q, key) ? q->value[key] : NAN;
}

/* NAN for nothing of nothing, too. */
static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

/*
 * figures_make() - the figures of a queue, or of a disk's total
 * @seconds: of the period; 0: not per second
 */
void figures_make(double *figures, const struct queue *q, double seconds)
{
	double submitted = value(q, KEY_PLAIN) + value(q, KEY_POLLED);
	double reaped = value(q, KEY_REAPED_POLL) + value(q, KEY_REAPED_IRQ) +
			value(q, KEY_REAPED_GUARD) + value(q, KEY_REAPED_OTHER);
	double kicks = value(q, KEY_KICKS);

	if (has(q, KEY_KICKS_CORE))
		kicks += value(q, KEY_KICKS_CORE);
	if (seconds <= 0)
		seconds = 1;
	figures[FIG_PLAIN] = value(q, KEY_PLAIN) / seconds;
	figures[FIG_POLLED] = value(q, KEY_POLLED) / seconds;
	figures[FIG_BY_POLL] = ratio(100 * value(q, KEY_REAPED_POLL), reaped);
	figures[FIG_BY_IRQ] = ratio(100 * value(q, KEY_REAPED_IRQ), reaped);
	figures[FIG_BY_GUARD] = ratio(100 * value(q, KEY_REAPED_GUARD), reaped);
	figures[FIG_BY_OTHER] = ratio(100 * value(q, KEY_REAPED_OTHER), reaped);
	figures[FIG_IRQS_PER_IO] = ratio(value(q, KEY_IRQS), reaped);
	figures[FIG_KICKS_PER_IO] = ratio(kicks, submitted);
	figures[FIG_STALLS] = value(q, KEY_STALLS);
	figures[FIG_GUARD] = value(q, KEY_GUARD_FIRED) / seconds;
}
