/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk that the probe serves itself, over a socket that QEMU inherits (NBD).
 * It sees every request as it leaves QEMU, what it has can be looked at without
 * the path under test, and it decides when and in which order requests end.
 */
#ifndef LSI_DISK_H
#define LSI_DISK_H

#include "util.h"

/* Of all disks here; and the SCSI id at which they are. */
#define DISK_SIZE	(128 * MIB)
#define TARGET		3

enum disk_mode {
	DISK_AT_ONCE,
	/*
	 * After the latency of the oldest, all that are there: the newest first.
	 * (One reply alone QEMU 7.2 may keep to itself until the next one comes.)
	 */
	DISK_REVERSED,
};

struct disk_counts {
	unsigned int reads, writes;
	unsigned int max_outstanding;
	uint64_t read_bytes, written_bytes;
	uint32_t largest;
};

struct disk *disk_open(void);
void disk_close(struct disk *disk);

/* For QEMU, which is being started: its end of the socket, and its partner. */
int disk_socket(struct disk *disk);
void disk_serve(struct disk *disk);

uint8_t *disk_data(struct disk *disk);
void disk_mode(struct disk *disk, enum disk_mode mode, uint64_t latency_ns);

/* How many requests it has now. */
unsigned int disk_pending(struct disk *disk);
/* Forgets requests for this offset: they are never answered. */
void disk_lose(struct disk *disk, uint64_t offset);
/* Ends all requests for this offset with an error. */
void disk_fail(struct disk *disk, uint64_t offset);

/* What came since the last call */
struct disk_counts disk_counts(struct disk *disk);

#endif /* LSI_DISK_H */
