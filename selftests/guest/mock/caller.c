// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bios that user space cannot make, by words in the file call:
 *
 *   append DISK SECTOR COUNT plain|polled  COUNT sectors to the zone at SECTOR;
 *                                          the answer is where they went
 *   discard DISK COUNT LEN STRIDE          COUNT ranges of LEN sectors, each
 *                                          STRIDE after the one before, at once
 */
#include "mock.h"

#include <linux/bio.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/slab.h>

struct mock_calls {
	atomic_t left;
	blk_status_t status;
	u64 sector;
	struct completion done;
};

static void mock_ended(struct bio *bio)
{
	struct mock_calls *calls = bio->bi_private;

	if (bio->bi_status)
		calls->status = bio->bi_status;
	calls->sector = bio->bi_iter.bi_sector;
	if (bio_op(bio) == REQ_OP_DISCARD)
		bio_put(bio);
	if (atomic_dec_and_test(&calls->left))
		complete(&calls->done);
}

static void mock_calls_init(struct mock_calls *calls, unsigned int n)
{
	atomic_set(&calls->left, n);
	calls->status = BLK_STS_OK;
	init_completion(&calls->done);
}

static int mock_discard(struct block_device *bdev, unsigned int count, u64 len, u64 stride)
{
	struct mock_calls calls;
	struct blk_plug plug;
	struct bio *bio;
	unsigned int i;

	mock_calls_init(&calls, count);
	blk_start_plug(&plug);
	for (i = 0; i < count; i++) {
		bio = bio_alloc(bdev, 0, REQ_OP_DISCARD, GFP_KERNEL | __GFP_NOFAIL);
		bio->bi_iter.bi_sector = i * stride;
		bio->bi_iter.bi_size = len << SECTOR_SHIFT;
		bio->bi_private = &calls;
		bio->bi_end_io = mock_ended;
		submit_bio(bio);
	}
	blk_finish_plug(&plug);
	wait_for_completion(&calls.done);
	return blk_status_to_errno(calls.status);
}

/* As io_uring's poller does, with a batch. */
static void mock_poll(struct bio *bio, struct mock_calls *calls)
{
	while (!completion_done(&calls->done)) {
		DEFINE_IO_COMP_BATCH(iob);

		bio_poll(bio, &iob, 0);
		if (iob.complete)
			iob.complete(&iob);
		cond_resched();
	}
}

static int mock_do_append(struct block_device *bdev, u64 sector, u64 count, bool polled,
			  u64 *went)
{
	unsigned int n = DIV_ROUND_UP(count << SECTOR_SHIFT, PAGE_SIZE), i;
	struct mock_calls calls;
	struct page **pages;
	struct bio *bio;
	int err = -ENOMEM;

	pages = kcalloc(n, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	mock_calls_init(&calls, 1);
	bio = bio_alloc(bdev, n, REQ_OP_ZONE_APPEND | REQ_SYNC | (polled ? REQ_POLLED : 0),
			GFP_KERNEL);
	bio->bi_iter.bi_sector = sector;
	bio->bi_private = &calls;
	bio->bi_end_io = mock_ended;
	for (i = 0; i < n; i++) {
		unsigned int len = min_t(u64, PAGE_SIZE,
					 (count << SECTOR_SHIFT) - i * PAGE_SIZE);

		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!pages[i])
			goto out;
		memset(page_address(pages[i]), 0xa5, PAGE_SIZE);
		if (bio_add_page(bio, pages[i], len, 0) != len)
			goto out;
	}
	submit_bio(bio);
	if (polled)
		mock_poll(bio, &calls);
	wait_for_completion(&calls.done);
	*went = calls.sector;
	err = blk_status_to_errno(calls.status);
out:
	bio_put(bio);
	for (i = 0; i < n; i++)
		if (pages[i])
			__free_page(pages[i]);
	kfree(pages);
	return err;
}

/**
 * mock_call() - do what a line says
 * @command: the line
 * @answer: gets what came of it
 * @size: of @answer
 *
 * Return: 0 or an error.
 */
int mock_call(char *command, char *answer, size_t size)
{
	char path[32], how[16];
	u64 a, b, c, went = 0;
	struct file *file;
	int n, err;

	answer[0] = '\0';
	n = sscanf(command, "append %31s %llu %llu %15s", path, &a, &b, how);
	if (n != 4 && sscanf(command, "discard %31s %llu %llu %llu", path, &a, &b, &c) != 4)
		return -EINVAL;
	file = filp_open(path, O_RDWR | O_LARGEFILE, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (!S_ISBLK(file_inode(file)->i_mode))
		err = -ENOTBLK;
	else if (n == 4)
		err = mock_do_append(I_BDEV(file->f_mapping->host), a, b,
				     !strcmp(how, "polled"), &went);
	else
		err = mock_discard(I_BDEV(file->f_mapping->host), a, b, c);
	fput(file);
	if (!err)
		snprintf(answer, size, "%llu\n", went);
	return err;
}
