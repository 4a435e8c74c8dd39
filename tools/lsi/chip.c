// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers and SCRIPTS of the 53C895A, as its programming guide has them.
 */
#include "chip.h"

#include <string.h>

#include "disk.h"
#include "qemu.h"

/* --- Where things are ----------------------------------------------------------- */

#define PCI_ADDRESS	0xcf8
#define PCI_DATA	0xcfc
#define PCI_ID		0x00
#define PCI_COMMAND	0x04
#define PCI_BAR1	0x14
#define PCI_MEMORY	2
#define PCI_MASTER	4
#define ID_53C895A	0x00121000

#define REGISTERS	0xe0000000u	/* BAR 1; no guest is in its way */

/* In the guest's memory */
#define PROGRAM		0x100000u
#define MAILBOX		0x110000u

struct mailbox {
	uint8_t message[16], cdb[16];
	uint8_t status, incoming, reselected[4];
};

static struct mailbox *mailbox(void)
{
	return (struct mailbox *)(qemu.ram + MAILBOX);
}

#define IN_MAILBOX(field)	(MAILBOX + (uint32_t)offsetof(struct mailbox, field))

enum registers {
	SCNTL0 = 0x00, SCNTL1 = 0x01, SCID = 0x04, DSTAT = 0x0c, SSTAT1 = 0x0e, ISTAT = 0x14,
	CTEST2 = 0x1a, DBC = 0x24, DSP = 0x2c, DSPS = 0x30, DIEN = 0x39, DCNTL = 0x3b,
	SIEN0 = 0x40, SIEN1 = 0x41, SIST0 = 0x42, SIST1 = 0x43,
};

enum {
	SCNTL0_ARBITRATION = 0xc0,
	SCNTL1_RESET = 0x08,
	SCID_OURS = 0x47,		/* id 7, may be reselected */
	ISTAT_DMA = 0x01, ISTAT_SCSI = 0x02, ISTAT_SIGNAL = 0x20, ISTAT_RESET = 0x40,
	DSTAT_INT = 0x04, DSTAT_ALL = 0x7d,
	DCNTL_COMPATIBLE = 0x01,
	SIST0_RESET = 0x02, SIST0_MISMATCH = 0x80,
	SIEN0_OURS = 0x8f,		/* but reselected and such, which SCRIPTS see */
	SIST1_SELECTION = 0x04,
};

static uint8_t get8(enum registers reg)
{
	return mmio_read8(REGISTERS + reg);
}

static void set8(enum registers reg, uint8_t value)
{
	mmio_write8(REGISTERS + reg, value);
}

/* --- The program ------------------------------------------------------------------ */

#define MOVE(phase, n)	(0x08000000u | (uint32_t)(phase) << 24 | (n))
#define SELECT_ATN	(0x41000000u | TARGET << 16)
#define WAIT_DISCONNECT	0x48000000u
#define WAIT_RESELECT	0x50000000u
#define SET_ATN		0x58000008u
#define CLEAR_ACK	0x60000040u
#define TO_SFBR(reg)	(0x72000000u | (uint32_t)(reg) << 16)
#define JUMP		0x80080000u
#define JUMP_WHEN(p)	(0x800b0000u | (uint32_t)(p) << 24)
#define JUMP_IF(byte)	(0x800c0000u | (byte))
#define INTERRUPT	0x98080000u

enum { SAVE_DATA_POINTER = 2, DISCONNECT = 4, COMMAND_COMPLETE = 0 };

