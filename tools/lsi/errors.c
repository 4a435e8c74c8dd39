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

#define CHECK_CONDITION	0x02

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

/* Until the disk has ended all, and nobody fetched what came of it. */
static bool let_them_wait(struct disk *disk, struct driver *driver)
{
	uint64_t end = now_ns() + STUCK_NS;

	if (!driver_stop_waiting(driver))
		return false;
	while (disk_pending(disk) && now_ns() < end)
		sleep_ns(MS);
	/* QEMU has yet to take the answers. */
	sleep_ns(50 * MS);
	return true;
}

/* NULL if the victim is gone and all others are as they should be. */
static const char *only_victim(struct disk *disk, enum mix mix, struct driver *driver)
{
	const struct command *victim = &driver->commands[VICTIM];

	driver_serve(driver, QUEUED - 1, STUCK_NS);
	/* Long after all others */
	driver_serve(driver, QUEUED, 300 * MS);
	if (victim->done)
		return why("it completed all the same");
	if (driver->completed < QUEUED - 1 || driver->failed)
		return incomplete(driver);
	if (victim->moved && victim->in_phases)
		return why("%u bytes were moved all the same", victim->moved);
	return others_disturbed(disk, mix, driver, VICTIM);
}

/* NULL if all that have not come back are gone. */
static const char *nobody(struct disk *disk, enum mix mix, struct driver *driver)
{
	unsigned int before = driver->completed;

	/* All are over at the disk: a message waits for that. */
	driver_serve(driver, before + 1, 300 * MS);
	if (driver->completed != before || driver->failed || driver->strays)
		return why("a command came back all the same");
	return NULL;
}

/* Who is told to forget what, when. */
struct telling {
	enum mix mix;
	bool waits;		/* until all are over, and yet to come back */
	uint8_t what[2];
	unsigned int n, last;	/* see driver_tell() */
	const char *(*outcome)(struct disk *disk, enum mix mix, struct driver *driver);
};

static const char *tell(struct disk *disk, const struct telling *telling)
{
	struct command commands[QUEUED];
	struct driver driver;
	const char *wrong;

	prepare(disk, telling->mix, commands, &driver);
	/* Where the victim is to be at the disk still, all are sent within that time. */
	disk_mode(disk, DISK_REVERSED, telling->mix == READS && !telling->waits &&
		  telling->outcome == only_victim ? 3000 * MS : 400 * MS);
	/* One that keeps the bus is not waited for. */
	driver.patience_ns = 300 * MS;
	if (!driver_send(&driver))
		return why("not all can be sent: %s", stop_name(driver.failed));
	driver.patience_ns = STUCK_NS;
	if (telling->waits && !let_them_wait(disk, &driver))
		return why("the signal: %s", stop_name(driver.failed));
	if (!driver_tell(&driver, VICTIM, telling->what, telling->n, telling->last))
		return why("the message: %s", stop_name(driver.failed));
	wrong = telling->outcome(disk, telling->mix, &driver);
	if (driver.waiting)
		driver_stop_waiting(&driver);
	return wrong ? wrong : works(disk);
}

static void abort_test(const char *name, const struct known *known,
		       const struct telling *telling)
{
	struct disk *disk = start_with_disk();

	report_check(name, known, tell(disk, telling));
	stop_with_disk(disk);
}

#define ONE	.what = { ABORT_TAG }, .n = 1, .outcome = only_victim
#define ALL(how)	.what = { how }, .n = 1, .outcome = nobody

