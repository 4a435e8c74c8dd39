/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vhost-user protocol, as far as a block device needs it: one connection to
 * a front end (QEMU). The main thread's.
 */
#ifndef VBLKDEV_VHOST_USER_H
#define VBLKDEV_VHOST_USER_H

#include "device.h"

void device_init(struct device *dev);

/* There is a front end at this socket now, which becomes ours. */
void vu_connect(struct device *dev, int conn);
/* There is something to read. False: the connection is over, call the next. */
bool vu_readable(struct device *dev);
void vu_disconnect(struct device *dev);

/*
 * Tell the driver that config space changed. False: there is no way to, or the front
 * end does not listen, which ends the connection.
 */
bool vu_config_changed(struct device *dev);

#endif /* VBLKDEV_VHOST_USER_H */