/* Instructions, by their place. */
enum {
	AT_SELECT, AT_MESSAGE, AT_COMMAND,
	AT_PHASE, AT_PHASE_OUT, AT_PHASE_STATUS, AT_PHASE_MSG, AT_BAD_PHASE,
	AT_DATA_IN, AT_MOVE_IN, AT_MOVED_IN,
	AT_DATA_OUT, AT_MOVE_OUT, AT_MOVED_OUT,
	AT_STATUS, AT_STATUS_HERE,
	AT_MSG, AT_MSG_SAVE, AT_MSG_DISCONNECT, AT_MSG_COMPLETE, AT_BAD_MSG,
	AT_SAVE, AT_SAVED,
	AT_DISCONNECT, AT_WAIT_FREE, AT_DISCONNECTED,
	AT_COMPLETE, AT_WAIT_FREE_TOO, AT_COMPLETED,
	AT_WAIT, AT_RESELECTED, AT_TAG, AT_TAG_ACK, AT_RESELECTED_STOP,
	AT_SIGNALLED, AT_SIGNALLED_STOP,
	AT_SELECT_ONLY, AT_MESSAGE_ONLY, AT_SET_ATN, AT_MESSAGE_REST, AT_WAIT_MESSAGE,
	AT_MESSAGE_SENT,
	PROGRAM_SIZE
};

struct instruction {
	uint32_t what, address;
};

#define AT(place)	(PROGRAM + 8u * (place))

static const struct instruction program[PROGRAM_SIZE] = {
	[AT_SELECT] = { SELECT_ATN, AT(AT_RESELECTED) },
	[AT_MESSAGE] = { MOVE(MSG_OUT, 0), IN_MAILBOX(message) },
	[AT_COMMAND] = { MOVE(COMMAND, 0), IN_MAILBOX(cdb) },

	[AT_PHASE] = { JUMP_WHEN(DATA_IN), AT(AT_DATA_IN) },
	[AT_PHASE_OUT] = { JUMP_WHEN(DATA_OUT), AT(AT_DATA_OUT) },
	[AT_PHASE_STATUS] = { JUMP_WHEN(STATUS), AT(AT_STATUS) },
	[AT_PHASE_MSG] = { JUMP_WHEN(MSG_IN), AT(AT_MSG) },
	[AT_BAD_PHASE] = { INTERRUPT, STOP_BAD_PHASE },

	[AT_DATA_IN] = { INTERRUPT, STOP_DATA_IN },
	[AT_MOVE_IN] = { MOVE(DATA_IN, 0), 0 },
	[AT_MOVED_IN] = { JUMP, AT(AT_PHASE) },
	[AT_DATA_OUT] = { INTERRUPT, STOP_DATA_OUT },
	[AT_MOVE_OUT] = { MOVE(DATA_OUT, 0), 0 },
	[AT_MOVED_OUT] = { JUMP, AT(AT_PHASE) },

	[AT_STATUS] = { MOVE(STATUS, 1), IN_MAILBOX(status) },
	[AT_STATUS_HERE] = { JUMP, AT(AT_PHASE) },

	[AT_MSG] = { MOVE(MSG_IN, 1), IN_MAILBOX(incoming) },
	[AT_MSG_SAVE] = { JUMP_IF(SAVE_DATA_POINTER), AT(AT_SAVE) },
	[AT_MSG_DISCONNECT] = { JUMP_IF(DISCONNECT), AT(AT_DISCONNECT) },
	[AT_MSG_COMPLETE] = { JUMP_IF(COMMAND_COMPLETE), AT(AT_COMPLETE) },
	[AT_BAD_MSG] = { INTERRUPT, STOP_BAD_MESSAGE },
	[AT_SAVE] = { CLEAR_ACK, 0 },
	[AT_SAVED] = { JUMP, AT(AT_PHASE) },
	[AT_DISCONNECT] = { CLEAR_ACK, 0 },
	[AT_WAIT_FREE] = { WAIT_DISCONNECT, 0 },
	[AT_DISCONNECTED] = { INTERRUPT, STOP_DISCONNECTED },
	[AT_COMPLETE] = { CLEAR_ACK, 0 },
	[AT_WAIT_FREE_TOO] = { WAIT_DISCONNECT, 0 },
	[AT_COMPLETED] = { INTERRUPT, STOP_COMPLETE },

	[AT_WAIT] = { WAIT_RESELECT, AT(AT_SIGNALLED) },
	[AT_RESELECTED] = { MOVE(MSG_IN, 1), IN_MAILBOX(reselected[0]) },
	[AT_TAG] = { MOVE(MSG_IN, 2), IN_MAILBOX(reselected[1]) },
	[AT_TAG_ACK] = { CLEAR_ACK, 0 },
	[AT_RESELECTED_STOP] = { INTERRUPT, STOP_RESELECTED },
	/* Reading it takes the signal back. */
	[AT_SIGNALLED] = { TO_SFBR(CTEST2), 0 },
	[AT_SIGNALLED_STOP] = { INTERRUPT, STOP_SIGNALLED },

	/* A message after which the target leaves the bus. */
	[AT_SELECT_ONLY] = { SELECT_ATN, AT(AT_RESELECTED) },
	[AT_MESSAGE_ONLY] = { MOVE(MSG_OUT, 0), IN_MAILBOX(message) },
	[AT_SET_ATN] = { SET_ATN, 0 },
	[AT_MESSAGE_REST] = { MOVE(MSG_OUT, 0), IN_MAILBOX(message) },
	[AT_WAIT_MESSAGE] = { WAIT_DISCONNECT, 0 },
	[AT_MESSAGE_SENT] = { INTERRUPT, STOP_DISCONNECTED },
};

