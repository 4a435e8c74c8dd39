/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver: hands commands to the chip, one tag each, and serves its stops.
 * It records what the chip did with each command; what that should have been is
 * for others to judge.
 */
#ifndef LSI_DRIVER_H
#define LSI_DRIVER_H

#include "chip.h"

#define MAX_TAGS	64
#define SECTOR		512u
#define STUCK_NS	(10000 * MS)	/* for the longest of waits */

enum direction { NONE, READ, WRITE };

struct command {
	/* What is asked for; chosen by who submits. */
	uint8_t cdb[10];
	unsigned int cdb_size;
	uint32_t buffer;		/* address in the guest's memory */
	uint32_t length;		/* that the driver has room for */
	uint32_t piece;			/* at most so much a MOVE, or 0 */
	bool wrong_move;		/* first try a MOVE of the other direction */

	/* What came of it. */
	bool sent, done;
	uint8_t status;
	unsigned int disconnects, reselections;
	uint32_t moved;
	unsigned int in_phases, out_phases;
	unsigned int overruns;		/* data phases after all was moved */
	unsigned int mismatches;	/* phase mismatches */
	uint32_t residue;		/* of the last of them */
	unsigned int order;		/* of completion, from 0 */
};

struct driver {
	struct command *commands;	/* the index is the tag */
	unsigned int n;
	uint64_t patience_ns;		/* with the target, while it is connected */
	unsigned int next;		/* to be sent */
	unsigned int completed;
	bool waiting;			/* WAIT RESELECT runs */
	unsigned int strays;		/* reselections with a tag that is not out */
	enum stop failed;		/* 0, or what it could not go on after */
};

struct command read_command(uint32_t lba, uint32_t bytes, uint32_t buffer);
struct command write_command(uint32_t lba, uint32_t bytes, uint32_t buffer);

void driver_init(struct driver *driver, struct command *commands, unsigned int n);

/* Until all are sent, and the chip waits to be reselected. */
bool driver_send(struct driver *driver);

/* Serves until so many completed; false after timeout_ns, or if it failed. */
bool driver_serve(struct driver *driver, unsigned int completed, uint64_t timeout_ns);

/* All of it. */
bool driver_run(struct driver *driver);

/* Takes the chip out of WAIT RESELECT; somebody may come in between. */
bool driver_stop_waiting(struct driver *driver);

/* What follows the tag in a message that has the target forget commands */
enum { ABORT = 0x06, BUS_DEVICE_RESET = 0x0c, ABORT_TAG = 0x0d, CLEAR_QUEUE = 0x0e };

/*
 * Tells the target: identify, the tag, and then these, of which the last ones come in a
 * message of their own; after it the target leaves the bus.
 */
bool driver_tell(struct driver *driver, uint8_t tag, const uint8_t *what, unsigned int n,
		 unsigned int last);

/* Resets the bus and then the chip: no command is out any more. */
bool driver_reset(struct driver *driver);

/*
 * Asks the target until it is ready, as it is not after a reset: counts how often it
 * said no. NULL, or why it never was.
 */
const char *driver_settle(unsigned int *refusals);

#endif /* LSI_DRIVER_H */
