/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the VIRTIO specification asks of a driver and this device can see: a
 * violation is counted under the rule's name and fails tests. The request is
 * still served where that is possible.
 */
#ifndef VBLKDEV_RULES_H
#define VBLKDEV_RULES_H

#include <stdint.h>

enum rule {
	RULE_B7, RULE_B8, RULE_B9, RULE_B10, RULE_B11, RULE_B12, RULE_B13,
	RULE_B15, RULE_B17, RULE_F1, RULE_S1, RULE_S2, RULE_C3, RULE_C9,
	RULE_C10, RULE_R1, RULE_R2, RULE_R3,
	NUM_RULES
};

typedef uint32_t rule_mask;

#define RULE_BIT(rule)	((rule_mask)1 << (rule))

struct rule_text {
	const char *name;
	const char *section;	/* of VIRTIO 1.2 */
	const char *text;
};

extern const struct rule_text rules[NUM_RULES];

#endif /* VBLKDEV_RULES_H */
