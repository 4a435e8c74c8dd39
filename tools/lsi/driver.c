// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a driver does at each stop of the chip's program.
 */
#include "driver.h"

#include <string.h>

#include "qemu.h"
#include "report.h"

#define IDENTIFY	0xc0	/* lun 0, may disconnect */
#define SIMPLE_QUEUE	0x20
#define READ_10		0x28
#define WRITE_10	0x2a
#define GOOD		0x00

static struct command transfer(uint8_t opcode, uint32_t lba, uint32_t bytes, uint32_t buffer)
{
	uint32_t sectors = bytes / SECTOR;

	return (struct command){
		.cdb = { opcode, 0, lba >> 24, lba >> 16, lba >> 8, lba, 0, sectors >> 8, sectors },
		.cdb_size = 10,
		.buffer = buffer,
		.length = bytes,
	};
}

struct command read_command(uint32_t lba, uint32_t bytes, uint32_t buffer)
{
	return transfer(READ_10, lba, bytes, buffer);
}

struct command write_command(uint32_t lba, uint32_t bytes, uint32_t buffer)
{
	return transfer(WRITE_10, lba, bytes, buffer);
}

void driver_init(struct driver *driver, struct command *commands, unsigned int n)
{
	*driver = (struct driver){ .commands = commands, .n = n, .patience_ns = STUCK_NS };
}

/* --- Stops ------------------------------------------------------------------------ */

/* One run of the program and its stops, until the bus is free or it failed. */
struct connection {
	struct command *command;	/* NULL: not known yet */
	bool moving;
	uint32_t left;			/* of its buffer when the MOVE began */
};

static bool fail(struct driver *driver, enum stop stop)
{
	driver->failed = stop;
	return false;
}

/* In a data phase: moves what is left of the buffer, in the phase's direction. */
static void move(struct connection *conn, enum stop stop)
{
	struct command *command = conn->command;
	bool in = stop == STOP_DATA_IN;

	conn->left = command->length - command->moved;
	if (!conn->left)
		command->overruns++;
	if (command->piece)
		conn->left = MIN(conn->left, command->piece);
	if (command->wrong_move) {
		command->wrong_move = false;
		in = !in;
	} else if (in) {
		command->in_phases++;
	} else {
		command->out_phases++;
	}
	chip_buffer(command->buffer + command->moved, conn->left);
	conn->moving = true;
	chip_start(in ? ENTER_MOVE_IN : ENTER_MOVE_OUT);
}

static void moved(struct connection *conn, uint32_t residue)
{
	conn->command->moved += conn->left - MIN(residue, conn->left);
	conn->moving = false;
}

/* The target went on to another phase than the MOVE was for. */
static void mismatch(struct connection *conn)
{
	struct command *command = conn->command;

	command->mismatches++;
	command->residue = chip_residue();
	moved(conn, command->residue);
	chip_start(ENTER_PHASE);
}

static bool reselected(struct driver *driver, struct connection *conn)
{
	uint8_t tag = chip_tag();

	driver->waiting = false;
	if (tag >= driver->n || !driver->commands[tag].sent || driver->commands[tag].done) {
		driver->strays++;
		return fail(driver, STOP_RESELECTED);
	}
	conn->command = &driver->commands[tag];
	conn->command->reselections++;
	chip_start(ENTER_PHASE);
	return true;
}

static void complete(struct driver *driver, struct command *command)
{
	command->done = true;
	command->status = chip_status();
	command->order = driver->completed++;
}

