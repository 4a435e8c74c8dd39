// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkstat: live rates of virtio_blk's queues, and whether they poll. This file
 * has the options and the loop.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vblkstat.h"

#define USAGE "usage: vblkstat [-i SECONDS [-c COUNT] [-y]] [--json] [--root DIR] [DISK...]"

/* Beyond what a character can be */
enum { OPT_JSON = 256, OPT_ROOT, OPT_HELP };

struct options {
	double interval;		/* 0: one report */
	unsigned long long count;	/* 0: until interrupted */
	bool skip_first;
	bool json;
	const char *root;
	char **disks;
};

static void help(void)
{
	printf("%s\n\n"
	       "Shows what each queue of virtio_blk's disks does, and whether it polls.\n\n"
	       "  -i SECONDS  again and again, what happened in between (0.1 to 86400)\n"
	       "  -c COUNT    so many reports (with -i)\n"
	       "  -y          not the first report, of all since the disks appeared (with -i)\n"
	       "  --json      a JSON object a report and line\n"
	       "  --root DIR  read the captured tree DIR instead of /\n\n"
	       "See vblkstat(8) for the columns and the verdicts.\n", USAGE);
}

/* No sign, no exponent, no hexadecimal, no "nan" */
static double parse_seconds(const char *text)
{
	double seconds = strspn(text, "0123456789.") == strlen(text) ? atof(text) : 0;

	if (seconds < 0.1 || seconds > 86400 || strchr(text, '.') != strrchr(text, '.'))
		errx(2, "-i needs a number of seconds from 0.1 to 86400, not '%s'", text);
	return seconds;
}

static unsigned long long parse_count(const char *text)
{
	size_t len = strlen(text);

	if (!len || len > 18 || strspn(text, "0123456789") != len || !atoll(text))
		errx(2, "-c needs a number from 1 on, not '%s'", text);
	return atoll(text);
}

/* vda, or /dev/vda */
static char *parse_disk(char *name)
{
	if (!strncmp(name, "/dev/", 5))
		name += 5;
	if (!*name || strchr(name, '/') || *name == '.')
		errx(2, "'%s' is no name of a disk: vda, or /dev/vda", name);
	return name;
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "root", required_argument, NULL, OPT_ROOT },
		{ "help", no_argument, NULL, OPT_HELP },
		{ }
	};
	int opt;

	*o = (struct options) { .root = "/" };
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":i:c:yh", longs, NULL)) != -1) {
		switch (opt) {
		case 'i':
			o->interval = parse_seconds(optarg);
			break;
		case 'c':
			o->count = parse_count(optarg);
			break;
		case 'y':
			o->skip_first = true;
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_ROOT:
			o->root = optarg;
			break;
		case 'h':
		case OPT_HELP:
			help();
			exit(0);
		case ':':
			errx(2, "%s needs a value, see --help", argv[optind - 1]);
		default:
			if (optopt > 0 && optopt < OPT_JSON)
				errx(2, "unknown option -%c, see --help", optopt);
			errx(2, "unknown option %s, see --help", argv[optind - 1]);
		}
	}
	if (!o->interval && (o->count || o->skip_first))
		errx(2, "-c and -y need an interval: add -i SECONDS");
	o->disks = argv + optind;
	for (argv = o->disks; *argv; argv++)
		*argv = parse_disk(*argv);
	if (!o->interval)
		o->count = 1;
}

/* The signals that end us, unless whoever started us had them ignored. */
static void ending_signals(sigset_t *set)
{
	static const int signals[] = { SIGINT, SIGTERM };
	struct sigaction old;
	size_t i;

	sigemptyset(set);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(set, signals[i]);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* False if a signal came instead: they stay blocked, so that none is missed. */
static bool wait_until(double when, const sigset_t *ending)
{
	double left;

	while ((left = when - now()) > 0) {
		struct timespec t = { .tv_sec = left, .tv_nsec = (left - (time_t)left) * 1e9 };

		if (sigtimedwait(ending, NULL, &t) >= 0)
			return false;
	}
	return true;
}

/* What was asked for by name must be there, at first. */
static void check_wanted(const struct snapshot *s, const struct options *o)
{
	char **name;

	for (name = o->disks; *name; name++)
		if (!snapshot_find(s, *name))
			errx(1, "no virtio disk %s: name disks of lsblk, not partitions", *name);
	if (!s->num_disks && !o->interval)
		errx(1, "no virtio disk");
}

static void print(const struct report *r, const struct options *o, bool first)
{
	if (!first && !o->json)
		printf("\n");
	if (o->json)
		report_json(r);
	else
		report_table(r);
	if (fflush(stdout) || ferror(stdout))
		err(1, "cannot write the report");
}

int main(int argc, char **argv)
{
	struct snapshot before, latest;
	unsigned long long done = 0;
	struct options o;
	sigset_t ending;
	double next;
	int root;

	parse(&o, argc, argv);
	root = open(o.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		err(2, "--root %s", o.root);
	ending_signals(&ending);
	sigprocmask(SIG_BLOCK, &ending, NULL);

	snapshot_take(&before, root, o.disks, true);
	check_wanted(&before, &o);
	if (!o.skip_first) {
		print(&(struct report) { .now = &before }, &o, true);
		done++;
	}
	next = before.when;
	while (!o.count || done < o.count) {
		next += o.interval;
		/* Stopped for a while: what was missed is not made up for. */
		if (next < now())
			next = now();
		if (!wait_until(next, &ending))
			break;
		snapshot_take(&latest, root, o.disks, false);
		print(&(struct report) { .now = &latest, .before = &before }, &o, !done);
		done++;
		snapshot_free(&before);
		before = latest;
	}
	snapshot_free(&before);
	close(root);
	return 0;
}
