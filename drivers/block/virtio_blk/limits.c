// SPDX-License-Identifier: GPL-2.0-only
/*
 * Turns config space into queue limits, and refuses what no disk can be. Reads
 * no device and keeps no state: device.c fetches the values, disk.c applies the
 * result. Also compiled for the host, where selftests/host/limits.c tests it.
 */
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#else
#include <errno.h>
#endif
#include "limits.h"

#define VBLK_SECTOR_SIZE	512u
/* The block layer counts segments in an unsigned short. */
#define VBLK_MAX_SEGMENTS	0xffffu
/*
 * optimal_io_size sets the read-ahead window. RAID stripes stay far below this;
 * a larger value would only let the device make the guest read ahead gigabytes.
 */
#define VBLK_MAX_IO_OPT		(64u << 20)
/* The largest physical block that the block layer's 32-bit limits can carry. */
#define VBLK_MAX_PHYSICAL	0x80000000u
/* A table of ranges of this many fills a page. */
#define VBLK_MAX_DISCARD_SEGS	256u
/* VIRTIO 1.3, 5.2.4: the field "model" of zoned devices. */
#define VBLK_ZONES_NONE		0
#define VBLK_ZONES_HOST_MANAGED	1
#define VBLK_ZONES_HOST_AWARE	2

/**
 * vblk_check_capacity() - is this a size that a disk can have?
 * @sectors: the config field "capacity", in 512-byte sectors
 * @why: what is wrong, when the answer is no
 *
 * Zero is fine: the disk may grow later (VIRTIO 1.2, 5.2.5).
 *
 * Return: 0, or -EINVAL where the size in bytes does not fit a loff_t.
 */
int vblk_check_capacity(u64 sectors, const char **why)
{
	if (sectors > (u64)0x7fffffffffffffff / VBLK_SECTOR_SIZE) {
		*why = "the capacity in bytes exceeds 63 bits";
		return -EINVAL;
	}
	return 0;
}

/* Hints only steer performance, so one that makes no sense costs no disk. */
static void vblk_check_topology(const struct vblk_config *cfg,
				struct vblk_limits *lim)
{
	u32 block = lim->logical_block_size;

	if (cfg->physical_block_exp > 31 ||
	    block > VBLK_MAX_PHYSICAL >> cfg->physical_block_exp) {
		lim->dropped = "physical_block_exp";
	} else {
		lim->physical_block_size = block << cfg->physical_block_exp;
		if (cfg->alignment_offset >> cfg->physical_block_exp)
			lim->dropped = "alignment_offset";
		else
			lim->alignment_offset = block * cfg->alignment_offset;
	}

	if (cfg->min_io_size > VBLK_MAX_IO_OPT / block)
		lim->dropped = "min_io_size";
	else if (cfg->min_io_size)
		lim->io_min = block * cfg->min_io_size;

	if (cfg->opt_io_size > VBLK_MAX_IO_OPT / block)
		lim->dropped = "opt_io_size";
	else
		lim->io_opt = block * cfg->opt_io_size;
}

/* An alignment in sectors as a granularity in bytes; 0 if it is none. */
static u32 vblk_granularity(u32 sectors, u32 block)
{
	if (sectors > 0xffffffffu / VBLK_SECTOR_SIZE)
		return 0;
	/* The device need not state what the block size says anyway. */
	if (sectors * VBLK_SECTOR_SIZE < block)
		return block;
	return sectors * VBLK_SECTOR_SIZE % block ? 0 : sectors * VBLK_SECTOR_SIZE;
}

/*
 * Discard, write zeroes and secure erase: a disk can do without. Where devices
 * in the field leave a limit at 0, they state none.
 */
static void vblk_check_erasing(const struct vblk_config *cfg,
			       struct vblk_limits *lim)
{
	u32 block = lim->logical_block_size, granularity, unit;

	if (cfg->has_write_zeroes)
		lim->max_write_zeroes_sectors = cfg->max_write_zeroes_sectors ?: 0xffffffffu;

	if (cfg->has_discard) {
		granularity = vblk_granularity(cfg->discard_sector_alignment, block);
		if (!granularity) {
			lim->dropped = "discard_sector_alignment (and so discard)";
		} else {
			lim->discard_granularity = granularity;
			lim->max_discard_sectors = cfg->max_discard_sectors ?: 0xffffffffu;
			lim->max_discard_segments =
				cfg->max_discard_seg > VBLK_MAX_DISCARD_SEGS ?
				VBLK_MAX_DISCARD_SEGS : cfg->max_discard_seg ?: 1;
		}
	}

