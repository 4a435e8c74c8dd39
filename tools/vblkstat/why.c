// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is a disk really polling, and why not? A verdict, and what it is owed to, in
 * words and as codes; all of them are in the man page.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vblkstat.h"

__attribute__((format(printf, 3, 4)))
static void say(struct verdict *v, const char *code, const char *format, ...)
{
	va_list args;

	v->code = code;
	va_start(args, format);
	vsnprintf(v->text, sizeof(v->text), format, args);
	va_end(args);
}

__attribute__((format(printf, 3, 4)))
static void because(struct verdict *v, const char *code, const char *format, ...)
{
	struct reason *reason = &v->reasons[v->num_reasons];
	va_list args;

	if (v->num_reasons == MAX_REASONS)
		return;
	v->num_reasons++;
	reason->code = code;
	va_start(args, format);
	vsnprintf(reason->text, sizeof(reason->text), format, args);
	va_end(args);
}

/* The block layer takes no polled request for this disk. */
static void why_no_io_poll(struct verdict *v, const struct period *p,
			   const struct snapshot *s)
{
	enum polls polls = p->total.polls;

	if (polls != POLLS_UNKNOWN && polls != POLLS_NO)
		because(v, "io-poll-off",
			"queue/io_poll was set to 0: echo 1 >/sys/block/%s/queue/io_poll",
			p->disk->name);
	else if (s->no_twin)
		because(v, "no-twin",
			"the driver was loaded with twin=N: reload it without, or with poll_queues=");
	else if (s->kdump)
		because(v, "kdump",
			"a kdump kernel (up to 6.1) gives a disk a single context: no disk polls in it");
	else
		because(v, "io-poll-off",
			"queue/io_poll is 0: on 5.10 set it to 1, else see what the driver logged");
}

static void why_scheduler(struct verdict *v, const struct disk *disk)
{
	if (*disk->scheduler && strcmp(disk->scheduler, "none"))
		because(v, "scheduler",
			"the scheduler is %s, which slows polling down: echo none >/sys/block/%s/queue/scheduler",
			disk->scheduler, disk->name);
}

/*
 * A bio that exceeds a limit is split, and its parts are plain. They are larger
 * than half the limit on average, however large the bio was.
 */
static bool are_large(const struct period *p, unsigned long long *average_kb,
		      unsigned long long *limit_kb)
{
	const struct disk *disk = p->disk;

	*limit_kb = ~0ULL;
	if (disk->max_sectors_kb > 0)
		*limit_kb = disk->max_sectors_kb;
	/* A segment has a page at least. */
	if (disk->max_segments > 0 && disk->max_segments * 4ULL < *limit_kb)
		*limit_kb = disk->max_segments * 4ULL;
	if (!p->ios || *limit_kb == ~0ULL)
		return false;
	*average_kb = p->sectors / p->ios / 2;
	return *average_kb > *limit_kb / 2;
}

static void why_plain(struct verdict *v, const struct period *p,
		      const struct snapshot *s, bool all)
{
	unsigned long long average_kb, limit_kb;
	bool split = !s->keeps_split && are_large(p, &average_kb, &limit_kb);

	if (split)
		because(v, "split",
			"requests of %llu KiB on average: beyond %llu KiB (max_sectors_kb, max_segments) they are split and not polled",
			average_kb, limit_kb);
	if (all)
		because(v, "not-asked",
			"%s application does not ask: it takes O_DIRECT and IORING_SETUP_IOPOLL (fio: ioengine=io_uring, hipri=1)",
			split ? "or the" : "the");
}

static void why_not_by_poller(struct verdict *v, const struct queue *q)
{
	if (q->value[KEY_STALLS])
		because(v, "stalls",
			"stalls of pollers: %llu (stopped, frozen, throttled, or without a CPU)",
			q->value[KEY_STALLS]);
	if (q->value[KEY_SLEEPERS])
		because(v, "sleepers",
			"pollers that slept until an interrupt: %llu (others want their CPU)",
			q->value[KEY_SLEEPERS]);
}

