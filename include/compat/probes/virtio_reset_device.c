// SPDX-License-Identifier: GPL-2.0-only
// 5.17: virtio_reset_device().
#include <linux/virtio.h>

static void probe(struct virtio_device *vdev)
{
	virtio_reset_device(vdev);
}