void test_abort(void)
{
	static const struct {
		const char *name;
		const struct known *known;
		struct telling telling;
	} tests[] = {
		{ "abort: one of 16 queued reads, and no other", &known_abort,
		  { READS, ONE } },
		{ "abort: the same, with the tag in a message of its own", NULL,
		  { READS, ONE, .last = 1 } },
		{ "abort: of 16 reads that wait to hand over their data", &known_abort,
		  { READS, true, ONE } },
		{ "abort: one of 16 queued writes", &known_serialized, { WRITES, ONE } },
		{ "abort: of 16 writes that wait to tell their status", &known_serialized,
		  { WRITES, true, ONE } },
		{ "abort: all of 16 queued reads", NULL, { READS, ALL(ABORT) } },
		{ "abort: all of 16, half of each, that wait", &known_serialized,
		  { MIXED, true, ALL(ABORT) } },
		{ "abort: all, and then one of them in the same message", NULL,
		  { READS, true, { ABORT, ABORT_TAG }, 2, .outcome = nobody } },
		{ "abort: the queue is cleared of 16, half of each", &known_serialized,
		  { MIXED, ALL(CLEAR_QUEUE) } },
		{ "abort: the queue is cleared of 16 that wait", &known_serialized,
		  { MIXED, true, ALL(CLEAR_QUEUE) } },
		{ "abort: a device reset with 16, half of each", &known_serialized,
		  { MIXED, ALL(BUS_DEVICE_RESET) } },
		{ "abort: a device reset with 16 that wait", &known_serialized,
		  { MIXED, true, ALL(BUS_DEVICE_RESET) } },
	};
	unsigned int i;

	for (i = 0; i < ITEMS(tests); i++)
		abort_test(tests[i].name, tests[i].known, &tests[i].telling);
}

/* --- Status ------------------------------------------------------------------------- */

static const char *one_fails(struct disk *disk, enum mix mix)
{
	struct command commands[QUEUED];
	const struct command *victim = &commands[VICTIM];
	/* A read that fails may never come back. */
	uint64_t patience = mix == READS && !report_strict ? 1000 * MS : STUCK_NS;
	struct driver driver;
	const char *wrong;

	prepare(disk, mix, commands, &driver);
	disk_mode(disk, DISK_REVERSED, 50 * MS);
	disk_fail(disk, (uint64_t)lba_of(VICTIM) * SECTOR);
	driver.patience_ns = patience;
	if (driver_send(&driver))
		driver_serve(&driver, QUEUED, patience);
	if (!victim->done)
		return why("tag %u, which failed, never came back", VICTIM);
	if (victim->status != CHECK_CONDITION)
		return why("tag %u, which failed: status 0x%02x", VICTIM, victim->status);
	wrong = others_disturbed(disk, mix, &driver, VICTIM);
	disk_fail(disk, UINT64_MAX);
	return wrong ? wrong : works(disk);
}

static void status_test(const char *name, const struct known *known, enum mix mix)
{
	struct disk *disk = start_with_disk();

	report_check(name, known, one_fails(disk, mix));
	stop_with_disk(disk);
}

void test_status(void)
{
	status_test("status: one of 16 reads fails, and no other", &known_status, READS);
	status_test("status: one of 16 writes fails, and no other", NULL, WRITES);
	status_test("status: one of 16, half of each", NULL, MIXED);
}

/* --- Reset -------------------------------------------------------------------------- */

static const char *reset(struct disk *disk, enum mix mix, bool waits)
{
	struct command commands[QUEUED];
	unsigned int refusals;
	struct driver driver;
	const char *wrong;

	prepare(disk, mix, commands, &driver);
	/* None is over before the reset, but where all are to be. */
	disk_mode(disk, DISK_REVERSED, waits ? 300 * MS : 3000 * MS);
	driver.patience_ns = 50 * MS;
	/* What holds the bus is interrupted in the middle. */
	driver_send(&driver);
	if (driver.completed)
		return why("%u were over already", driver.completed);
	driver.failed = 0;
	if (waits && !let_them_wait(disk, &driver))
		return why("the signal: %s", stop_name(driver.failed));
	if (!driver_reset(&driver))
		return why("the chip does not report it: %s", stop_name(driver.failed));
	wrong = driver_settle(&refusals);
	if (wrong)
		return wrong;
	if (!refusals)
		return why("the target does not know that it was reset");
	/* Nobody may come back who was out before. */
	if (driver_serve(&driver, 1, 400 * MS) || driver.failed)
		return why("a command came back after the reset");
	driver_stop_waiting(&driver);
	return works(disk);
}

static void reset_test(const char *name, enum mix mix, bool waits)
{
	struct disk *disk = start_with_disk();

	report_check(name, NULL, reset(disk, mix, waits));
	stop_with_disk(disk);
}

void test_reset(void)
{
	reset_test("reset: of the bus, with 16 reads queued", READS, false);
	reset_test("reset: of the bus, with writes out", WRITES, false);
	reset_test("reset: of the bus, with both", MIXED, false);
	reset_test("reset: of the bus, with both over, and yet to come back", MIXED, true);
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