/* Serves stops until the bus is free; begun is what was sent, or NULL. */
static bool connection(struct driver *driver, struct command *begun, uint64_t timeout_ns)
{
	struct connection conn = { .command = begun };

	for (;;) {
		enum stop stop = chip_wait(timeout_ns);

		if (stop == STOP_TIMEOUT)
			return fail(driver, stop);
		/* Who was selected took it, unless somebody reselected first. */
		if (begun && stop != STOP_RESELECTED)
			begun->sent = true;
		begun = NULL;
		if (conn.moving && stop != STOP_PHASE_MISMATCH)
			moved(&conn, 0);
		switch (stop) {
		case STOP_RESELECTED:
			if (!reselected(driver, &conn))
				return false;
			break;
		case STOP_DATA_IN:
		case STOP_DATA_OUT:
			if (!conn.command)
				return fail(driver, stop);
			move(&conn, stop);
			break;
		case STOP_PHASE_MISMATCH:
			if (!conn.moving)
				return fail(driver, stop);
			mismatch(&conn);
			break;
		case STOP_DISCONNECTED:
			conn.command->disconnects++;
			return true;
		case STOP_COMPLETE:
			complete(driver, conn.command);
			return true;
		default:
			return fail(driver, stop);
		}
		timeout_ns = driver->patience_ns;
	}
}

/* --- Commands --------------------------------------------------------------------- */

bool driver_stop_waiting(struct driver *driver)
{
	struct connection conn = { };
	enum stop stop;

	if (!driver->waiting)
		return true;
	chip_signal();
	stop = chip_wait(STUCK_NS);
	driver->waiting = false;
	if (stop == STOP_SIGNALLED)
		return true;
	if (stop != STOP_RESELECTED)
		return fail(driver, stop);
	chip_take_signal_back();
	return reselected(driver, &conn) && connection(driver, conn.command, driver->patience_ns);
}

static void wait_reselect(struct driver *driver)
{
	if (!driver->waiting)
		chip_start(ENTER_WAIT);
	driver->waiting = true;
}

bool driver_send(struct driver *driver)
{
	if (!driver_stop_waiting(driver))
		return false;
	while (driver->next < driver->n) {
		struct command *command = &driver->commands[driver->next];
		const uint8_t message[] = { IDENTIFY, SIMPLE_QUEUE, driver->next };

		chip_message(message, sizeof(message), 0);
		chip_command(command->cdb, command->cdb_size);
		chip_start(ENTER_SELECT);
		if (!connection(driver, command, driver->patience_ns))
			return false;
		driver->next += command->sent;
	}
	if (driver->completed < driver->n)
		wait_reselect(driver);
	return true;
}

bool driver_serve(struct driver *driver, unsigned int completed, uint64_t timeout_ns)
{
	while (driver->completed < completed) {
		wait_reselect(driver);
		if (!connection(driver, NULL, timeout_ns)) {
			/* Nobody came: that is for the caller to judge. */
			if (driver->waiting && driver->failed == STOP_TIMEOUT)
				driver->failed = 0;
			return false;
		}
	}
	return true;
}

bool driver_run(struct driver *driver)
{
	return driver_send(driver) && driver_serve(driver, driver->n, STUCK_NS);
}

/* --- Messages and resets ------------------------------------------------------------ */

bool driver_tell(struct driver *driver, uint8_t tag, const uint8_t *what, unsigned int n,
		 unsigned int last)
{
	uint8_t message[8] = { IDENTIFY, SIMPLE_QUEUE, tag };
	struct command target = { };

	n = MIN(n, sizeof(message) - 3);
	memcpy(message + 3, what, n);
	if (!driver_stop_waiting(driver))
		return false;
	while (!target.disconnects) {
		chip_message(message, 3 + n, last);
		chip_start(ENTER_MESSAGE);
		if (!connection(driver, &target, driver->patience_ns))
			return false;
	}
	return true;
}

bool driver_reset(struct driver *driver)
{
	enum stop stop;

	if (!driver_stop_waiting(driver))
		return false;
	chip_reset_bus();
	stop = chip_wait(STUCK_NS);
	chip_reset();
	return stop == STOP_BUS_RESET || fail(driver, stop);
}

const char *driver_settle(unsigned int *refusals)
{
	for (*refusals = 0; *refusals < 4; (*refusals)++) {
		struct command ready = { .cdb_size = 6 };	/* TEST UNIT READY */
		struct driver driver;

		driver_init(&driver, &ready, 1);
		if (!driver_run(&driver))
			return why("the disk does not answer: %s", stop_name(driver.failed));
		if (ready.status == GOOD)
			return NULL;
	}
	return "the disk is not ready";
}
