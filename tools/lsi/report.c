// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks come out as they are made; rows are kept for the end.
 */
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu.h"

bool report_strict;

const struct known known_serialized = {
	.what = "a write keeps the bus until the disk has ended it",
	.first = { 5, 2 }, .last = { 11, 1 },
};

const struct known known_abort = {
	.what = "the tag before an abort in the same message is not looked at",
	.first = { 5, 2 }, .last = { 11, 1 },
};

const struct known known_status = {
	.what = "a command that fails after it left the bus does not come back for it",
	.first = { 5, 2 }, .last = { 11, 1 },
};

static unsigned int checks, failures, expected;
static const char *path, *qemu_name;
static struct row rows[32];
static unsigned int n_rows;

static bool before(const unsigned int a[2], const unsigned int b[2])
{
	return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1]);
}

/* Of this QEMU */
static bool is_known(const struct known *known)
{
	const unsigned int version[] = { qemu.major, qemu.minor };

	return known && !report_strict && !before(version, known->first) &&
	       !before(known->last, version);
}

static const char *versions(const struct known *known)
{
	return why("QEMU %u.%u to %u.%u", known->first[0], known->first[1], known->last[0],
		   known->last[1]);
}

void report_check(const char *name, const struct known *known, const char *why)
{
	checks++;
	if (!why) {
		printf("ok - %s\n", name);
		if (known)
			printf("# mended here; %s: %s\n", versions(known), known->what);
	} else if (is_known(known)) {
		expected++;
		printf("ok - %s # XFAIL %s: %s\n", name, versions(known), known->what);
		printf("# %s\n", why);
	} else {
		failures++;
		printf("not ok - %s\n# %s\n", name, why);
	}
	fflush(stdout);
}

const char *why(const char *format, ...)
{
	static char texts[8][256];
	static unsigned int turn;
	char *text = texts[turn++ % ITEMS(texts)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(texts[0]), format, args);
	va_end(args);
	return text;
}

void report_row(const struct row *row)
{
	if (n_rows == ITEMS(rows))
		die("too many rows");
	rows[n_rows++] = *row;
}

static void print_table(void)
{
	unsigned int i;

	printf("# QEMU %s, lsi53c895a, commands of 16 KiB\n", qemu.version);
	printf("# %-6s%6s%9s%9s%12s%9s%13s%12s\n", "rw", "tags", "latency", "seconds",
	       "one by one", "queued", "reselected", "outstanding");
	for (i = 0; i < n_rows; i++) {
		const struct row *row = &rows[i];

		printf("# %-6s%6u%6u ms%9.3f%12.3f%9u%13u%12u\n", row->rw, row->tags,
		       row->latency_ms, row->seconds, row->tags * row->latency_ms / 1000.0,
		       row->counts.queued, row->counts.reselected,
		       row->counts.max_outstanding);
	}
}

static void write_rows(void)
{
	char temporary[4096];
	FILE *to;
	unsigned int i;
	bool ok;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		die("--json: the name is too long");
	to = fopen(temporary, "we");
	if (!to)
		die("cannot write %s: %s", path, strerror(errno));
	fputs("[", to);
	for (i = 0; i < n_rows; i++) {
		const struct row *row = &rows[i];

		fprintf(to, "%s\n {\"rw\": \"%s\", \"tags\": %u, \"latency_ms\": %u,",
			i ? "," : "", row->rw, row->tags, row->latency_ms);
		fprintf(to, " \"seconds\": %.3f, \"queued\": %u,", row->seconds,
			row->counts.queued);
		fprintf(to, " \"max_outstanding\": %u, \"qemu\": \"%s\"}",
			row->counts.max_outstanding, qemu_name);
	}
	fputs("\n]\n", to);
	ok = !ferror(to);
	if (fclose(to) || !ok || rename(temporary, path)) {
		int error = errno;

		unlink(temporary);
		die("cannot write %s: %s", path, strerror(error));
	}
}

void report_to(const char *json, const char *name)
{
	path = json;
	qemu_name = name;
}

void report_flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		die("cannot write to standard output");
}

int report_end(void)
{
	if (n_rows)
		print_table();
	if (path)
		write_rows();
	printf("1..%u\n# %u passed, %u failed, %u expected to fail\n", checks,
	       checks - failures - expected, failures, expected);
	report_flush();
	return failures ? 1 : 0;
}

void report_lost(const char *what)
{
	report_check("QEMU goes on to the end", NULL, what);
	exit(report_end());
}
