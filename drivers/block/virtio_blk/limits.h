/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a device may say about itself, and what the driver makes of it. Plain
 * numbers in and out, so that the host can test every case (no QEMU can be
 * made to report most of them).
 */
#ifndef VBLK_LIMITS_H
#define VBLK_LIMITS_H

#include <linux/types.h>

/**
 * struct vblk_config - config space (VIRTIO 1.2, 5.2.4) in CPU byte order
 *
 * A field counts only where its has_ flag says that the feature it depends on
 * was negotiated.
 */
struct vblk_config {
	u64 capacity;			/* in 512-byte sectors */
	u32 size_max;
	u32 seg_max;
	u32 blk_size;
	u32 min_io_size;		/* topology: in logical blocks, 16 bits wide */
	u32 opt_io_size;
	u8 physical_block_exp;
	u8 alignment_offset;
	u16 num_queues;
	bool has_size_max;
	bool has_seg_max;
	bool has_blk_size;
	bool has_topology;
	bool has_mq;
};

/**
 * struct vblk_limits - validated limits, in bytes where nothing else is said
 */
struct vblk_limits {
	u32 logical_block_size;
	u32 physical_block_size;
	u32 alignment_offset;
	u32 io_min;
	u32 io_opt;
	u32 max_segments;		/* not yet bounded by the ring */
	u32 max_segment_size;
	u16 num_queues;			/* that the device has, at least 1 */
	const char *dropped;		/* a hint that was not believed, or NULL */
};

int vblk_check_capacity(u64 sectors, const char **why);
int vblk_check_config(const struct vblk_config *cfg, u32 page_size,
		      struct vblk_limits *lim, const char **why);

#endif /* VBLK_LIMITS_H */
