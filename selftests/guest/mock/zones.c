// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host-managed zones (VIRTIO 1.3, 5.2.6.2): states, write pointers, reports;
 * and reports that cannot be true.
 */
#include "mock.h"

#include <linux/slab.h>

enum mock_zone_type {
	MOCK_ZT_CONV = 1,
	MOCK_ZT_SWR = 2,
};

enum mock_zone_state {
	MOCK_ZS_NOT_WP,
	MOCK_ZS_EMPTY,
	MOCK_ZS_IOPEN,
	MOCK_ZS_EOPEN,
	MOCK_ZS_CLOSED,
	MOCK_ZS_RDONLY = 13,
	MOCK_ZS_FULL = 14,
	MOCK_ZS_OFFLINE = 15,
};

struct mock_zone_desc {
	__le64 cap;
	__le64 start;
	__le64 wp;
	u8 type;
	u8 state;
	u8 reserved[38];
};

struct mock_zone_header {
	__le64 nr_zones;
	u8 reserved[56];
};

static u64 mock_size(const struct mock *mock)
{
	return mock_config(mock, "zone_sectors");
}

static u64 mock_start(const struct mock *mock, const struct mock_zone *zone)
{
	return (zone - mock->zones) * mock_size(mock);
}

static u64 mock_len(const struct mock *mock, const struct mock_zone *zone)
{
	return min(mock_size(mock), mock_config(mock, "capacity") - mock_start(mock, zone));
}

static u64 mock_cap(const struct mock *mock, const struct mock_zone *zone)
{
	u64 len = mock_len(mock, zone);

	if (zone->type == MOCK_ZT_CONV || !mock->opt.zone_cap)
		return len;
	return min(len, mock->opt.zone_cap);
}

/**
 * mock_zones_init() - all zones empty, if they have another size now
 * @mock: the device
 *
 * Return: 0 or -ENOMEM, and then there are none.
 */
int mock_zones_init(struct mock *mock)
{
	unsigned int i;

	if (mock_size(mock) == mock->zone_size)
		return 0;
	mock->zone_size = mock_size(mock);
	mock->num_zones = 0;
	kvfree(mock->zones);
	mock->zones = NULL;
	if (!mock->zone_size)
		return 0;
	mock->zones = kvcalloc(DIV_ROUND_UP_ULL(mock->memory_sectors, mock->zone_size),
			       sizeof(*mock->zones), GFP_KERNEL);
	if (!mock->zones)
		return -ENOMEM;
	mock->num_zones = DIV_ROUND_UP_ULL(mock->memory_sectors, mock->zone_size);
	for (i = 0; i < mock->num_zones; i++) {
		struct mock_zone *zone = &mock->zones[i];

		zone->type = i < mock->opt.conv_zones ? MOCK_ZT_CONV : MOCK_ZT_SWR;
		zone->state = i < mock->opt.conv_zones ? MOCK_ZS_NOT_WP : MOCK_ZS_EMPTY;
		zone->wp = mock_start(mock, zone);
	}
	return 0;
}

static struct mock_zone *mock_find_zone(struct mock *mock, u64 sector)
{
	u64 i;

	if (!mock->num_zones)
		return NULL;
	i = div64_u64(sector, mock_size(mock));
	return i < mock->num_zones ? &mock->zones[i] : NULL;
}

static unsigned int mock_count(const struct mock *mock, unsigned int states)
{
	unsigned int i, n = 0;

	for (i = 0; i < mock->num_zones; i++)
		n += !!(BIT(mock->zones[i].state) & states);
	return n;
}

static void mock_close(struct mock *mock, struct mock_zone *zone)
{
	zone->state = zone->wp == mock_start(mock, zone) ? MOCK_ZS_EMPTY : MOCK_ZS_CLOSED;
}

/* Make room for one more open zone. */
static u8 mock_open(struct mock *mock, struct mock_zone *zone, enum mock_zone_state state)
{
	u64 open = mock_config(mock, "max_open_zones");
	u64 active = mock_config(mock, "max_active_zones");
	const unsigned int opened = BIT(MOCK_ZS_IOPEN) | BIT(MOCK_ZS_EOPEN);
	unsigned int i;

	if (BIT(zone->state) & opened) {
		zone->state = max_t(u8, zone->state, state);
		return MOCK_S_OK;
	}
	if (zone->state == MOCK_ZS_EMPTY && active &&
	    mock_count(mock, opened | BIT(MOCK_ZS_CLOSED)) >= active)
		return MOCK_S_ZONE_ACTIVE_RESOURCE;
	if (open && mock_count(mock, opened) >= open) {
		for (i = 0; i < mock->num_zones; i++)
			if (mock->zones[i].state == MOCK_ZS_IOPEN)
				break;
		if (i == mock->num_zones)
			return MOCK_S_ZONE_OPEN_RESOURCE;
		mock_close(mock, &mock->zones[i]);
	}
	zone->state = state;
	return MOCK_S_OK;
}

