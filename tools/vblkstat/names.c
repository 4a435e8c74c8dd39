// SPDX-License-Identifier: GPL-2.0-only
/*
 * The words of the driver's file of counters, which JSON uses, too.
 */
#include "vblkstat.h"

const char * const key_names[KEY_COUNT] = {
	[KEY_QUEUE] = "queue",
	[KEY_INFLIGHT_PLAIN] = "inflight_plain",
	[KEY_INFLIGHT_POLLED] = "inflight_polled",
	[KEY_PLAIN] = "plain",
	[KEY_POLLED] = "polled",
	[KEY_REAPED_POLL] = "reaped_poll",
	[KEY_REAPED_IRQ] = "reaped_irq",
	[KEY_REAPED_GUARD] = "reaped_guard",
	[KEY_REAPED_OTHER] = "reaped_other",
	[KEY_KICKS] = "kicks",
	[KEY_KICKS_CORE] = "kicks_core",
	[KEY_RING_FULL] = "ring_full",
	[KEY_IRQS] = "irqs",
	[KEY_GUARD_FIRED] = "guard_fired",
	[KEY_STALLS] = "stalls",
	[KEY_SLEEPERS] = "sleepers",
	[KEY_TIMEOUTS] = "timeouts",
	[KEY_RETURNED] = "returned",
	[KEY_SPINS] = "spins",
	[KEY_SPINS_WON] = "spins_won",
	[KEY_SPINS_LOST] = "spins_lost",
	[KEY_SPIN_NS] = "spin_ns",
};

const char * const callbacks_names[] = {
	[CALLBACKS_UNKNOWN] = NULL,
	[CALLBACKS_ON] = "on",
	[CALLBACKS_OFF] = "off",
	[CALLBACKS_BOTH] = "both",
};

const char * const polls_names[] = {
	[POLLS_UNKNOWN] = NULL,
	[POLLS_TWIN] = "twin",
	[POLLS_DEDICATED] = "dedicated",
	[POLLS_NO] = "no",
	[POLLS_SOME] = "some",
};
