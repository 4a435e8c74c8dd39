// SPDX-License-Identifier: GPL-2.0-only
// Later than 6.12: drivers hear of resets by the bus.
#include <linux/virtio.h>

static int probe(const struct virtio_driver *driver)
{
	return driver->reset_prepare || driver->reset_done;
}
