// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver believes of config space: every field at and beyond its
 * bounds. No QEMU can be made to report most of this.
 */
#include "ktap.h"

#include <string.h>

#include "../../drivers/block/virtio_blk/limits.c"

#define PAGE	4096

static struct vblk_limits lim;
static const char *why;

static bool accepted(struct vblk_config cfg)
{
	why = NULL;
	memset(&lim, 0xa5, sizeof(lim));
	return !vblk_check_config(&cfg, PAGE, &lim, &why);
}

/* One value of one field; the reason must name it. */
#define takes(field, value)	\
	accepted((struct vblk_config) { .has_##field = true, .field = (value) })
#define refuses(field, value)	\
	(!takes(field, value) && why && strstr(why, #field))

static const char *nothing_negotiated(void)
{
	/* Garbage in fields that the device does not offer is not looked at. */
	check(accepted((struct vblk_config) {
		.size_max = 1, .blk_size = 3, .physical_block_exp = 200,
		.opt_io_size = ~0u,
	}));
	check(lim.logical_block_size == 512 && lim.physical_block_size == 512);
	check(lim.io_min == 512 && lim.io_opt == 0 && lim.alignment_offset == 0);
	check(lim.max_segments == 1 && lim.max_segment_size == ~0u);
	check(lim.num_queues == 1 && !lim.dropped);
	return NULL;
}

static const char *capacity(void)
{
	check(accepted((struct vblk_config) { .capacity = 0 }));
	check(accepted((struct vblk_config) { .capacity = INT64_MAX / 512 }));
	check(!accepted((struct vblk_config) { .capacity = INT64_MAX / 512 + 1 }));
	check(strstr(why, "capacity"));
	check(!accepted((struct vblk_config) { .capacity = UINT64_MAX }));
	check(vblk_check_capacity(1ull << 55, &why) == -EINVAL);
	check(vblk_check_capacity(0, &why) == 0);
	return NULL;
}

static const char *blk_size(void)
{
	static const u32 bad[] = { 0, 1, 3, 256, 511, 513, 1536, 8192, 8 << 20,
				   1u << 31, ~0u };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(refuses(blk_size, bad[i]));
	for (i = 512; i <= PAGE; i *= 2) {
		check(takes(blk_size, i));
		check(lim.logical_block_size == i && lim.physical_block_size == i);
		check(lim.io_min == i);
	}
	return NULL;
}

static const char *seg_max(void)
{
	check(refuses(seg_max, 0));
	check(takes(seg_max, 1) && lim.max_segments == 1);
	check(takes(seg_max, 254) && lim.max_segments == 254);
	/* The block layer's limit is an unsigned short. */
	check(takes(seg_max, 65535) && lim.max_segments == 65535);
	check(takes(seg_max, 65536) && lim.max_segments == 65535);
	check(takes(seg_max, ~0u) && lim.max_segments == 65535);
	return NULL;
}

static const char *size_max(void)
{
	check(takes(size_max, 0) && lim.max_segment_size == ~0u);
	check(refuses(size_max, 1));
	check(refuses(size_max, 511));
	check(refuses(size_max, PAGE - 1));
	check(takes(size_max, PAGE) && lim.max_segment_size == PAGE);
	check(takes(size_max, ~0u) && lim.max_segment_size == ~0u);
	return NULL;
}

static const char *num_queues(void)
{
	struct vblk_config cfg = { .has_mq = true };

	check(!accepted(cfg) && strstr(why, "num_queues"));
	cfg.num_queues = 1;
	check(accepted(cfg) && lim.num_queues == 1);
	cfg.num_queues = 65535;
	check(accepted(cfg) && lim.num_queues == 65535);
	return NULL;
}

static struct vblk_config topology(u8 exp, u8 align, u32 min, u32 opt)
{
	return (struct vblk_config) {
		.has_topology = true, .physical_block_exp = exp,
		.alignment_offset = align, .min_io_size = min, .opt_io_size = opt,
	};
}

static const char *topology_believed(void)
{
	struct vblk_config cfg = topology(3, 7, 16, 128);

	check(accepted(cfg) && !lim.dropped);
	check(lim.physical_block_size == 4096 && lim.alignment_offset == 7 * 512);
	check(lim.io_min == 16 * 512 && lim.io_opt == 128 * 512);
	cfg.has_blk_size = true;
	cfg.blk_size = 4096;
	check(accepted(cfg) && !lim.dropped);
	check(lim.physical_block_size == 32768 && lim.io_opt == 128 * 4096);
	/* 0: no hint */
	check(accepted(topology(0, 0, 0, 0)) && !lim.dropped);
	check(lim.io_min == 512 && lim.io_opt == 0);
	return NULL;
}

/* A hint that makes no sense costs no disk, and no shift beyond 31 bits. */
static const char *physical_block_exp(void)
{
	unsigned int exp;

	for (exp = 0; exp <= 255; exp++) {
		check(accepted(topology(exp, 0, 0, 0)));
		if (exp <= 22) {
			check(!lim.dropped && lim.physical_block_size == 512u << exp);
		} else {
			check(!strcmp(lim.dropped, "physical_block_exp"));
			check(lim.physical_block_size == 512);
		}
	}
	return NULL;
}

static const char *alignment_offset(void)
{
	check(accepted(topology(3, 8, 0, 0)));
	check(!strcmp(lim.dropped, "alignment_offset") && !lim.alignment_offset);
	check(accepted(topology(0, 255, 0, 0)));
	check(!strcmp(lim.dropped, "alignment_offset"));
	check(accepted(topology(8, 255, 0, 0)) && !lim.dropped);
	return NULL;
}

static const char *io_sizes(void)
{
	check(accepted(topology(0, 0, 65535, 0)) && !lim.dropped);
	check(lim.io_min == 65535 * 512);
	check(accepted(topology(0, 0, 0, 1 << 17)) && !lim.dropped);
	check(lim.io_opt == 64 << 20);
	check(accepted(topology(0, 0, 0, (1 << 17) + 1)));
	check(!strcmp(lim.dropped, "opt_io_size") && lim.io_opt == 0);
	check(accepted(topology(0, 0, 0, ~0u)));
	check(!strcmp(lim.dropped, "opt_io_size"));
	check(accepted(topology(0, 0, ~0u, 0)));
	check(!strcmp(lim.dropped, "min_io_size") && lim.io_min == 512);
	return NULL;
}

static struct vblk_config discard(u32 sectors, u32 segs, u32 align)
{
	return (struct vblk_config) {
		.has_discard = true, .max_discard_sectors = sectors,
		.max_discard_seg = segs, .discard_sector_alignment = align,
	};
}

static const char *discard_limits(void)
{
	struct vblk_config cfg = discard(2048, 4, 8);

	check(accepted(cfg) && !lim.dropped);
	check(lim.max_discard_sectors == 2048 && lim.max_discard_segments == 4);
	check(lim.discard_granularity == 4096);
	check(!lim.max_write_zeroes_sectors && !lim.max_secure_erase_sectors);
	/* 0: nothing stated. One range is what any device takes. */
	check(accepted(discard(0, 0, 0)) && !lim.dropped);
	check(lim.max_discard_sectors == ~0u && lim.max_discard_segments == 1);
	check(lim.discard_granularity == 512);
	/* A table of ranges fits a page. */
	check(accepted(discard(1, 256, 1)) && lim.max_discard_segments == 256);
	check(accepted(discard(1, ~0u, 1)) && lim.max_discard_segments == 256);
	/* Not offered */
	cfg.has_discard = false;
	check(accepted(cfg) && !lim.max_discard_sectors && !lim.discard_granularity);
	return NULL;
}

/* In bytes it has to fit 32 bits, and be a multiple of the block. */
static const char *discard_alignment(void)
{
	struct vblk_config cfg = discard(8, 1, 0x7fffff);

	check(accepted(cfg) && lim.discard_granularity == 0xfffffe00);
	cfg.discard_sector_alignment = 0x800000;
	check(accepted(cfg) && strstr(lim.dropped, "discard_sector_alignment"));
	check(!lim.max_discard_sectors && !lim.discard_granularity);
	cfg.discard_sector_alignment = ~0u;
	check(accepted(cfg) && strstr(lim.dropped, "discard_sector_alignment"));
	cfg.has_blk_size = true;
	cfg.blk_size = 4096;
	cfg.discard_sector_alignment = 1;
	check(accepted(cfg) && lim.discard_granularity == 4096);
	cfg.discard_sector_alignment = 24;
	check(accepted(cfg) && lim.discard_granularity == 3 * 4096);
	cfg.discard_sector_alignment = 12;
	check(accepted(cfg) && strstr(lim.dropped, "discard_sector_alignment"));
	return NULL;
}

static const char *write_zeroes_limit(void)
{
	struct vblk_config cfg = { .has_write_zeroes = true };

	check(accepted(cfg) && lim.max_write_zeroes_sectors == ~0u);
	cfg.max_write_zeroes_sectors = 1;
	check(accepted(cfg) && lim.max_write_zeroes_sectors == 1 && !lim.dropped);
	return NULL;
}

static const char *secure_erase_limits(void)
{
	struct vblk_config cfg = discard(2048, 1, 8);

	cfg.has_secure_erase = true;
	cfg.max_secure_erase_sectors = 64;
	cfg.secure_erase_sector_alignment = 16;
	check(accepted(cfg) && !lim.dropped);
	check(lim.max_secure_erase_sectors == 64 && lim.max_discard_sectors == 2048);
	check(lim.discard_granularity == 16 * 512);	/* the larger of the two */
	/* In whole units of the alignment, and not less than one */
	cfg.max_secure_erase_sectors = 1000;
	check(accepted(cfg) && lim.max_secure_erase_sectors == 992);
	cfg.max_secure_erase_sectors = 15;
	check(accepted(cfg) && strstr(lim.dropped, "secure_erase"));
	check(!lim.max_secure_erase_sectors);
	cfg.max_secure_erase_sectors = 64;
	cfg.secure_erase_sector_alignment = 4;
	check(accepted(cfg) && lim.discard_granularity == 8 * 512);
	check(lim.max_secure_erase_sectors == 64);
	/* No granularity fits both: discard stays. */
	cfg.secure_erase_sector_alignment = 12;
	check(accepted(cfg) && strstr(lim.dropped, "secure_erase"));
	check(!lim.max_secure_erase_sectors && lim.discard_granularity == 8 * 512);
	cfg.secure_erase_sector_alignment = 0x800000;
	check(accepted(cfg) && strstr(lim.dropped, "secure_erase"));
	check(!lim.max_secure_erase_sectors);
	cfg.secure_erase_sector_alignment = 8;
	cfg.max_secure_erase_sectors = 0;
	check(accepted(cfg) && strstr(lim.dropped, "secure_erase"));
	check(!lim.max_secure_erase_sectors && lim.max_discard_sectors == 2048);
	/* Alone */
	cfg.has_discard = false;
	cfg.max_secure_erase_sectors = 8;
	check(accepted(cfg) && !lim.dropped && lim.max_secure_erase_sectors == 8);
	check(lim.discard_granularity == 4096 && !lim.max_discard_sectors);
	return NULL;
}

static struct vblk_config zoned(u32 zone, u32 append, u32 unit)
{
	return (struct vblk_config) {
		.has_zoned = true, .zone_model = 1, .zone_sectors = zone,
		.max_append_sectors = append, .write_granularity = unit,
		.max_open_zones = 3, .max_active_zones = 5,
	};
}

static const char *zones(void)
{
	struct vblk_config cfg = zoned(2048, 64, 4096);

	check(accepted(cfg) && !lim.dropped);
	check(lim.zone_sectors == 2048 && lim.max_append_sectors == 64);
	check(lim.zone_write_granularity == 4096);
	check(lim.max_open_zones == 3 && lim.max_active_zones == 5);
	/* Not zoned, or usable as if it were not */
	cfg.zone_model = 0;
	check(accepted(cfg) && !lim.zone_sectors);
	cfg.zone_model = 2;
	check(accepted(cfg) && !lim.zone_sectors);
	cfg = zoned(3, 0, 0);
	cfg.has_zoned = false;
	check(accepted(cfg) && !lim.zone_sectors);
	/* An append is never longer than a zone. */
	check(accepted(zoned(2048, ~0u, 512)) && lim.max_append_sectors == 2048);
	return NULL;
}

static const char *zones_that_cannot_be(void)
{
	struct vblk_config cfg = zoned(2048, 64, 512);

	check(!accepted(zoned(0, 64, 512)) && strstr(why, "zone_sectors"));
	check(!accepted(zoned(3000, 64, 512)) && strstr(why, "zone_sectors"));
	check(!accepted(zoned(2048, 64, 0)) && strstr(why, "write_granularity"));
	check(!accepted(zoned(2048, 64, 256)) && strstr(why, "write_granularity"));
	check(!accepted(zoned(2048, 64, 1536)) && strstr(why, "write_granularity"));
	check(!accepted(zoned(1, 64, 1024)) && strstr(why, "write_granularity"));
	check(!accepted(zoned(2048, 0, 512)) && strstr(why, "max_append_sectors"));
	check(!accepted(zoned(2048, 7, 4096)) && strstr(why, "max_append_sectors"));
	cfg.zone_model = 3;
	check(!accepted(cfg) && strstr(why, "model"));
	cfg.zone_model = 1;
	cfg.has_blk_size = true;
	cfg.blk_size = 4096;
	cfg.zone_sectors = 4;
	check(!accepted(cfg) && strstr(why, "zone_sectors"));
	cfg.zone_sectors = 2048;
	cfg.max_append_sectors = 7;
	check(!accepted(cfg) && strstr(why, "max_append_sectors"));
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(nothing_negotiated),
	TEST(capacity),
	TEST(blk_size),
	TEST(seg_max),
	TEST(size_max),
	TEST(num_queues),
	TEST(topology_believed),
	TEST(physical_block_exp),
	TEST(alignment_offset),
	TEST(io_sizes),
	TEST(discard_limits),
	TEST(discard_alignment),
	TEST(write_zeroes_limit),
	TEST(secure_erase_limits),
	TEST(zones),
	TEST(zones_that_cannot_be),
};

int main(void)
{
	return ktap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
