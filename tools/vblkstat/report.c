// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints a report: as a table with a verdict a disk, or as a line of JSON.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vblkstat.h"

/* Figures of the table, in order; JSON has them all. */
static const struct column {
	const char *so_far, *per_second;	/* headings */
	int width, decimals;
} columns[FIG_COUNT] = {
	[FIG_PLAIN]	   = { "PLAIN", "PLAIN/s", 8, 1 },
	[FIG_POLLED]	   = { "POLLED", "POLLED/s", 8, 1 },
	[FIG_BY_POLL]	   = { "%POLL", "%POLL", 5, 1 },
	[FIG_BY_IRQ]	   = { "%IRQ", "%IRQ", 5, 1 },
	[FIG_BY_GUARD]	   = { "%GUARD", "%GUARD", 6, 1 },
	[FIG_IRQS_PER_IO]  = { "IRQ/IO", "IRQ/IO", 6, 4 },
	[FIG_KICKS_PER_IO] = { "KICK/IO", "KICK/IO", 7, 3 },
	[FIG_STALLS]	   = { "STALLS", "STALLS", 6, 0 },
	[FIG_GUARD]	   = { "GUARD", "GUARD/s", 7, 1 },
};

static double seconds(const struct report *r)
{
	return r->before ? r->now->when - r->before->when : 0;
}

static void make_period(struct period *p, const struct report *r, const struct disk *disk)
{
	period_make(p, disk, r->before ? snapshot_find(r->before, disk->name) : NULL);
}

/* --- Table ---------------------------------------------------------------- */

/* As many digits as fit: 12.3, 45678, 1234.5M */
static void print_figure(const struct column *column, double value, bool whole)
{
	const char *unit = "kMGTPE";
	int decimals = whole || value >= 1000 ? 0 : column->decimals;
	char text[32];

	if (isnan(value)) {
		printf(" %*s", column->width, "-");
		return;
	}
	snprintf(text, sizeof(text), "%.*f", decimals, value);
	if (strlen(text) > (size_t)column->width) {
		for (value /= 1000; value >= 999.95 && unit[1]; unit++)
			value /= 1000;
		snprintf(text, sizeof(text), "%.1f%c", value, *unit);
	}
	printf(" %*s", column->width, text);
}

static int name_width(const struct snapshot *s)
{
	size_t i, width = 4;

	for (i = 0; i < s->num_disks; i++)
		if (strlen(s->disks[i].name) > width)
			width = strlen(s->disks[i].name);
	return width;
}

static void print_headings(const struct report *r)
{
	int i;

	printf("%-*s %3s %-5s", name_width(r->now), "DISK", "Q", "POLLS");
	for (i = 0; i < FIG_COUNT; i++)
		if (columns[i].width)
			printf(" %*s", columns[i].width,
			       r->before ? columns[i].per_second : columns[i].so_far);
	printf(" %-3s %s\n", "CB", "INFLIGHT");
}

static void print_row(const struct report *r, const char *disk, const char *queue,
		      const struct queue *q)
{
	/* "dedicated" would make the column wide. */
	const char *polls = q->polls == POLLS_DEDICATED ? "only" : polls_names[q->polls];
	const char *callbacks = q->callbacks == CALLBACKS_BOTH ?
				"+/-" : callbacks_names[q->callbacks];
	double figures[FIG_COUNT];
	int i;

	figures_make(figures, q, seconds(r));
	printf("%-*s %3s %-5s", name_width(r->now), disk, queue, polls ? polls : "-");
	for (i = 0; i < FIG_COUNT; i++)
		if (columns[i].width)
			print_figure(&columns[i], figures[i],
				     !r->before && (i == FIG_PLAIN || i == FIG_POLLED ||
						    i == FIG_GUARD));
	printf(" %-3s", callbacks ? callbacks : "-");
	if (has(q, KEY_INFLIGHT_PLAIN) && has(q, KEY_INFLIGHT_POLLED))
		printf(" %llu+%llu\n", q->value[KEY_INFLIGHT_PLAIN],
		       q->value[KEY_INFLIGHT_POLLED]);
	else
		printf(" -\n");
}

static void print_verdict(const struct period *p, const struct snapshot *s)
{
	struct verdict v;
	size_t i;

	verdict_make(&v, p, s);
	printf("%s: %s\n", p->disk->name, v.text);
	for (i = 0; i < v.num_reasons; i++)
		printf("  %s\n", v.reasons[i].text);
	if (p->restarted)
		printf("  its counters restarted: the driver was reloaded\n");
}

static void print_disk(const struct report *r, const struct disk *disk)
{
	struct period p;
	char queue[24];
	size_t i;

	make_period(&p, r, disk);
	for (i = 0; i < disk->num_queues; i++) {
		snprintf(queue, sizeof(queue), "%llu", p.queues[i].value[KEY_QUEUE]);
		print_row(r, disk->name, queue, &p.queues[i]);
	}
	if (disk->num_queues > 1)
		print_row(r, disk->name, "all", &p.total);
	print_verdict(&p, r->now);
	period_free(&p);
}

