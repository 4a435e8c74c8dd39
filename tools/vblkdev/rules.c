// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules by name. Documentation/vblkdev.md has the same list.
 */
#include "rules.h"

const struct rule_text rules[NUM_RULES] = {
	[RULE_B7] = { "B7", "5.2.6.1", "no request reaches beyond the capacity" },
	[RULE_B8] = { "B8", "5.2.6.1", "nothing is written to a read-only device" },
	[RULE_B9] = { "B9", "5.2.6.1", "a flush has sector 0 and no data" },
	[RULE_B10] = { "B10", "5.2.6.1", "data of a read or write is whole sectors" },
	[RULE_B11] = { "B11", "5.2.6.1", "discard and write zeroes carry ranges of 16 bytes" },
	[RULE_B12] = { "B12", "5.2.6.1", "the buffer for the id has 20 bytes" },
	[RULE_B13] = { "B13", "5.2.6.1", "a discard stays within its limits in config space" },
	[RULE_B15] = { "B15", "5.2.6.1", "write zeroes stays within its limits in config space" },
	[RULE_B17] = { "B17", "5.2.6.1", "no flags on a discard, only unmap on write zeroes" },
	[RULE_F1] = { "F1", "2.2", "no command whose feature was not negotiated" },
	[RULE_S1] = { "S1", "5.2.4", "no more data segments than seg_max" },
	[RULE_S2] = { "S2", "5.2.4", "no data segment longer than size_max" },
	[RULE_C3] = { "C3", "3.1.1", "nothing is made available before DRIVER_OK" },
	[RULE_C9] = { "C9", "2.7.4.2", "what the device reads comes before what it writes" },
	[RULE_C10] = { "C10", "2.7.5.3.1", "a chain is no longer than the ring" },
	[RULE_R1] = { "R1", "2.7.13", "no descriptor is made available while the device has it" },
	[RULE_R2] = { "R2", "2.7.13", "indexes and descriptor numbers stay within the ring" },
	[RULE_R3] = { "R3", "2.7.5", "descriptors lie in memory, chains end, tables are whole" },
};