static u8 mock_fill(struct mock *mock, struct mock_zone *zone, u64 count)
{
	u64 end = mock_start(mock, zone) + mock_cap(mock, zone);
	u8 status;

	if (zone->state == MOCK_ZS_FULL || zone->wp + count > end)
		return MOCK_S_ZONE_INVALID_CMD;
	status = mock_open(mock, zone, MOCK_ZS_IOPEN);
	if (status)
		return status;
	zone->wp += count;
	if (zone->wp == end)
		zone->state = MOCK_ZS_FULL;
	return MOCK_S_OK;
}

static void mock_check_unit(struct mock *mock, const char *what, u64 count)
{
	u64 unit = mock_config(mock, "write_granularity") / 512;

	if (unit && count % unit)
		mock_violation(mock, "%s: %llu sectors, not a multiple of write_granularity",
			       what, count);
}

u8 mock_zone_write(struct mock *mock, u64 sector, u64 count)
{
	struct mock_zone *zone = mock_find_zone(mock, sector);

	if (!zone || sector + count > mock_start(mock, zone) + mock_len(mock, zone)) {
		mock_violation(mock, "a write of %llu sectors at %llu crosses zones",
			       count, sector);
		return MOCK_S_ZONE_INVALID_CMD;
	}
	if (zone->type == MOCK_ZT_CONV)
		return MOCK_S_OK;
	mock_check_unit(mock, "write", count);
	if (zone->state != MOCK_ZS_FULL && sector != zone->wp)
		return MOCK_S_ZONE_UNALIGNED_WP;
	return mock_fill(mock, zone, count);
}

u8 mock_zone_append(struct mock *mock, u64 sector, u64 count, u64 *at, u64 *told)
{
	struct mock_zone *zone = mock_find_zone(mock, sector);
	u64 start;

	if (!zone || sector != mock_start(mock, zone)) {
		mock_violation(mock, "append: %llu is no start of a zone", sector);
		return MOCK_S_ZONE_INVALID_CMD;
	}
	mock_check_unit(mock, "append", count);
	if (count > mock_config(mock, "max_append_sectors"))
		mock_violation(mock, "append: %llu sectors", count);
	start = mock_start(mock, zone);
	*at = zone->wp;
	*told = *at;
	if (mock->lie == MOCK_LIE_APPEND_BEFORE)
		*told = start - 1;
	else if (mock->lie == MOCK_LIE_APPEND_AFTER)
		*told = start + mock_size(mock);
	else if (mock->lie == MOCK_LIE_APPEND_ACROSS)
		*told = start + mock_size(mock) - count + 1;
	else if (mock->lie == MOCK_LIE_APPEND_WRAP)
		*told = U64_MAX - count + 1;
	return zone->type == MOCK_ZT_CONV ? MOCK_S_ZONE_INVALID_CMD :
	       mock_fill(mock, zone, count);
}

static u8 mock_op(struct mock *mock, struct mock_zone *zone, u32 type)
{
	switch (type) {
	case MOCK_T_ZONE_OPEN:
		return zone->state == MOCK_ZS_FULL ? MOCK_S_ZONE_INVALID_CMD :
		       mock_open(mock, zone, MOCK_ZS_EOPEN);
	case MOCK_T_ZONE_CLOSE:
		if (zone->state == MOCK_ZS_EMPTY || zone->state == MOCK_ZS_FULL)
			return MOCK_S_ZONE_INVALID_CMD;
		mock_close(mock, zone);
		return MOCK_S_OK;
	case MOCK_T_ZONE_FINISH:
		zone->wp = mock_start(mock, zone) + mock_cap(mock, zone);
		zone->state = MOCK_ZS_FULL;
		return MOCK_S_OK;
	default:
		zone->wp = mock_start(mock, zone);
		zone->state = MOCK_ZS_EMPTY;
		memset(mock->memory + zone->wp * 512, 0, mock_len(mock, zone) * 512);
		return MOCK_S_OK;
	}
}

