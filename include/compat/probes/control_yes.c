// SPDX-License-Identifier: GPL-2.0-only
// Every supported kernel has this: if it does not compile, nothing does.
#include <linux/blk-mq.h>
#include <linux/virtio.h>

static int probe(struct virtio_device *vdev, struct request *rq)
{
	return vdev->index + rq->tag;
}
