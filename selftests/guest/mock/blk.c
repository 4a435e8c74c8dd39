// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device does for a request (VIRTIO 1.3, 5.2.6), and what it has to say
 * against it: whatever the specification forbids a driver is a violation.
 */
#include "mock.h"

#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#define MOCK_ID		"a mock"
#define MOCK_ID_BYTES	20

struct mock_header {
	__le32 type;
	__le32 reserved;
	__le64 sector;
};

struct mock_range {
	__le64 sector;
	__le32 num_sectors;
	__le32 flags;
};

/**
 * mock_copy() - between a buffer and a part of a chain
 * @iov: the chain's pieces
 * @num: how many
 * @offset: where to begin
 * @buf: the buffer
 * @len: of it
 * @to_iov: which way
 *
 * Return: how many bytes it was.
 */
size_t mock_copy(const struct mock_iov *iov, unsigned int num, size_t offset,
		 void *buf, size_t len, bool to_iov)
{
	size_t done = 0;

	for (; num && done < len; iov++, num--) {
		size_t n;

		if (offset >= iov->len) {
			offset -= iov->len;
			continue;
		}
		n = min_t(size_t, iov->len - offset, len - done);
		if (to_iov)
			memcpy(iov->base + offset, buf + done, n);
		else
			memcpy(buf + done, iov->base + offset, n);
		offset = 0;
		done += n;
	}
	return done;
}

static bool mock_in_disk(struct mock *mock, u32 type, u64 sector, u64 count)
{
	u64 capacity = mock_config(mock, "capacity");

	if (sector > capacity || count > capacity - sector) {
		mock_violation(mock, "type %u: %llu sectors at %llu are beyond the capacity",
			       type, count, sector);
		return false;
	}
	return sector <= mock->memory_sectors && count <= mock->memory_sectors - sector;
}

static u64 mock_block_sectors(const struct mock *mock)
{
	return mock_has(mock, MOCK_F_BLK_SIZE) ? mock_config(mock, "blk_size") / 512 : 1;
}

static u8 mock_write(struct mock *mock, const struct mock_chain *chain, u64 sector,
		     u64 count)
{
	mock_copy(chain->iov, chain->num_out, sizeof(struct mock_header),
		  mock->memory + sector * 512, count * 512, false);
	return MOCK_S_OK;
}

static u8 mock_data(struct mock *mock, const struct mock_chain *chain, u32 type, u64 sector)
{
	size_t len = type == MOCK_T_IN ? chain->in_len - 1 :
		     chain->out_len - sizeof(struct mock_header);
	u64 count = len / 512;
	u8 status;

	if (!len || len % 512)
		mock_violation(mock, "type %u: %zu bytes of data", type, len);
	if (!mock_in_disk(mock, type, sector, count))
		return MOCK_S_IOERR;
	if (sector % mock_block_sectors(mock) || count % mock_block_sectors(mock))
		mock_violation(mock, "type %u: not whole blocks", type);
	if (type == MOCK_T_IN) {
		mock_copy(chain->iov + chain->num_out, chain->num_in, 0,
			  mock->memory + sector * 512, len, true);
		return MOCK_S_OK;
	}
	if (mock_has(mock, MOCK_F_RO))
		mock_violation(mock, "written although it is read-only");
	if (mock->num_zones) {
		status = mock_zone_write(mock, sector, count);
		if (status)
			return status;
	}
	return mock_write(mock, chain, sector, count);
}

static u8 mock_append(struct mock *mock, const struct mock_chain *chain, u64 sector)
{
	u64 len = chain->out_len - sizeof(struct mock_header), at = 0, told = 0;
	__le64 le;
	u8 status;

	if (chain->in_len != sizeof(le) + 1)
		mock_violation(mock, "append: %zu bytes to write, not 9", chain->in_len);
	if (!len || len % 512)
		mock_violation(mock, "append: %llu bytes of data", len);
	status = mock_zone_append(mock, sector, len / 512, &at, &told);
	if (status)
		return status;
	le = cpu_to_le64(told);
	mock_copy(chain->iov + chain->num_out, chain->num_in, 0, &le, sizeof(le), true);
	return mock_write(mock, chain, at, len / 512);
}

