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

const char *incomplete(const struct driver *driver)
{
	unsigned int i;

	if (driver->strays)
		return why("reselected by a tag that is not out");
	if (driver->failed)
		return why("stopped after %u of %u commands: %s", driver->completed, driver->n,
			   stop_name(driver->failed));
	for (i = 0; i < driver->n; i++) {
		const struct command *command = &driver->commands[i];

		if (!command->done)
			return why("tag %u never came back", i);
		if (command->status)
			return why("tag %u: status 0x%02x", i, command->status);
	}
	return NULL;
}

const char *misdirected(const struct driver *driver, enum mix mix)
{
	unsigned int i;

	for (i = 0; i < driver->n; i++) {
		const struct command *command = &driver->commands[i];
		bool write = is_write(mix, i);

		if (write ? command->in_phases : command->out_phases)
			return why("tag %u is a %s, and the chip went to %s", i,
				   write ? "write" : "read",
				   phase_name(write ? DATA_IN : DATA_OUT));
		if (command->overruns)
			return why("tag %u: a data phase after all its bytes", i);
	}
	return NULL;
}

const char *damaged(struct disk *disk, enum mix mix, const struct command *commands,
		    unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct command *command = &commands[i];
		const uint8_t *got = is_write(mix, i) ? disk_data(disk) + lba_of(i) * SECTOR :
							qemu.ram + buffer_of(i);
		int64_t at = compare(got, i, command->length);

		if (command->moved != command->length)
			return why("tag %u: %u of %u bytes moved", i, command->moved,
				   command->length);
		if (at < command->length + GUARD)
			return why("tag %u: byte %lld of %u is 0x%02x, in word 0x%016llx", i,
				   (long long)at, command->length, got[at],
				   *(unsigned long long *)(got + (at & ~7ll)));
	}
	return NULL;
}

/* --- QEMU --------------------------------------------------------------------------- */

struct disk *start_with_disk(void)
{
	struct disk *disk = disk_open();
	struct medium medium = { .disk = disk };

	qemu_start(probe.program, &medium, trace_events);
	chip_init();
	driver_settle();
	disk_counts(disk);
	return disk;
}

void stop_with_disk(struct disk *disk)
{
	qemu_stop();
	disk_close(disk);
}