void report_table(const struct report *r)
{
	size_t i;

	for (i = 0; i < r->now->num_disks; i++) {
		if (r->now->disks[i].num_queues) {
			print_headings(r);
			break;
		}
	}
	for (i = 0; i < r->now->num_disks; i++)
		print_disk(r, &r->now->disks[i]);
	if (!r->now->num_disks)
		printf("no virtio disk\n");
	for (i = 0; r->before && i < r->before->num_disks; i++)
		if (!snapshot_find(r->now, r->before->disks[i].name))
			printf("%s: gone\n", r->before->disks[i].name);
}

/* --- JSON ----------------------------------------------------------------- */

static void json_number(const char *name, double value)
{
	if (isnan(value))
		printf(",\"%s\":null", name);
	else
		printf(",\"%s\":%.4f", name, value);
}

/* One of our own words, or a name that read.c found sane. */
static void json_word(const char *name, const char *word)
{
	if (word && *word)
		printf(",\"%s\":\"%s\"", name, word);
	else
		printf(",\"%s\":null", name);
}

static void json_queue(const struct report *r, const struct queue *q)
{
	double figures[FIG_COUNT];
	int key;

	for (key = KEY_INFLIGHT_PLAIN; key < KEY_COUNT; key++) {
		if (has(q, key))
			printf(",\"%s\":%llu", key_names[key], q->value[key]);
		else
			printf(",\"%s\":null", key_names[key]);
	}
	json_word("callbacks", callbacks_names[q->callbacks]);
	json_word("polls", polls_names[q->polls]);

	figures_make(figures, q, seconds(r));
	json_number("plain_per_s", r->before ? figures[FIG_PLAIN] : NAN);
	json_number("polled_per_s", r->before ? figures[FIG_POLLED] : NAN);
	json_number("guard_fired_per_s", r->before ? figures[FIG_GUARD] : NAN);
	json_number("poll_pct", figures[FIG_BY_POLL]);
	json_number("irq_pct", figures[FIG_BY_IRQ]);
	json_number("guard_pct", figures[FIG_BY_GUARD]);
	json_number("other_pct", figures[FIG_BY_OTHER]);
	json_number("irqs_per_io", figures[FIG_IRQS_PER_IO]);
	json_number("kicks_per_io", figures[FIG_KICKS_PER_IO]);
}

static void json_verdict(const struct verdict *v)
{
	size_t i;

	printf(",\"verdict\":\"%s\",\"text\":\"%s\",\"reasons\":[", v->code, v->text);
	for (i = 0; i < v->num_reasons; i++)
		printf("%s{\"code\":\"%s\",\"text\":\"%s\"}", i ? "," : "",
		       v->reasons[i].code, v->reasons[i].text);
	printf("]");
}

static void json_disk(const struct report *r, const struct disk *disk)
{
	static const char * const drivers[] = {
		[OURS] = "ours",
		[STOCK] = "stock",
		[NO_COUNTERS] = "ours",
	};
	struct verdict v;
	struct period p;
	size_t i;

	make_period(&p, r, disk);
	verdict_make(&v, &p, r->now);
	printf("{\"disk\":\"%s\",\"driver\":\"%s\"", disk->name, drivers[disk->driver]);
	json_verdict(&v);
	printf(",\"restarted\":%s,\"io_poll\":", p.restarted ? "true" : "false");
	if (disk->io_poll < 0)
		printf("null");
	else
		printf("%d", disk->io_poll);
	json_word("scheduler", disk->scheduler);
	printf(",\"queues\":[");
	for (i = 0; i < disk->num_queues; i++) {
		printf("%s{\"queue\":%llu", i ? "," : "", p.queues[i].value[KEY_QUEUE]);
		json_queue(r, &p.queues[i]);
		printf("}");
	}
	printf("],\"total\":");
	if (disk->num_queues) {
		printf("{\"queues\":%zu", disk->num_queues);
		json_queue(r, &p.total);
		printf("}");
	} else {
		printf("null");
	}
	printf("}");
	period_free(&p);
}

void report_json(const struct report *r)
{
	const char *comma = "";
	struct timespec now;
	size_t i;

	clock_gettime(CLOCK_REALTIME, &now);
	printf("{\"time\":%lld.%03ld", (long long)now.tv_sec, now.tv_nsec / 1000000);
	json_number("seconds", r->before ? seconds(r) : NAN);
	printf(",\"disks\":[");
	for (i = 0; i < r->now->num_disks; i++) {
		printf("%s", i ? "," : "");
		json_disk(r, &r->now->disks[i]);
	}
	printf("],\"gone\":[");
	for (i = 0; r->before && i < r->before->num_disks; i++) {
		const char *name = r->before->disks[i].name;

		if (snapshot_find(r->now, name))
			continue;
		printf("%s\"%s\"", comma, name);
		comma = ",";
	}
	printf("]}\n");
}
