/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The LSI 53C895A: where it is, its registers, and one program in SCRIPTS that
 * takes a SCSI command as far as it gets without the driver.
 *
 *                                 +---------------------------------------+
 *                                 v                                       |
 *   SELECT -> MSG OUT -> CMD -> phase? -- DATA IN, OUT: stop, then MOVE --+
 *     |                           |------ STATUS ------------------------>+
 *     |reselected meanwhile       |                                       |
 *     v                           +------ MSG IN: SAVE DATA POINTER ----->+
 *   MSG IN: identify, tag <-+             DISCONNECT: stop
 *   stop; then phase?       |             COMMAND COMPLETE: stop
 *                           |
 *   WAIT RESELECT ----------+-- signalled: stop
 *
 * Each stop is an interrupt that says which it is.
 */
#ifndef LSI_CHIP_H
#define LSI_CHIP_H

#include "util.h"

enum phase { DATA_OUT, DATA_IN, COMMAND, STATUS, MSG_OUT = 6, MSG_IN };

/* Why the program stopped. */
enum stop {
	STOP_DATA_IN = 1, STOP_DATA_OUT, STOP_DISCONNECTED, STOP_COMPLETE, STOP_RESELECTED,
	STOP_SIGNALLED, STOP_BAD_PHASE, STOP_BAD_MESSAGE,
	/* and those that are no instruction of it */
	STOP_PHASE_MISMATCH, STOP_SELECTION_TIMEOUT, STOP_BUS_RESET, STOP_UNEXPECTED,
	STOP_TIMEOUT,		/* it did not */
};

/* Where it is started; ENTER_MESSAGE selects for a message without command. */
enum entry {
	ENTER_SELECT, ENTER_MESSAGE, ENTER_WAIT, ENTER_PHASE, ENTER_MOVE_IN, ENTER_MOVE_OUT,
};

/* Finds the chip, gives it its place, writes the program to the guest's memory. */
void chip_init(void);

/* Resets the chip, whatever it does, and sets it up again. */
void chip_reset(void);

/* What the next selection sends; the last bytes of a message in a MOVE of their own. */
void chip_message(const uint8_t *message, unsigned int n, unsigned int last);
void chip_command(const uint8_t *cdb, unsigned int n);

/* The buffer of the next MOVE; what of the last one was not moved. */
void chip_buffer(uint32_t address, uint32_t length);
uint32_t chip_residue(void);

void chip_start(enum entry entry);
/* Whether it stopped; which it is asked until it has, or the time is over. */
enum stop chip_wait(uint64_t timeout_ns);
const char *stop_name(enum stop stop);

/*
 * Ends a WAIT RESELECT: the program stops with STOP_SIGNALLED. If it stopped for
 * another reason, the signal has to be taken back.
 */
void chip_signal(void);
void chip_take_signal_back(void);

/* Drives RST on the bus, as long as it takes. */
void chip_reset_bus(void);

enum phase chip_phase(void);
const char *phase_name(enum phase phase);

/* What came in: the status; the tag after a reselection. */
uint8_t chip_status(void);
uint8_t chip_tag(void);

#endif /* LSI_CHIP_H */
