// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a driver does when something went wrong: it aborts a command, resets the
 * bus, finds another phase than it expected. The other commands must not notice,
 * and after it everything has to work as before.
 */
#include "tests.h"

#include <stdio.h>

#define QUEUED	16
#define VICTIM	7
#define BYTES	(8 * KIB)

static void prepare(struct disk *disk, enum mix mix, struct command *commands,
		    struct driver *driver)
{
	unsigned int i;

	for (i = 0; i < QUEUED; i++)
		commands[i] = command_of(mix, i, BYTES);
	fill(disk, mix, commands, QUEUED);
	driver_init(driver, commands, QUEUED);
}

/* NULL if commands work, with all of the tags. */
static const char *works(struct disk *disk)
{
	struct command commands[QUEUED];
	struct driver driver;
	const char *wrong;

	prepare(disk, MIXED, commands, &driver);
	disk_mode(disk, DISK_AT_ONCE, 0);
	driver_run(&driver);
	wrong = incomplete(&driver);
	return wrong ? why("afterwards: %s", wrong) : damaged(disk, MIXED, commands, QUEUED);
}

/* NULL if the victim is gone and all others are as they should be. */
static const char *only_victim(struct disk *disk, struct driver *driver)
{
	const struct command *victim = &driver->commands[VICTIM];

	driver_serve(driver, QUEUED - 1, STUCK_NS);
	/* Long after all others */
	driver_serve(driver, QUEUED, 300 * MS);
	if (victim->done)
		return why("it completed all the same");
	if (driver->completed < QUEUED - 1 || driver->failed)
		return incomplete(driver);
	if (victim->moved)
		return why("%u bytes were moved all the same", victim->moved);
	return NULL;
}

static const char *abort_one(struct disk *disk, bool in_one_message)
{
	struct command commands[QUEUED];
	struct driver driver;
	const char *wrong;

	prepare(disk, READS, commands, &driver);
	disk_mode(disk, DISK_REVERSED, 300 * MS);
	if (!driver_send(&driver) || !driver_abort(&driver, VICTIM, in_one_message))
		return why("the message: %s", stop_name(driver.failed));
	wrong = only_victim(disk, &driver);
	if (driver.waiting)
		driver_stop_waiting(&driver);
	return wrong ? wrong : works(disk);
}

static void abort_test(const char *name, const struct known *known, bool in_one_message)
{
	struct disk *disk = start_with_disk();

	report_check(name, known, abort_one(disk, in_one_message));
	stop_with_disk(disk);
}

void test_abort(void)
{
	abort_test("abort: one of 16 queued reads, and no other", &known_abort, true);
	abort_test("abort: the same, with the tag in a message of its own", NULL, false);
}

/* --- Reset -------------------------------------------------------------------------- */

static const char *reset(struct disk *disk, enum mix mix)
{
	struct command commands[QUEUED];
	struct driver driver;

	prepare(disk, mix, commands, &driver);
	disk_mode(disk, DISK_REVERSED, 300 * MS);
	driver.patience_ns = 50 * MS;
	/* What holds the bus is interrupted in the middle. */
	driver_send(&driver);
	if (driver.completed)
		return why("%u were over already", driver.completed);
	driver.failed = 0;
	if (!driver_reset(&driver))
		return why("the chip does not report it: %s", stop_name(driver.failed));
	if (!driver_settle())
		return why("the target does not know that it was reset");
	/* Nobody may come back who was out before. */
	if (driver_serve(&driver, 1, 400 * MS) || driver.failed)
		return why("a command came back after the reset");
	driver_stop_waiting(&driver);
	return works(disk);
}

static void reset_test(const char *name, enum mix mix)
{
	struct disk *disk = start_with_disk();

	report_check(name, NULL, reset(disk, mix));
	stop_with_disk(disk);
}

void test_reset(void)
{
	reset_test("reset: of the bus, with 16 reads queued", READS);
	reset_test("reset: of the bus, with writes out", WRITES);
	reset_test("reset: of the bus, with both", MIXED);
}

/* --- Phases ------------------------------------------------------------------------- */

static void phase(struct disk *disk, const char *what, enum mix mix, bool wrong_move,
		  uint32_t more)
{
	struct command command = command_of(mix, 0, BYTES);
	struct driver driver;
	const char *wrong;
	char name[64];

	fill(disk, mix, &command, 1);
	command.wrong_move = wrong_move;
	command.length += more;
	driver_init(&driver, &command, 1);
	driver_run(&driver);
	command.length -= more;
	wrong = incomplete(&driver);
	if (!wrong && (command.mismatches != 1 || command.residue != (more ? more : BYTES)))
		wrong = why("%u mismatches, %u bytes left", command.mismatches, command.residue);
	if (!wrong)
		wrong = damaged(disk, mix, &command, 1);
	snprintf(name, sizeof(name), "phases: %s in a %s", what, mix_names[mix]);
	report_check(name, NULL, wrong);
}

void test_phases(void)
{
	struct disk *disk = start_with_disk();
	enum mix mix;

	for (mix = READS; mix <= WRITES; mix++) {
		phase(disk, "a MOVE of the other direction", mix, true, 0);
		phase(disk, "a MOVE of more than there is", mix, false, 2 * KIB);
	}
	stop_with_disk(disk);
}
