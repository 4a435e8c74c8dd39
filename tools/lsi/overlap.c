// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands at a disk where every request takes the same time: how many are there
 * at once, and how long all take together. The number is what is judged; time
 * only has to agree, and only where queueing makes a difference of 16 times.
 */
#include "tests.h"

#include <stdio.h>

#define BYTES	(16 * KIB)

/*
 * Three times what a path has there that serializes writes: of a mixture one of each. More
 * of them than that a loaded machine may not be able to send before the first is over;
 * whether all left the bus tells the rest.
 */
#define AT_ONCE		6

/* A disk so slow that it alone decides about time. */
#define SLOW_MS		200

/* What was measured, and in *wrong what did not come back: of this run's log alone. */
static struct row measure(enum mix mix, unsigned int tags, unsigned int latency_ms,
			  const char **wrong)
{
	struct command commands[MAX_TAGS];
	struct driver driver;
	struct row row = { .rw = mix_names[mix], .tags = tags, .latency_ms = latency_ms };
	uint64_t start;
	unsigned int i;

	for (i = 0; i < tags; i++)
		commands[i] = command_of(mix, i, BYTES);
	driver_init(&driver, commands, tags);
	trace_counts();
	start = now_ns();
	driver_run(&driver);
	row.seconds = (now_ns() - start) / 1e9;
	row.counts = trace_counts();
	*wrong = incomplete(&driver);
	return row;
}

static unsigned int at_once(const struct row *row)
{
	return MIN(row->tags, AT_ONCE);
}

/* Of a fast disk that many are as long on their way as at the disk. */
static bool time_counts(const struct row *row)
{
	return row->tags >= 16 && row->latency_ms >= SLOW_MS;
}

static double one_by_one(const struct row *row)
{
	return row->tags * row->latency_ms / 1000.0;
}

static bool is_fast(const struct row *row)
{
	return row->seconds * 3 <= one_by_one(row);
}

/*
 * Where nothing is known to keep it from that, a path is at its best once in so many runs
 * also on a machine that is busy; one that serializes never is.
 */
#define RUNS	5

static struct row measure_best(enum mix mix, unsigned int tags, unsigned int latency_ms)
{
	unsigned int runs = mix == READS || report_strict ? RUNS : 1;
	const char *wrong;
	char name[64];
	struct row row;

	do {
		row = measure(mix, tags, latency_ms, &wrong);
	} while (--runs && !wrong && !row.counts.errors &&
		 row.counts.reads + row.counts.writes == tags &&
		 (row.counts.max_outstanding < at_once(&row) ||
		  (time_counts(&row) && !is_fast(&row))));
	snprintf(name, sizeof(name), "%s, %u tags: all complete", row.rw, tags);
	report_check(name, NULL, wrong);
	return row;
}

static void judge(const struct row *row, enum mix mix)
{
	const struct known *known = mix == READS || row->tags == 1 ? NULL : &known_serialized;
	const struct counts *counts = &row->counts;
	char name[64];

	snprintf(name, sizeof(name), "%s, %u tags: %u and more are at the disk at once", row->rw,
		 row->tags, at_once(row));
	if (counts->errors)
		report_check(name, NULL, why("lsi_queue_req_error: %u", counts->errors));
	else if (counts->reads + counts->writes != row->tags)
		report_check(name, NULL, why("%u requests came to the disk",
					     counts->reads + counts->writes));
	/* One command has nobody to make room for. */
	else if (counts->max_outstanding < at_once(row) ||
		 (row->tags > 1 && counts->queued < row->tags))
		report_check(name, known, why("at most %u were, and %u of %u commands queued",
					      counts->max_outstanding, counts->queued, row->tags));
	else
		report_check(name, known, NULL);

	if (!time_counts(row))
		return;
	snprintf(name, sizeof(name), "%s, %u tags: faster than one by one", row->rw, row->tags);
	report_check(name, known, is_fast(row) ? NULL :
		     why("%.3f s, and one by one %.3f s", row->seconds, one_by_one(row)));
}

static void measure_all(unsigned int latency_ms, const unsigned int *tags, unsigned int n)
{
	struct medium medium = { .latency_ns = latency_ms * MS };
	unsigned int i;
	enum mix mix;

	start(&medium);
	for (i = 0; i < n; i++) {
		for (mix = READS; mix <= MIXED; mix++) {
			struct row row = measure_best(mix, tags[i], latency_ms);

			report_row(&row);
			judge(&row, mix);
		}
	}
	qemu_stop();
}

void test_overlap(void)
{
	static const unsigned int few[] = { 1, 4, 16 }, many[] = { 64 };

	measure_all(SLOW_MS, few, ITEMS(few));
	measure_all(20, many, ITEMS(many));
}
