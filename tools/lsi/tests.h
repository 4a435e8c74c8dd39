/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tests. Each starts the QEMU that it needs.
 */
#ifndef LSI_TESTS_H
#define LSI_TESTS_H

#include "disk.h"
#include "driver.h"
#include "qemu.h"
#include "report.h"

/* A fault of the device, simulated; the checks have to find it. */
enum plant { NOTHING, FLIP_DIRECTION, DROP_TAG, SWAP_DATA };

struct probe {
	const char *program;
	enum plant plant;
};

extern struct probe probe;

void test_overlap(void);
void test_content(void);
void test_sizes(void);
void test_order(void);
void test_abort(void);
void test_status(void);
void test_reset(void);
void test_phases(void);

/* --- What they share: common.c ------------------------------------------------- */

/* Each command has its place in memory and on the disk, with room behind it. */
#define BUFFERS		(4 * MIB)
#define ROOM		(768 * KIB)

enum mix { READS, WRITES, MIXED };
extern const char *const mix_names[];

bool is_write(enum mix mix, unsigned int tag);
uint32_t buffer_of(unsigned int tag);
uint32_t lba_of(unsigned int tag);

/* A command for this tag, of a mixture. */
struct command command_of(enum mix mix, unsigned int tag, uint32_t bytes);

/* Fills memory and disk so that each knows whose and which it is. */
void fill(struct disk *disk, enum mix mix, const struct command *commands, unsigned int n);

/* NULL, or what is wrong with: completion, direction, content */
const char *incomplete(const struct driver *driver);
const char *misdirected(const struct driver *driver, enum mix mix);
const char *damaged(struct disk *disk, enum mix mix, const struct command *commands,
		    unsigned int n);

/* The same of all commands but one, to which something happens */
const char *others_disturbed(struct disk *disk, enum mix mix, const struct driver *driver,
			     unsigned int but);

/* QEMU, ready for commands; and with a disk of ours. */
void start(const struct medium *medium);
struct disk *start_with_disk(void);
void stop_with_disk(struct disk *disk);

#endif /* LSI_TESTS_H */