	if (cfg->has_secure_erase) {
		granularity = vblk_granularity(cfg->secure_erase_sector_alignment, block);
		unit = granularity / VBLK_SECTOR_SIZE;
		if (!granularity || cfg->max_secure_erase_sectors < unit) {
			lim->dropped = "secure_erase limits (and so secure erase)";
			return;
		}
		/* The kernel knows one granularity for both. */
		if (!lim->discard_granularity || granularity % lim->discard_granularity == 0) {
			lim->discard_granularity = granularity;
		} else if (lim->discard_granularity % granularity) {
			lim->dropped = "secure_erase_sector_alignment (and so secure erase)";
			return;
		}
		/* The block layer cuts at the limit: in aligned pieces then. */
		lim->max_secure_erase_sectors = cfg->max_secure_erase_sectors -
						cfg->max_secure_erase_sectors % unit;
	}
}

static int vblk_check_zones(const struct vblk_config *cfg, struct vblk_limits *lim,
			    const char **why)
{
	u32 zone = cfg->zone_sectors, unit = cfg->write_granularity;

	switch (cfg->zone_model) {
	case VBLK_ZONES_NONE:
	case VBLK_ZONES_HOST_AWARE:	/* may be used as if it were plain */
		return 0;
	case VBLK_ZONES_HOST_MANAGED:
		break;
	default:
		*why = "the zone model is unknown";
		return -EINVAL;
	}
	if (!zone || zone & (zone - 1) ||
	    zone < lim->logical_block_size / VBLK_SECTOR_SIZE) {
		*why = "zone_sectors is no power of two of at least a block";
		return -EINVAL;
	}
	if (unit < VBLK_SECTOR_SIZE || unit & (unit - 1) ||
	    unit / VBLK_SECTOR_SIZE > zone) {
		*why = "write_granularity is no power of two from a sector to a zone";
		return -EINVAL;
	}
	if (cfg->max_append_sectors < unit / VBLK_SECTOR_SIZE ||
	    cfg->max_append_sectors < lim->logical_block_size / VBLK_SECTOR_SIZE) {
		*why = "max_append_sectors is below write_granularity or a block";
		return -EINVAL;
	}
	lim->zone_sectors = zone;
	lim->max_open_zones = cfg->max_open_zones;
	lim->max_active_zones = cfg->max_active_zones;
	lim->zone_write_granularity = unit;
	lim->max_append_sectors = cfg->max_append_sectors < zone ?
				  cfg->max_append_sectors : zone;
	return 0;
}

/**
 * vblk_check_config() - validate config space
 * @cfg: what the device says
 * @page_size: the kernel's page size: the block layer takes no larger logical
 *	block on every kernel, and makes no smaller segment
 * @lim: the result; valid only when 0 is returned
 * @why: what is wrong, otherwise
 *
 * A value that requests depend on and that no disk can have is refused; a hint
 * that makes no sense is left out and named in &vblk_limits.dropped.
 *
 * Return: 0 or -EINVAL.
 */
int vblk_check_config(const struct vblk_config *cfg, u32 page_size,
		      struct vblk_limits *lim, const char **why)
{
	*lim = (struct vblk_limits) {
		.logical_block_size = VBLK_SECTOR_SIZE,
		.max_segments = 1,
		.max_segment_size = 0xffffffffu,
		.num_queues = 1,
	};

	if (vblk_check_capacity(cfg->capacity, why))
		return -EINVAL;

	if (cfg->has_mq) {
		if (!cfg->num_queues) {
			*why = "num_queues is 0";
			return -EINVAL;
		}
		lim->num_queues = cfg->num_queues;
	}

	if (cfg->has_seg_max) {
		if (!cfg->seg_max) {
			*why = "seg_max is 0";
			return -EINVAL;
		}
		lim->max_segments = cfg->seg_max < VBLK_MAX_SEGMENTS ?
				    cfg->seg_max : VBLK_MAX_SEGMENTS;
	}

	/* Left at 0, as qemu-storage-daemon does, it states none. */
	if (cfg->has_size_max && cfg->size_max) {
		if (cfg->size_max < page_size) {
			*why = "size_max is below the page size";
			return -EINVAL;
		}
		lim->max_segment_size = cfg->size_max;
	}

	if (cfg->has_blk_size) {
		u32 size = cfg->blk_size;

		if (size < VBLK_SECTOR_SIZE || size > page_size ||
		    size & (size - 1)) {
			*why = "blk_size is no power of two from 512 to the page size";
			return -EINVAL;
		}
		lim->logical_block_size = size;
	}

	lim->physical_block_size = lim->logical_block_size;
	lim->io_min = lim->logical_block_size;
	if (cfg->has_topology)
		vblk_check_topology(cfg, lim);
	vblk_check_erasing(cfg, lim);
	return cfg->has_zoned ? vblk_check_zones(cfg, lim, why) : 0;
}
