#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Power cuts: the device's cache loses what was not flushed, sector by sector, and
# never what the driver was told is durable. Over 200 cuts in one boot.
set -eu
# shellcheck source=selftests/hostile/lib.sh
. /vblk/selftests/hostile/lib.sh
queues=2

# cuts N ARG...: so many, of a device that loses something each few of them
cuts()
{
	local port
	port=$(grep -l '^vblk\.control$' /sys/class/virtio-ports/*/name)
	durable -c "/dev/$(basename "${port%/name}")" -n "$@" "/dev/$disk" >/tmp/cuts || return
	cat /tmp/cuts
	is "$(value flushes /tmp/cuts)" -ge "$1" "flushes that were acknowledged"
}

# lost_some: the cuts were not of a cache that was empty
lost_some()
{
	is "$(value lost /tmp/cuts)" -ge "$1" "sectors that were lost"
}

# flushed PACKED N
flushed()
{
	packed=$1
	plug
	cuts "$2"
	lost_some "$2"
	is "$(device_count flushes)" -ge "$2" "flushes"
}

synchronous()
{
	plug
	cuts "$1" -s
}

# Others poll on the same queues meanwhile.
beside_pollers()
{
	local pid
	plug
	[ "$VBLK_DRIVER" = stock ] || mark "$disk"
	poller -r "/dev/$disk" 16 >/dev/null &
	pid=$!
	cuts "$1"
	lost_some "$1"
	kill -TERM $pid
	wait $pid
	[ "$VBLK_DRIVER" = stock ] || is "$(grown polled)" -ge 100 "polled requests"
}

# switch_cache: to and fro, until it is killed
switch_cache()
{
	while :; do
		echo "write through" >"/sys/block/$disk/cache_type"
		echo "write back" >"/sys/block/$disk/cache_type"
	done
}

# What was written before the cache went off is durable as soon as a flush says so,
# if it does that by itself or by being one.
switched()
{
	local pid
	plug
	switch_cache &
	pid=$!
	cuts "$1"
	kill -TERM $pid
}

# The ring breaks again and again: what the device had is taken back by a reset, and is
# submitted again, so that still nothing is lost that a flush promised.
broken()
{
	plug
	[ "$VBLK_DRIVER" = stock ] || mark "$disk"
	control fault used-id%0.5
	cuts "$1"
	lost_some 1
	hit used-id
	[ "$VBLK_DRIVER" = stock ] || is "$(grown returned)" -ge 1 "requests taken back"
}

# The control: a cache that lies is found out, and only here.
lies()
{
	plug
	control fault cache-lies
	refused cuts 100 >/tmp/lies
	cat /tmp/lies
	# What was there before came back; even from before the test, perhaps.
	grep -E 'LOST|WRONG' /tmp/lies
	hit cache-lies
}

hostile "power-cut: what a flush acknowledged is there" flushed "" 60
hostile "power-cut: the same with a packed ring" flushed 1 60
hostile "power-cut: what a synchronous write acknowledged is there" synchronous 40
hostile "power-cut: while others poll" beside_pollers 40
hostile "power-cut: while the cache's type changes" switched 60
hostile "cache-lies: nobody notices until the power is cut" lies
hostile "power-cut: while the ring breaks" broken 40
finish
