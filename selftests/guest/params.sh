#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Module parameters: what they do, what is out of range, and what the log says
# about it. Two vCPUs; vda has two queues and takes 20 ms, vdb has four.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# reload DRIVER PARAM...: and the log of it, in /tmp/log.
reload()
{
	vblk-unload
	dmesg --clear
	vblk-load "$@"
	dmesg | grep virtio_blk >/tmp/log || true
	cat /tmp/log
}

# warned PARAM: exactly one line of the log is about it and vda.
warned()
{
	same "$(grep -c "$(device vda).* $1=" /tmp/log || true)" 1 "lines about $1 in the log"
}

unwarned()
{
	! grep -E '=[0-9]+ (is|leaves)' /tmp/log || fail "a warning about what is in range"
}

# vectors: the names of what interrupts, in order.
vectors()
{
	sed -n "s/.* $(device vda)-\(req[^ ]*\)$/\1/p" /proc/interrupts | sort | xargs
}

# Of vda, or another disk
queues()
{
	wc -l <"$counters/${1-vda}"
}

contexts()
{
	find "/sys/block/${1-vda}/mq" -mindepth 1 -maxdepth 1 -type d | wc -l
}

requests()
{
	cat "/sys/block/${1-vda}/queue/nr_requests"
}

works()
{
	reader /dev/vda 4
	poller -n 40 /dev/vda 4
	all_accounted vda
}

defaults()
{
	reload ours
	unwarned
	same "$(queues)" 2 "queues"
	same "$(contexts)" 4 "contexts"
	same "$(vectors)" "req.0 req.1" "vectors"
	same "$(requests)" 256 "requests"
	same "$(cat /sys/block/vda/queue/io_poll)" 1 "io_poll"
	# More than one a CPU would be of no use.
	same "$(queues vdb)" 2 "queues of vdb"
	works
}

# Their names and permissions, and what the module says of their types.
parameters()
{
	(cd /sys/module/virtio_blk/parameters && stat -c '%n %a' -- * | sort)
	modinfo -F parmtype "/modules/$1/virtio_blk.ko" | sort
}

stock_has()
{
	reload stock
	parameters stock >/tmp/stock
	reload ours
	parameters ours >/tmp/ours
	cat /tmp/ours
	grep -q '^queue_depth 444$' /tmp/stock || fail "the stock driver has no queue_depth"
	same "$(comm -23 <(sort /tmp/stock) <(sort /tmp/ours))" "" \
		"what the stock driver has and ours lacks"
}

# Of the stock driver the kernel says the same, and goes on.
unknown()
{
	local driver
	for driver in stock ours; do
		reload $driver no_such=1
		dmesg | grep 'virtio_blk: unknown parameter .no_such. ignored' ||
			fail "the log does not name it"
	done
	[ ! -e /sys/module/virtio_blk/parameters/no_such ] || fail "it is there"
	works
}

# As without them
no_limit()
{
	reload ours num_request_queues=0 queue_depth=0 poll_queues=0
	unwarned
	same "$(queues) $(queues vdb)" "2 2" "queues"
	same "$(contexts) $(contexts vdb)" "4 4" "contexts"
	same "$(requests) $(requests vdb)" "256 256" "requests"
	works
}

as_stock()
{
	local ours stock
	reload ours "$@"
	ours=$(vectors)
	reload stock "$@"
	stock=$(vectors)
	reload ours
	same "$ours" "$stock" "vectors of ours and stock"
}

fewer_queues()
{
	reload ours num_request_queues=1
	unwarned
	same "$(queues) $(queues vdb)" "1 1" "queues"
	same "$(contexts) $(contexts vdb)" "2 2" "contexts"
	same "$(vectors)" "req.0" "vectors"
	works
}

too_many_queues()
{
	reload ours num_request_queues=1000
	warned num_request_queues
	same "$(queues) $(queues vdb)" "2 2" "queues"
	same "$(contexts) $(contexts vdb)" "4 4" "contexts"
	same "$(vectors)" "req.0 req.1" "vectors"
	works
}

depth()
{
	reload ours queue_depth=32
	unwarned
	same "$(requests) $(requests vdb)" "32 32" "requests"
	works
}

too_deep()
{
	reload ours queue_depth=100000
	warned queue_depth
	same "$(requests) $(requests vdb)" "10240 10240" "requests"
	works
}

# One of two queues polls, and has no vector.
dedicated()
{
	reload ours poll_queues=1
	unwarned
	same "$(queues)" 2 "queues"
	same "$(contexts)" 2 "contexts"
	same "$(vectors)" "req.0" "vectors"
	same "$(cat /sys/block/vda/queue/io_poll)" 1 "io_poll"
	mark vda
	works
	same "$(sed -n 's/queue=0.* polled=\([0-9]*\) .*/\1/p' $counters/vda)" 0 \
		"polled requests on the first queue"
	is "$(grown reaped_poll)" -ge $((36 - 16 * $(grown stalls))) "requests reaped by the poller"
}

# No vector could announce what it left: the guard takes it off the ring.
dedicated_stalled()
{
	reload ours poll_queues=1
	stop_poller vda 8 0
	wait_for 10 quiet vda
	state "$poller" T || fail "the poller was not stopped"
	same "$(grown reaped_guard)" 8 "requests reaped by the guard"
	continue_poller
	all_accounted vda
}

too_many_dedicated()
{
	reload ours poll_queues=2
	warned poll_queues
	same "$(queues) $(queues vdb)" "2 2" "queues"
	same "$(contexts) $(contexts vdb)" "2 2" "contexts"
	same "$(vectors)" "req.0" "vectors"
	works
}

# With one queue none can be spared; that one polls all the same.
none_to_dedicate()
{
	reload ours poll_queues=1 num_request_queues=1
	warned poll_queues
	same "$(queues)" 1 "queues"
	same "$(contexts)" 2 "contexts"
	same "$(cat /sys/block/vda/queue/io_poll)" 1 "io_poll"
	works
}

no_twin()
{
	reload ours twin=0
	unwarned
	same "$(contexts)" 2 "contexts"
	same "$(cat /sys/block/vda/queue/io_poll)" 0 "io_poll"
	reader /dev/vda 4
	all_accounted vda
}

no_number()
{
	vblk-unload
	refused insmod /modules/ours/virtio_blk.ko queue_depth=many
	refused insmod /modules/ours/virtio_blk.ko queue_depth=-1
	[ ! -e /sys/module/virtio_blk ] || fail "loaded"
	vblk-load ours
}

check "no parameters" defaults
check "stock's parameters are ours, with their types and permissions" stock_has
check "vectors are named as stock's" as_stock
check "0 is no limit" no_limit
check "an unknown parameter is ignored, and named" unknown
check "num_request_queues=1" fewer_queues
check "num_request_queues=1000 is clamped" too_many_queues
check "queue_depth=32" depth
check "queue_depth=100000 is clamped" too_deep
check "poll_queues=1" dedicated
if kernel stock_polls; then
	check "poll_queues=1: vectors are named as stock's" as_stock poll_queues=1
fi
check "poll_queues=1: the guard stands in for a stopped poller" dedicated_stalled
check "poll_queues=2 is clamped" too_many_dedicated
check "poll_queues=1 with one queue: that one polls" none_to_dedicate
check "twin=0" no_twin
check "what is no number is refused" no_number
finish