/* The three limits of a kind of range: VIRTIO 1.3, 5.2.6.1. */
static void mock_check_range(struct mock *mock, u32 type, u64 sector, u64 count, u32 flags)
{
	u64 most, align = 1;

	switch (type) {
	case MOCK_T_DISCARD:
		most = mock_config(mock, "max_discard_sectors");
		align = mock_config(mock, "discard_sector_alignment");
		break;
	case MOCK_T_SECURE_ERASE:
		most = mock_config(mock, "max_secure_erase_sectors");
		align = mock_config(mock, "secure_erase_sector_alignment");
		break;
	default:
		most = mock_config(mock, "max_write_zeroes_sectors");
	}
	if (most && count > most)
		mock_violation(mock, "type %u: a range of %llu sectors", type, count);
	if (align && (sector % align || count % align))
		mock_violation(mock, "type %u: %llu sectors at %llu are not aligned to %llu",
			       type, count, sector, align);
	if (flags && (type != MOCK_T_WRITE_ZEROES || flags != 1))
		mock_violation(mock, "type %u: flags %x", type, flags);
	mock->seen.unmap += flags & 1;
	mock->seen.largest_range = max(mock->seen.largest_range, count);
}

static u8 mock_ranges(struct mock *mock, const struct mock_chain *chain, u32 type)
{
	size_t len = chain->out_len - sizeof(struct mock_header);
	u64 n = len / sizeof(struct mock_range), most;
	struct mock_range range;
	unsigned int i;

	most = mock_config(mock, type == MOCK_T_DISCARD ? "max_discard_seg" :
			   type == MOCK_T_SECURE_ERASE ? "max_secure_erase_seg" :
			   "max_write_zeroes_seg");
	if (!n || len % sizeof(range))
		mock_violation(mock, "type %u: %zu bytes of ranges", type, len);
	if (n > max_t(u64, most, 1))
		mock_violation(mock, "type %u: %llu ranges of at most %llu", type, n, most);
	mock->seen.ranges += n;
	mock->seen.most_ranges = max(mock->seen.most_ranges, n);

	for (i = 0; i < n; i++) {
		u64 sector, count;

		mock_copy(chain->iov, chain->num_out,
			  sizeof(struct mock_header) + i * sizeof(range), &range,
			  sizeof(range), false);
		sector = le64_to_cpu(range.sector);
		count = le32_to_cpu(range.num_sectors);
		mock_check_range(mock, type, sector, count, le32_to_cpu(range.flags));
		if (!mock_in_disk(mock, type, sector, count))
			return MOCK_S_IOERR;
		memset(mock->memory + sector * 512, 0, count * 512);
	}
	return MOCK_S_OK;
}

static u8 mock_get_id(struct mock *mock, const struct mock_chain *chain)
{
	char id[MOCK_ID_BYTES] = MOCK_ID;

	if (chain->in_len != MOCK_ID_BYTES + 1)
		mock_violation(mock, "GET_ID: %zu bytes to write, not 21", chain->in_len);
	mock_copy(chain->iov + chain->num_out, chain->num_in, 0, id, sizeof(id), true);
	return MOCK_S_OK;
}

static u8 mock_report(struct mock *mock, const struct mock_chain *chain, u64 sector)
{
	size_t len = chain->in_len - 1;
	void *report = vzalloc(len);

	if (!report)
		return MOCK_S_IOERR;
	len = mock_zone_report(mock, sector, report, len);
	mock_copy(chain->iov + chain->num_out, chain->num_in, 0, report, len, true);
	vfree(report);
	return len ? MOCK_S_OK : MOCK_S_ZONE_INVALID_CMD;
}

/* Which feature a type needs; 0 for none. */
static unsigned int mock_needs(u32 type)
{
	switch (type) {
	case MOCK_T_FLUSH:
		return MOCK_F_FLUSH;
	case MOCK_T_DISCARD:
		return MOCK_F_DISCARD;
	case MOCK_T_WRITE_ZEROES:
		return MOCK_F_WRITE_ZEROES;
	case MOCK_T_SECURE_ERASE:
		return MOCK_F_SECURE_ERASE;
	default:
		return type >= MOCK_T_ZONE_APPEND ? MOCK_F_ZONED : 0;
	}
}

