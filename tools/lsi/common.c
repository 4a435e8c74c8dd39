// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests share: places, patterns, and what they look at afterwards.
 */
#include "tests.h"

#include <string.h>

#define GUARD	4096u		/* bytes around a command's own that nobody may touch */
#define POISON	0xa5

struct probe probe;

const char *const mix_names[] = { "read", "write", "mixed" };

bool is_write(enum mix mix, unsigned int tag)
{
	return mix == WRITES || (mix == MIXED && tag % 2);
}

uint32_t buffer_of(unsigned int tag)
{
	return BUFFERS + tag * ROOM;
}

uint32_t lba_of(unsigned int tag)
{
	return (MIB + tag * ROOM) / SECTOR;
}

struct command command_of(enum mix mix, unsigned int tag, uint32_t bytes)
{
	return is_write(mix, tag) ? write_command(lba_of(tag), bytes, buffer_of(tag)) :
				    read_command(lba_of(tag), bytes, buffer_of(tag));
}

/* --- Patterns ----------------------------------------------------------------------- */

/* No two words of any two tags are the same. */
static uint64_t word(unsigned int tag, uint32_t at)
{
	return (tag + 1ull) << 56 | (uint64_t)at << 24 | (at * 2654435761u >> 8);
}

static void paint(uint8_t *to, unsigned int tag, uint32_t bytes)
{
	uint32_t at;

	memset(to - GUARD, POISON, bytes + 2 * GUARD);
	for (at = 0; at < bytes; at += 8) {
		uint64_t value = word(tag, at);

		memcpy(to + at, &value, 8);
	}
}

/* The first byte that is not as painted, from -GUARD on; or bytes + GUARD. */
static int64_t compare(const uint8_t *got, unsigned int tag, uint32_t bytes)
{
	int64_t at;

	for (at = -(int64_t)GUARD; at < bytes + GUARD; at++) {
		uint8_t expected = POISON;

		if (at >= 0 && at < bytes)
			expected = word(tag, at & ~7) >> 8 * (at & 7);
		if (got[at] != expected)
			break;
	}
	return at;
}

void fill(struct disk *disk, enum mix mix, const struct command *commands, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint8_t *memory = qemu.ram + buffer_of(i);
		uint8_t *medium = disk_data(disk) + lba_of(i) * SECTOR;
		uint8_t *to = is_write(mix, i) ? medium : memory;

		paint(is_write(mix, i) ? memory : medium, i, commands[i].length);
		memset(to - GUARD, POISON, commands[i].length + 2 * GUARD);
	}
}

/* --- Afterwards --------------------------------------------------------------------- */

/* The same, of a tag's command */
static const char *tag_incomplete(const struct command *command, unsigned int tag)
{
	if (!command->done)
		return why("tag %u never came back", tag);
	return command->status ? why("tag %u: status 0x%02x", tag, command->status) : NULL;
}

static const char *tag_misdirected(const struct command *command, unsigned int tag, bool write)
{
	if (write ? command->in_phases : command->out_phases)
		return why("tag %u is a %s, and the chip went to %s", tag,
			   write ? "write" : "read", phase_name(write ? DATA_IN : DATA_OUT));
	return command->overruns ? why("tag %u: a data phase after all its bytes", tag) : NULL;
}

static const char *tag_damaged(struct disk *disk, const struct command *command,
			       unsigned int tag, bool write)
{
	const uint8_t *got = write ? disk_data(disk) + lba_of(tag) * SECTOR :
				     qemu.ram + buffer_of(tag);
	int64_t at = compare(got, tag, command->length);

	if (command->moved != command->length)
		return why("tag %u: %u of %u bytes moved", tag, command->moved, command->length);
	if (at < command->length + GUARD)
		return why("tag %u: byte %lld of %u is 0x%02x, in word 0x%016llx", tag,
			   (long long)at, command->length, got[at],
			   *(unsigned long long *)(got + (at & ~7ll)));
	return NULL;
}

const char *incomplete(const struct driver *driver)
{
	const char *wrong = NULL;
	unsigned int i;

	if (driver->strays)
		return why("reselected by a tag that is not out");
	if (driver->failed)
		return why("stopped after %u of %u commands: %s", driver->completed, driver->n,
			   stop_name(driver->failed));
	for (i = 0; i < driver->n && !wrong; i++)
		wrong = tag_incomplete(&driver->commands[i], i);
	return wrong;
}

const char *misdirected(const struct driver *driver, enum mix mix)
{
	const char *wrong = NULL;
	unsigned int i;

	for (i = 0; i < driver->n && !wrong; i++)
		wrong = tag_misdirected(&driver->commands[i], i, is_write(mix, i));
	return wrong;
}

const char *damaged(struct disk *disk, enum mix mix, const struct command *commands,
		    unsigned int n)
{
	const char *wrong = NULL;
	unsigned int i;

	for (i = 0; i < n && !wrong; i++)
		wrong = tag_damaged(disk, &commands[i], i, is_write(mix, i));
	return wrong;
}

const char *others_disturbed(struct disk *disk, enum mix mix, const struct driver *driver,
			     unsigned int but)
{
	const char *wrong = NULL;
	unsigned int i;

	for (i = 0; i < driver->n && !wrong; i++) {
		const struct command *command = &driver->commands[i];
		bool write = is_write(mix, i);

		if (i == but)
			continue;
		wrong = tag_incomplete(command, i);
		if (!wrong)
			wrong = tag_misdirected(command, i, write);
		if (!wrong)
			wrong = tag_damaged(disk, command, i, write);
	}
	return wrong;
}

/* --- QEMU --------------------------------------------------------------------------- */

void start(const struct medium *medium)
{
	unsigned int refusals;
	const char *wrong;

	qemu_start(probe.program, medium, trace_events);
	chip_init();
	wrong = driver_settle(&refusals);
	if (wrong)
		report_lost(wrong);
}

struct disk *start_with_disk(void)
{
	struct disk *disk = disk_open();
	struct medium medium = { .disk = disk };

	start(&medium);
	disk_counts(disk);
	return disk;
}

void stop_with_disk(struct disk *disk)
{
	qemu_stop();
	disk_close(disk);
}
