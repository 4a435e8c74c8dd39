// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose bytes they are: every tag has its own pattern at each offset, the disk
 * ends requests in an order of its own, and what came is looked at in the disk's
 * memory and in the guest's, not through the path under test. Then in which
 * pieces requests come to the disk, and in which order commands come back.
 */
#include "tests.h"

#include <stdio.h>
#include <string.h>

#define MOVE_MAX	(128 * KIB)	/* what the disk's model has a buffer for */

/* --- Content ------------------------------------------------------------------------ */

/* Four sizes, in one and in several pieces */
static struct command varied(enum mix mix, unsigned int tag)
{
	struct command command = command_of(mix, tag, (4 * KIB) << tag % 4);

	if (tag % 3 == 2)
		command.piece = 3 * KIB;
	return command;
}

/* A device that does what none may, as far as the checks can tell. */
static void plant(struct disk *disk, struct command *commands)
{
	uint32_t buffer = commands[1].buffer;

	switch (probe.plant) {
	case FLIP_DIRECTION:
		commands[1].cdb[0] ^= 0x02;	/* READ(10) to WRITE(10), and back */
		break;
	case DROP_TAG:
		disk_lose(disk, (uint64_t)lba_of(2) * SECTOR);
		break;
	case SWAP_DATA:
		commands[1].buffer = commands[5].buffer;
		commands[5].buffer = buffer;
		break;
	case NOTHING:
		break;
	}
}

static void content(struct disk *disk, enum mix mix, unsigned int tags)
{
	struct command commands[MAX_TAGS];
	struct driver driver;
	char name[96];
	const char *not_done;
	unsigned int i;

	for (i = 0; i < tags; i++)
		commands[i] = varied(mix, i);
	fill(disk, mix, commands, tags);
	disk_mode(disk, DISK_REVERSED, 3 * MS);
	plant(disk, commands);
	driver_init(&driver, commands, tags);
	/* It never comes back. */
	if (probe.plant == DROP_TAG)
		driver.patience_ns = 1000 * MS;
	if (driver_send(&driver))
		driver_serve(&driver, tags, driver.patience_ns);

	not_done = incomplete(&driver);
	snprintf(name, sizeof(name), "content: %s, %u tags: all complete", mix_names[mix], tags);
	report_check(name, NULL, not_done);
	snprintf(name, sizeof(name), "content: %s, %u tags: data phases go their way",
		 mix_names[mix], tags);
	report_check(name, NULL, misdirected(&driver, mix));
	snprintf(name, sizeof(name), "content: %s, %u tags: the bytes are each tag's own",
		 mix_names[mix], tags);
	report_check(name, NULL, damaged(disk, mix, commands, tags));
}

void test_content(void)
{
	static const unsigned int tags[] = { 1, 4, 16, 64 };
	unsigned int i;
	enum mix mix;

	for (mix = READS; mix <= MIXED; mix++) {
		struct disk *disk = start_with_disk();

		for (i = 0; i < ITEMS(tags); i++)
			if (!probe.plant || tags[i] == 16)
				content(disk, mix, tags[i]);
		stop_with_disk(disk);
	}
}

/* --- Sizes -------------------------------------------------------------------------- */

static void size(struct disk *disk, enum mix mix, uint32_t bytes)
{
	struct command command = command_of(mix, 0, bytes);
	unsigned int expected = (bytes + MOVE_MAX - 1) / MOVE_MAX, requests;
	struct disk_counts counts;
	struct driver driver;
	const char *wrong;
	char name[64];

	fill(disk, mix, &command, 1);
	disk_counts(disk);
	driver_init(&driver, &command, 1);
	driver_run(&driver);
	counts = disk_counts(disk);
	requests = counts.reads + counts.writes;
	wrong = incomplete(&driver);
	if (!wrong)
		wrong = misdirected(&driver, mix);
	if (!wrong)
		wrong = damaged(disk, mix, &command, 1);
	if (!wrong && (mix == READS ? counts.writes : counts.reads))
		wrong = why("the disk was asked for the opposite");
	if (!wrong && (requests > expected || counts.read_bytes + counts.written_bytes != bytes))
		wrong = why("%u requests of up to %u KiB", requests, counts.largest / KIB);
	snprintf(name, sizeof(name), "sizes: a %s of %u KiB comes as %u request%s", mix_names[mix],
		 bytes / KIB, expected, expected > 1 ? "s at most" : "");
	report_check(name, NULL, wrong);
}

void test_sizes(void)
{
	struct disk *disk = start_with_disk();
	uint32_t bytes;
	enum mix mix;

	for (mix = READS; mix <= WRITES; mix++)
		for (bytes = 16 * KIB; bytes <= 512 * KIB; bytes *= 2)
			size(disk, mix, bytes);
	stop_with_disk(disk);
}

/* --- Order -------------------------------------------------------------------------- */

#define QUEUED	16

/*
 * The disk ends all together, the newest first. Which comes next after that one
 * is the chip's choice.
 */
static const char *newest_first(struct disk *disk, enum mix mix, struct driver *driver)
{
	/* Reads have to be sent within that time, and writes one by one take it each. */
	disk_mode(disk, DISK_REVERSED, mix == READS ? 2000 * MS : 50 * MS);
	if (!driver_run(driver))
		return incomplete(driver);
	if (driver->commands[QUEUED - 1].order)
		return why("tag %u was over first and came back as number %u", QUEUED - 1,
			   driver->commands[QUEUED - 1].order + 1);
	return incomplete(driver);
}

static void order(enum mix mix, const char *name, const struct known *known)
{
	struct disk *disk = start_with_disk();
	struct command commands[QUEUED];
	struct driver driver;
	unsigned int i;

	for (i = 0; i < QUEUED; i++)
		commands[i] = command_of(mix, i, 4 * KIB);
	fill(disk, mix, commands, QUEUED);
	driver_init(&driver, commands, QUEUED);
	report_check(name, known, newest_first(disk, mix, &driver));
	stop_with_disk(disk);
}

void test_order(void)
{
	order(READS, "order: the read that is over first comes back first", NULL);
	order(WRITES, "order: the write that is over first comes back first", &known_serialized);
}