/* Polled requests whose submitters asked for nothing (sync_poll_us). */
static void why_spun(struct verdict *v, const struct queue *q)
{
	unsigned long long spins = q->value[KEY_SPINS];

	if (spins)
		because(v, "spins",
			"submitters polled by themselves (sync_poll_us) %llu times, %.1f us each: %.0f%% had the answer in time",
			spins, q->value[KEY_SPIN_NS] / 1000.0 / spins,
			100.0 * q->value[KEY_SPINS_WON] / spins);
}

/* Whatever is polled or not: the device is in trouble. */
static void why_late(struct verdict *v, const struct queue *q)
{
	if (q->value[KEY_TIMEOUTS])
		because(v, "timeouts",
			"times that the device had a request for longer than queue/io_timeout: %llu (see the kernel's log)",
			q->value[KEY_TIMEOUTS]);
	if (q->value[KEY_RETURNED])
		because(v, "reset",
			"requests that a reset took back from the device: %llu (see the kernel's log)",
			q->value[KEY_RETURNED]);
}

static void judge_polled(struct verdict *v, const struct period *p,
			 const struct snapshot *s)
{
	const struct queue *q = &p->total;
	double plain = q->value[KEY_PLAIN], all = plain + q->value[KEY_POLLED];
	double half = q->polled_done / 2.0;

	if (p->deserted)
		say(v, "stalled", "polled requests wait: their poller is stopped");
	else if (!q->polled_done && !q->value[KEY_STALLS])
		say(v, "waiting", "polled requests wait for the device");
	else if (q->value[KEY_REAPED_POLL] >= half && half > 0 && plain <= all / 100)
		say(v, "polling", "polling");
	else if (q->value[KEY_REAPED_POLL] >= half && half > 0)
		say(v, "mixed", "polling, beside plain requests (%.0f%% of all)",
		    100 * plain / all);
	else if (q->value[KEY_STALLS] && q->value[KEY_REAPED_GUARD] >= half)
		say(v, "stalled",
		    "polled requests are reaped by the guard: their poller is stopped");
	else if (q->value[KEY_STALLS])
		say(v, "stalled",
		    "polled requests are not reaped by their poller: it is stopped");
	else
		say(v, "interrupted", "polled requests are reaped by interrupts");

	why_not_by_poller(v, q);
	if (!strcmp(v->code, "interrupted") && !v->num_reasons)
		because(v, "late",
			"no poller came in time: it is stopped, or busy with something else");
	why_scheduler(v, p->disk);
	if (plain)
		why_plain(v, p, s, false);
}

static void judge_plain(struct verdict *v, const struct period *p,
			const struct snapshot *s)
{
	say(v, "plain", "not polling: all requests are plain");
	why_plain(v, p, s, true);
	why_not_by_poller(v, &p->total);
	why_scheduler(v, p->disk);
}

static void judge(struct verdict *v, const struct period *p, const struct snapshot *s)
{
	const struct queue *q = &p->total;

	if (!has(q, KEY_PLAIN) || !has(q, KEY_POLLED) || !has(q, KEY_REAPED_POLL)) {
		say(v, "unknown", "its counters do not tell: are they of this driver?");
	} else if (q->value[KEY_POLLED] || q->value[KEY_INFLIGHT_POLLED] || q->polled_done) {
		judge_polled(v, p, s);
	} else if (!p->disk->io_poll) {
		say(v, "cannot", "not polling: this disk cannot");
		why_no_io_poll(v, p, s);
	} else if (q->value[KEY_PLAIN]) {
		judge_plain(v, p, s);
	} else {
		say(v, "idle", "idle%s",
		    p->disk->io_poll == 1 ? ", and ready to poll" : "");
		why_scheduler(v, p->disk);
	}
}

/*
 * verdict_make() - judge a disk
 * @p: what happened to it
 * @s: the later snapshot of the period
 */
void verdict_make(struct verdict *v, const struct period *p, const struct snapshot *s)
{
	*v = (struct verdict) { };
	switch (p->disk->driver) {
	case OURS:
		judge(v, p, s);
		why_spun(v, &p->total);
		why_late(v, &p->total);
		break;
	case STOCK:
		say(v, "stock",
		    "the stock driver runs it and counts nothing: load ours (make load)");
		break;
	case NO_COUNTERS:
		say(v, "unknown", "no counters in debugfs: see what the driver logged");
		break;
	}
}
