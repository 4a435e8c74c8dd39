/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A QEMU without a guest, whose devices are driven over its qtest socket. It
 * has no file anywhere: memory, log and sockets are inherited descriptors.
 */
#ifndef LSI_QEMU_H
#define LSI_QEMU_H

#include "util.h"

#define RAM_SIZE	(64 * MIB)

/* The disk that it has. */
struct disk;
struct medium {
	uint64_t latency_ns;	/* of one that holds nothing: null-co */
	struct disk *disk;	/* or one of our own */
};

struct qemu {
	uint8_t *ram;		/* the guest's memory */
	int log;		/* trace events */
	size_t log_taken;	/* so much of them was looked at */
	unsigned int patience_s;	/* with an answer of it */
	unsigned int major, minor;
	char version[64];
};

extern struct qemu qemu;

/* Called with what QEMU said if it ends while it should not, or if it is silent. */
extern void (*qemu_lost)(const char *what);

/* What --version says, into qemu. */
void qemu_version(const char *program);

/* Starts it with these trace events, a list that NULL ends; ends it. */
void qemu_start(const char *program, const struct medium *medium, const char *const *events);
void qemu_stop(void);

/* Accesses of the processor that the guest does not have. */
uint32_t io_read(uint16_t port);
void io_write(uint16_t port, uint32_t value);
uint8_t mmio_read8(uint64_t address);
uint32_t mmio_read32(uint64_t address);
void mmio_write8(uint64_t address, uint8_t value);
void mmio_write32(uint64_t address, uint32_t value);

#endif /* LSI_QEMU_H */
