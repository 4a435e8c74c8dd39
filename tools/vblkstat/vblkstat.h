/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vblkstat: live rates of virtio_blk's queues. vblkstat.c has the options and
 * the loop, read.c reads a tree of files into a snapshot, names.c has the
 * words in it, rates.c makes figures of two snapshots, why.c judges them and
 * report.c prints.
 */
#ifndef VBLKSTAT_H
#define VBLKSTAT_H

#include <stdbool.h>
#include <stddef.h>

/* The driver's counters, by the names in its file; see Documentation/ABI. */
enum key {
	KEY_QUEUE,
	/* How much of something there is now */
	KEY_INFLIGHT_PLAIN,
	KEY_INFLIGHT_POLLED,
	/* These only grow. */
	KEY_PLAIN,
	KEY_POLLED,
	KEY_REAPED_POLL,
	KEY_REAPED_IRQ,
	KEY_REAPED_GUARD,
	KEY_REAPED_OTHER,
	KEY_KICKS,
	KEY_KICKS_CORE,
	KEY_RING_FULL,
	KEY_IRQS,
	KEY_GUARD_FIRED,
	KEY_STALLS,
	KEY_SLEEPERS,
	KEY_TIMEOUTS,
	KEY_RETURNED,
	KEY_SPINS,
	KEY_SPINS_WON,
	KEY_SPINS_LOST,
	KEY_SPIN_NS,
	KEY_COUNT
};

enum callbacks { CALLBACKS_UNKNOWN, CALLBACKS_ON, CALLBACKS_OFF, CALLBACKS_BOTH };
enum polls { POLLS_UNKNOWN, POLLS_TWIN, POLLS_DEDICATED, POLLS_NO, POLLS_SOME };

/* names.c; NULL for what is not known */
extern const char * const key_names[KEY_COUNT];
extern const char * const callbacks_names[];
extern const char * const polls_names[];

/* What was counted on a queue: so far, or in a period. */
struct queue {
	unsigned long long value[KEY_COUNT];
	unsigned int has;		/* a bit a key: older drivers lack some */
	enum callbacks callbacks;
	enum polls polls;
	unsigned long long polled_done;	/* reaped in the period, by whomever */
};

static inline bool has(const struct queue *q, enum key key)
{
	return q->has & (1U << key);
}

#define NAME_SIZE	32		/* as the kernel's DISK_NAME_LEN */

enum driver {
	OURS,
	STOCK,
	NO_COUNTERS,			/* ours is loaded, but this disk has no file */
};

struct disk {
	char name[NAME_SIZE];
	enum driver driver;
	struct queue *queues;		/* in ascending order of their numbers */
	size_t num_queues;

	/* What the block layer says; -1 and "" where it does not. */
	int io_poll;
	char scheduler[NAME_SIZE];
	long max_sectors_kb;
	long max_segments;
	unsigned long long ios, sectors;	/* reads and writes */
};

/* Everything that was read at one moment. */
struct snapshot {
	double when;			/* seconds, of a clock that does not jump */
	struct disk *disks;		/* in order of their names */
	size_t num_disks;
	bool no_twin;			/* loaded with twin=N */
	bool kdump;			/* this kernel was started by a crashed one */
	bool keeps_split;		/* 5.10 polls for the parts of split I/O, too */
};

/* The figures of a row: NAN is "not known". */
enum figure {
	FIG_PLAIN,
	FIG_POLLED,
	FIG_BY_POLL,			/* percent of what was reaped */
	FIG_BY_IRQ,
	FIG_BY_GUARD,
	FIG_BY_OTHER,
	FIG_IRQS_PER_IO,
	FIG_KICKS_PER_IO,
	FIG_STALLS,
	FIG_GUARD,
	FIG_COUNT
};

/* A disk over a period. */
struct period {
	const struct disk *disk;
	bool restarted;			/* its counters did */
	struct queue *queues;		/* as many as the disk has */
	struct queue total;
	bool deserted;			/* polled requests wait and nobody polls */
	unsigned long long ios, sectors;
};

#define MAX_REASONS	8

/* The code is for programs, the text for people. */
struct verdict {
	const char *code;
	char text[160];
	struct reason {
		const char *code;
		char text[200];
	} reasons[MAX_REASONS];
	size_t num_reasons;
};

/* read.c */
void snapshot_take(struct snapshot *s, int root, char **wanted, bool first);
void snapshot_free(struct snapshot *s);
const struct disk *snapshot_find(const struct snapshot *s, const char *name);

/* rates.c */
void period_make(struct period *p, const struct disk *now, const struct disk *before);
void period_free(struct period *p);
void figures_make(double *figures, const struct queue *q, double seconds);

/* why.c */
void verdict_make(struct verdict *v, const struct period *p, const struct snapshot *s);

/* report.c */
struct report {
	const struct snapshot *now;
	const struct snapshot *before;	/* NULL: since the disks appeared */
};

void report_table(const struct report *r);
void report_json(const struct report *r);

#endif
