/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What QEMU's trace events tell about the path from the chip to the disk.
 */
#ifndef LSI_TRACE_H
#define LSI_TRACE_H

#include "util.h"

struct counts {
	unsigned int queued;		/* commands that left the bus for a while */
	unsigned int reselected;
	unsigned int reads, writes;	/* requests to the disk */
	unsigned int max_outstanding;	/* of those at once */
	unsigned int errors;		/* that the chip's model complains of */
};

/* For qemu_start() */
extern const char *const trace_events[];

/* What was logged since the last call, or since QEMU was started. */
struct counts trace_counts(void);

#endif /* LSI_TRACE_H */