u8 mock_zone_op(struct mock *mock, u32 type, u64 sector)
{
	struct mock_zone *zone = mock_find_zone(mock, sector);
	unsigned int i;

	if (!zone || sector != mock_start(mock, zone)) {
		mock_violation(mock, "type %u: %llu is no start of a zone", type, sector);
		return MOCK_S_ZONE_INVALID_CMD;
	}
	if (type != MOCK_T_ZONE_RESET_ALL)
		return zone->type == MOCK_ZT_CONV ? MOCK_S_ZONE_INVALID_CMD :
		       mock_op(mock, zone, type);
	if (sector)
		mock_violation(mock, "reset all: sector %llu", sector);
	for (i = 0; i < mock->num_zones; i++)
		if (mock->zones[i].type != MOCK_ZT_CONV)
			mock_op(mock, &mock->zones[i], MOCK_T_ZONE_RESET);
	return MOCK_S_OK;
}

static void mock_lie_about_zone(struct mock *mock, const struct mock_zone *zone,
				struct mock_zone_desc *desc)
{
	u64 start = mock_start(mock, zone);

	switch (mock->lie) {
	case MOCK_LIE_ZONE_START:
		desc->start = cpu_to_le64(start + 8);
		break;
	case MOCK_LIE_ZONE_CAP_0:
		desc->cap = 0;
		break;
	case MOCK_LIE_ZONE_CAP:
		desc->cap = cpu_to_le64(mock_size(mock) + 1);
		break;
	case MOCK_LIE_ZONE_WP:
		desc->wp = cpu_to_le64(start + mock_cap(mock, zone) + 8);
		break;
	case MOCK_LIE_ZONE_WP_LOW:
		desc->wp = cpu_to_le64(start - 1);
		break;
	case MOCK_LIE_ZONE_TYPE:
		desc->type = 7;
		break;
	case MOCK_LIE_ZONE_STATE:
		desc->state = 9;
		break;
	case MOCK_LIE_ZONE_CONV:
		desc->type = MOCK_ZT_CONV;
		desc->state = MOCK_ZS_EOPEN;
		break;
	default:
		break;
	}
}

size_t mock_zone_report(struct mock *mock, u64 sector, void *buf, size_t len)
{
	struct mock_zone_header *header = buf;
	struct mock_zone_desc *desc = buf + sizeof(*header);
	struct mock_zone *zone = mock_find_zone(mock, sector);
	u64 room, n = 0;

	if (len < sizeof(*header) + sizeof(*desc) || !zone) {
		mock_violation(mock, "report: of sector %llu in %zu bytes", sector, len);
		return 0;
	}
	room = (len - sizeof(*header)) / sizeof(*desc);
	if (mock->lie == MOCK_LIE_REPORT_FEW)
		room = 1;
	else if (mock->lie == MOCK_LIE_REPORT_EMPTY)
		room = 0;
	for (; n < room && zone < mock->zones + mock->num_zones; n++, zone++, desc++) {
		desc->cap = cpu_to_le64(mock_cap(mock, zone));
		desc->start = cpu_to_le64(mock_start(mock, zone));
		/* Where there is none, what it says means nothing. */
		desc->wp = cpu_to_le64(zone->type == MOCK_ZT_CONV ||
				       zone->state == MOCK_ZS_FULL ? U64_MAX : zone->wp);
		desc->type = zone->type;
		desc->state = zone->state;
		if (zone - mock->zones == mock->opt.lie_zone)
			mock_lie_about_zone(mock, zone, desc);
	}
	if (mock->lie == MOCK_LIE_REPORT_MANY)
		n = U64_MAX;
	header->nr_zones = cpu_to_le64(n);
	return len;
}

/* One line a zone: its number, start, length, capacity, write pointer, type, state. */
int mock_zone_show(struct mock *mock, char *buf, size_t size)
{
	unsigned int i;
	int n = 0;

	for (i = 0; i < mock->num_zones; i++) {
		struct mock_zone *zone = &mock->zones[i];

		n += scnprintf(buf + n, size - n, "%u %llu %llu %llu %llu %u %u\n", i,
			       mock_start(mock, zone), mock_len(mock, zone),
			       mock_cap(mock, zone), zone->wp - mock_start(mock, zone),
			       zone->type, zone->state);
	}
	return n;
}
