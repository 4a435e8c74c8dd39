/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks and measurements, as KTAP, as a table and as JSON.
 */
#ifndef LSI_REPORT_H
#define LSI_REPORT_H

#include "trace.h"

/* What QEMU is known to do wrong, and the versions in which that was seen. */
struct known {
	const char *what;
	unsigned int first[2], last[2];
};

extern const struct known known_serialized, known_abort, known_status;

/* No failure is expected. */
extern bool report_strict;

/*
 * "name" holds if why is NULL; otherwise why not. It is expected to fail if that is
 * known of this version.
 */
void report_check(const char *name, const struct known *known, const char *why);

/* For why: text that lives until the next call but seven. */
const char *why(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct row {
	const char *rw;
	unsigned int tags, latency_ms;
	double seconds;
	struct counts counts;
};

void report_row(const struct row *row);

/* Into which file the rows go, or NULL, and how QEMU is called there. */
void report_to(const char *json, const char *qemu_name);

/* Ends the program if not all that it printed could be written. */
void report_flush(void);

/* The table, and the rows; the status to exit with. */
int report_end(void);

/* The same, because QEMU ended, or is of no use any more. */
void report_lost(const char *what) __attribute__((noreturn));

#endif /* LSI_REPORT_H */
