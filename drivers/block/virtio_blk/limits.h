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
	u32 max_discard_sectors;
	u32 max_discard_seg;
	u32 discard_sector_alignment;
	u32 max_write_zeroes_sectors;
	u32 max_secure_erase_sectors;
	u32 secure_erase_sector_alignment;
	u32 zone_sectors;
	u32 max_open_zones;
	u32 max_active_zones;
	u32 max_append_sectors;
	u32 write_granularity;		/* of a zone, in bytes */
	u8 zone_model;
	bool has_size_max;
	bool has_seg_max;
	bool has_blk_size;
	bool has_topology;
	bool has_mq;
	bool has_discard;
	bool has_write_zeroes;
	bool has_secure_erase;
	bool has_zoned;
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
	u32 max_discard_sectors;	/* 0: no discard; so the next two, too */
	u32 max_write_zeroes_sectors;
	u32 max_secure_erase_sectors;
	u32 discard_granularity;	/* of discard and secure erase */
	u32 zone_sectors;		/* 0: not zoned, and the next four are 0 */
	u32 max_open_zones;
	u32 max_active_zones;
	u32 max_append_sectors;
	u32 zone_write_granularity;
	u16 max_discard_segments;
	u16 num_queues;			/* that the device has, at least 1 */
	const char *dropped;		/* a hint that was not believed, or NULL */
};

int vblk_check_capacity(u64 sectors, const char **why);
int vblk_check_config(const struct vblk_config *cfg, u32 page_size,
		      struct vblk_limits *lim, const char **why);

#endif /* VBLK_LIMITS_H */
