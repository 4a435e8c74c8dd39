#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What tools/vm/run finds on a guest's console: the reports of a kernel that
# watches itself, and no others' data races.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
. tools/vm/lib.sh
console=$test_log.console

# found LINE...: is one of them reported?
found()
{
	{
		printf '[    1.000000] %s\r\n' "Run /init as init process" "$@"
	} >"$console"
	reports_in "$console" | grep .
}

each_kind()
{
	local line
	while IFS= read -r line; do
		found "$line" >/dev/null || fail "not seen: $line"
	done <<-END
	BUG: KASAN: slab-use-after-free in vblk_finish+0x1f2/0x3a0 [virtio_blk]
	BUG: KASAN: null-ptr-deref in vblk_finish+0x1f2/0x3a0 [virtio_blk]
	UBSAN: array-index-out-of-bounds in drivers/block/virtio_blk/reap.c:10:2
	WARNING: possible circular locking dependency detected
	WARNING: possible recursive locking detected
	WARNING: possible irq lock inversion dependency detected
	WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected
	WARNING: inconsistent lock state
	WARNING: suspicious RCU usage
	WARNING: bad unlock balance detected!
	WARNING: held lock freed!
	[ BUG: Invalid wait context ]
	BUG: sleeping function called from invalid context at mm/slab.h:420
	BUG: MAX_LOCKDEP_CHAINS too low!
	WARNING: CPU: 0 PID: 1 at kernel/dma/debug.c:973 check_unmap+0x1/0x2
	WARNING: lib/debugobjects.c:615 at debug_print_object+0x1/0x2, CPU#1: rmmod/7
	BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!
	INFO: task fio:77 blocked for more than 120 seconds.
	INFO: trying to register non-static key.
	Oops: general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] SMP
	rcu: INFO: rcu_sched self-detected stall on CPU
	rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
	rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... }
	DMA-API: debugging out of memory - disabling
	ODEBUG: Out of memory. ODEBUG disabled
	list_add corruption. prev->next should be next (1), but was 2. (prev=3).
	END
}

nothing_else()
{
	! found "DMA-API: preallocated 65536 debug entries" \
		"DMA-API: debugging enabled by kernel config" \
		"Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar" \
		"kcsan: enabled early" "KernelAddressSanitizer initialized" \
		"ODEBUG: selftest passed" || fail "these are none"
}

# Only with the line before it: of a folder that was left behind it is our doing.
of_others()
{
	local line="WARNING: CPU: 0 PID: 9 at fs/proc/generic.c:718 remove_proc_entry+0x1/0x2"
	! found "name 'virtio5-req.0'" "$line" || fail "the kernel's own was seen"
	found "remove_proc_entry: removing non-empty directory 'irq/30'" "$line" ||
		fail "a leak was not seen"
	found "$line" || fail "not seen without a reason"
}

# race FRAME...
race()
{
	found "=========" "BUG: KCSAN: data-race in __blk_a / __blk_b" "" \
		"write to 0xffff of 4 bytes by task 7 on cpu 0:" "$@" "=========" \
		"a line after it"
}

data_races()
{
	local bar
	race " __blk_a+0x1/0x2" " vblk_poll+0x1/0x2 [virtio_blk]" || fail "ours is not seen"
	race " __blk_a+0x1/0x2" " vblk_mock_add+0x1/0x2 [vblk_mock]" || fail "the mock's is not seen"
	! race " __blk_a+0x1/0x2" " submit_bio+0x1/0x2" || fail "the kernel's own was seen"
	race " __blk_a+0x1/0x2" " __blk_b+0x1/0x2" " vblk_poll+0x1/0x2 [virtio_blk]" ||
		fail "what it called is not seen"
	race " __blk_a+0x1/0x2" " submit_bio+0x1/0x2" "" \
		"read to 0xffff of 4 bytes by interrupt on cpu 0:" \
		" vblk_poll+0x1/0x2 [virtio_blk]" || fail "the second access is not seen"
	! race " aio_complete+0x1/0x2" " aio_complete_rw+0x1/0x2" \
		" blk_mq_end_request+0x1/0x2" " vblk_finish+0x1/0x2 [virtio_blk]" ||
		fail "one of who is told of requests was seen"
	same "$(races_of_others "$console")" 1 "races of others"
	bar="=============="
	found "$bar" "BUG: KCSAN: data-race in __blk_a / __blk_b" "$bar" \
		"BUG: KASAN: use-after-free in vblk_poll" || fail "what follows a race is not seen"
}

check "each kind of report is seen" each_kind
check "what the kernel says of its watching is none" nothing_else
check "data races count where the driver has a part in them" data_races
check "reports of others are listed, and taken for no more" of_others
rm -f "$console"
finish
