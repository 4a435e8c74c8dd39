// SPDX-License-Identifier: GPL-2.0-only
// Later than 6.12: devices are reset when the machine goes down.
#include <linux/virtio.h>

static void probe(const struct virtio_driver *driver, struct virtio_device *vdev)
{
	if (!driver->shutdown)
		virtio_device_shutdown(vdev);
}