static struct instruction *at(unsigned int place)
{
	return (struct instruction *)(qemu.ram + PROGRAM) + place;
}

/* --- Setting up ------------------------------------------------------------------- */

static uint32_t pci_read(unsigned int slot, unsigned int reg)
{
	io_write(PCI_ADDRESS, 1u << 31 | slot << 11 | reg);
	return io_read(PCI_DATA);
}

static void pci_write(unsigned int slot, unsigned int reg, uint32_t value)
{
	io_write(PCI_ADDRESS, 1u << 31 | slot << 11 | reg);
	io_write(PCI_DATA, value);
}

static void set_up(void)
{
	set8(SCNTL0, SCNTL0_ARBITRATION);
	set8(SCID, SCID_OURS);
	set8(DCNTL, DCNTL_COMPATIBLE);
	set8(DIEN, DSTAT_ALL);
	set8(SIEN0, SIEN0_OURS);
	set8(SIEN1, SIST1_SELECTION);
}

void chip_init(void)
{
	unsigned int slot;

	for (slot = 0; slot < 32; slot++)
		if (pci_read(slot, PCI_ID) == ID_53C895A)
			break;
	if (slot == 32)
		die("no 53C895A on QEMU's PCI bus");
	pci_write(slot, PCI_BAR1, REGISTERS);
	pci_write(slot, PCI_COMMAND, PCI_MEMORY | PCI_MASTER);
	memcpy(qemu.ram + PROGRAM, program, sizeof(program));
	set_up();
}

void chip_reset(void)
{
	set8(ISTAT, ISTAT_RESET);
	set8(ISTAT, 0);
	set_up();
}

/* --- Commands --------------------------------------------------------------------- */

void chip_message(const uint8_t *message, unsigned int n, unsigned int last)
{
	const struct instruction rest = { MOVE(MSG_OUT, last), IN_MAILBOX(message) + n - last };
	const struct instruction no_rest = { JUMP, AT(AT_WAIT_MESSAGE) };

	memcpy(mailbox()->message, message, n);
	at(AT_MESSAGE)->what = MOVE(MSG_OUT, n);
	at(AT_MESSAGE_ONLY)->what = MOVE(MSG_OUT, n - last);
	*at(AT_SET_ATN) = last ? program[AT_SET_ATN] : no_rest;
	*at(AT_MESSAGE_REST) = rest;
}

void chip_command(const uint8_t *cdb, unsigned int n)
{
	memcpy(mailbox()->cdb, cdb, n);
	at(AT_COMMAND)->what = MOVE(COMMAND, n);
}