static u8 mock_do(struct mock *mock, const struct mock_chain *chain, u32 type, u64 sector)
{
	unsigned int feature = mock_needs(type);
	bool data = type == MOCK_T_OUT || type == MOCK_T_ZONE_APPEND ||
		    feature == MOCK_F_DISCARD || feature == MOCK_F_WRITE_ZEROES ||
		    feature == MOCK_F_SECURE_ERASE;

	if (feature && !mock_has(mock, feature)) {
		mock_violation(mock, "type %u without its feature", type);
		return MOCK_S_UNSUPP;
	}
	if (!data && chain->out_len != sizeof(struct mock_header))
		mock_violation(mock, "type %u: %zu bytes to read", type, chain->out_len);
	switch (type) {
	case MOCK_T_IN:
	case MOCK_T_OUT:
		return mock_data(mock, chain, type, sector);
	case MOCK_T_FLUSH:
		if (sector || chain->in_len != 1)
			mock_violation(mock, "flush: sector %llu, %zu bytes to write",
				       sector, chain->in_len);
		return MOCK_S_OK;
	case MOCK_T_GET_ID:
		return mock_get_id(mock, chain);
	case MOCK_T_DISCARD:
	case MOCK_T_WRITE_ZEROES:
	case MOCK_T_SECURE_ERASE:
		return mock_ranges(mock, chain, type);
	case MOCK_T_ZONE_APPEND:
		return mock_append(mock, chain, sector);
	case MOCK_T_ZONE_REPORT:
		return mock_report(mock, chain, sector);
	default:
		return mock_zone_op(mock, type, sector);
	}
}

static bool mock_known(u32 type)
{
	return type < MOCK_TYPES &&
	       (BIT(MOCK_T_IN) | BIT(MOCK_T_OUT) | BIT(MOCK_T_FLUSH) | BIT(MOCK_T_GET_ID) |
		BIT(MOCK_T_DISCARD) | BIT(MOCK_T_WRITE_ZEROES) | BIT(MOCK_T_SECURE_ERASE) |
		BIT(MOCK_T_ZONE_APPEND) | BIT(MOCK_T_ZONE_REPORT) | BIT(MOCK_T_ZONE_OPEN) |
		BIT(MOCK_T_ZONE_CLOSE) | BIT(MOCK_T_ZONE_FINISH) | BIT(MOCK_T_ZONE_RESET) |
		BIT(MOCK_T_ZONE_RESET_ALL)) & BIT(type);
}

/**
 * mock_request() - do one
 * @mock: the device
 * @chain: what came through the ring
 *
 * Context: the device's lock held.
 * Return: how many bytes of the chain count as written.
 */
u32 mock_request(struct mock *mock, const struct mock_chain *chain)
{
	struct mock_header hdr;
	u8 status = MOCK_S_UNSUPP;
	u32 type;

	if (chain->out_len < sizeof(hdr) || !chain->in_len) {
		mock_violation(mock, "a request of %zu bytes to read and %zu to write",
			       chain->out_len, chain->in_len);
		return 0;
	}
	mock_copy(chain->iov, chain->num_out, 0, &hdr, sizeof(hdr), false);
	type = le32_to_cpu(hdr.type);
	if (mock_known(type)) {
		mock->seen.requests[type]++;
		if (mock->opt.fail_status && mock->opt.fail_type == type)
			status = mock->opt.fail_status;
		else
			status = mock_do(mock, chain, type, le64_to_cpu(hdr.sector));
	} else {
		mock->seen.unknown++;
	}
	mock->seen.failed += !!status;
	if (mock->lie != MOCK_LIE_NO_STATUS)
		mock_copy(chain->iov + chain->num_out, chain->num_in, chain->in_len - 1,
			  &status, 1, true);
	return chain->in_len;
}