void chip_buffer(uint32_t address, uint32_t length)
{
	*at(AT_MOVE_IN) = (struct instruction){ MOVE(DATA_IN, length), address };
	*at(AT_MOVE_OUT) = (struct instruction){ MOVE(DATA_OUT, length), address };
}

uint32_t chip_residue(void)
{
	return mmio_read32(REGISTERS + DBC) & 0xffffff;
}

void chip_start(enum entry entry)
{
	static const uint32_t entries[] = {
		[ENTER_SELECT] = AT(AT_SELECT), [ENTER_MESSAGE] = AT(AT_SELECT_ONLY),
		[ENTER_WAIT] = AT(AT_WAIT), [ENTER_PHASE] = AT(AT_PHASE),
		[ENTER_MOVE_IN] = AT(AT_MOVE_IN), [ENTER_MOVE_OUT] = AT(AT_MOVE_OUT),
	};

	mmio_write32(REGISTERS + DSP, entries[entry]);
}

static enum stop why(uint8_t istat)
{
	uint8_t sist0 = 0, sist1 = 0, dstat = 0;

	/* Reading them clears them. */
	if (istat & ISTAT_SCSI) {
		sist0 = get8(SIST0);
		sist1 = get8(SIST1);
	}
	if (istat & ISTAT_DMA)
		dstat = get8(DSTAT);
	if (sist0 & SIST0_RESET)
		return STOP_BUS_RESET;
	if (sist0 & SIST0_MISMATCH)
		return STOP_PHASE_MISMATCH;
	if (sist1 & SIST1_SELECTION)
		return STOP_SELECTION_TIMEOUT;
	if (dstat & DSTAT_INT)
		return mmio_read32(REGISTERS + DSPS);
	return STOP_UNEXPECTED;
}

enum stop chip_wait(uint64_t timeout_ns)
{
	uint64_t end = now_ns() + timeout_ns, pause = 10000;

	for (;;) {
		/* Before the register: what was put aside until then may have its answer. */
		bool over = now_ns() > end;
		uint8_t istat = get8(ISTAT);

		if (istat & (ISTAT_DMA | ISTAT_SCSI))
			return why(istat);
		if (over)
			return STOP_TIMEOUT;
		sleep_ns(pause);
		pause = MIN(pause * 2, MS / 2);
	}
}

void chip_signal(void)
{
	set8(ISTAT, ISTAT_SIGNAL);
}

void chip_take_signal_back(void)
{
	get8(CTEST2);
}

void chip_reset_bus(void)
{
	set8(SCNTL1, SCNTL1_RESET);
	set8(SCNTL1, 0);
}

enum phase chip_phase(void)
{
	return get8(SSTAT1) & 7;
}

uint8_t chip_status(void)
{
	return mailbox()->status;
}

uint8_t chip_tag(void)
{
	return mailbox()->reselected[2];
}

/* --- Names ------------------------------------------------------------------------ */

const char *stop_name(enum stop stop)
{
	static const char *const names[] = {
		[STOP_DATA_IN] = "data in", [STOP_DATA_OUT] = "data out",
		[STOP_DISCONNECTED] = "disconnected", [STOP_COMPLETE] = "complete",
		[STOP_RESELECTED] = "reselected", [STOP_SIGNALLED] = "signalled",
		[STOP_BAD_PHASE] = "a phase that SCSI does not have",
		[STOP_BAD_MESSAGE] = "an unknown message",
		[STOP_PHASE_MISMATCH] = "phase mismatch",
		[STOP_SELECTION_TIMEOUT] = "nobody answered the selection",
		[STOP_BUS_RESET] = "bus reset", [STOP_UNEXPECTED] = "an unexpected interrupt",
		[STOP_TIMEOUT] = "no interrupt",
	};

	return stop < ITEMS(names) && names[stop] ? names[stop] : "an unknown stop";
}

const char *phase_name(enum phase phase)
{
	static const char *const names[8] = {
		"DATA OUT", "DATA IN", "COMMAND", "STATUS", "4", "5", "MSG OUT", "MSG IN",
	};

	return names[phase & 7];
}
