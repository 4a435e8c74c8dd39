# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The suites, in the order of running: suite TIER NAME LINES [OPTION...]. A
# suite is selftests/TIER/NAME.sh, or NAME.c. LINES are the kernel lines that it
# runs on, a boot each ("-": no guest), and OPTIONs those of tools/vm/run;
# with --on-host it runs there and starts guests of that line itself.
#
# Below $work a run keeps what it needs once; with $qmp_port in --qemu a guest
# can speak QMP (see guest/lib.sh).
# shellcheck disable=SC2154	# both are of selftests/run

suite static style -
suite static sparse -
suite static build -
suite static package -

suite host governor -
suite host spin -
suite host guard -
suite host limits -
suite host input -
suite host reports -
suite host dkms -
suite host vblkstat -
suite host vblkdev_ring -
suite host vblkdev_requests -
suite host vblkdev_protocol -
suite host vblkdev_control -
suite host vblkdev_inflight -
suite host vblkdev_reconnect -
suite host vblkdev_latency -
suite host vblkdev_pool -
suite host vblkdev_cache -
suite host lsi -
suite host lsi_report -

# Every suite runs on 6.1, and on the other lines what tells whether the driver
# works there; "make check-all" runs each suite on each line.
main=6.1
smoke="6.1 5.10 6.12 7.2"

# One vCPU and one queue: everybody meets everybody.
suite guest data "$smoke" --cpus 1 --queues 1 --disk ram:256M --disk ram:16M \
	--qmp "$work/qmp" --qemu "$qmp_port"
suite guest polling "$smoke" --cpus 1 --queues 1 --disk null
suite guest stalled "$smoke" --cpus 1 --queues 1 \
	--disk null --disk null:2000000 --disk null:200000000

# Synchronous polling: one vCPU for spinning, one for the device.
suite guest sync "$smoke" --cpus 1 --queues 1 \
	--disk null --disk null:2000000 --disk ram:64M

# All sorts of pollers beside a plain reader: a device of 2 ms, a full ring of 16,
# and file systems.
suite guest pollers "$main" --cpus 2 --queues 1 \
	--disk null:2000000 --disk null:2000000,queue-size=16 --disk ram:512M

# One queue, and pollers and interrupts on different vCPUs.
suite guest mixed "$main" --cpus 2 --queues 1 \
	--disk null --disk null:2000000 --disk ram:64M,queue-size=16

# A disk a kind of ring; see rings.sh, which knows them by their place.
suite guest rings "$main" --cpus 2 --queues 2 \
	--disk ram:64M \
	--disk ram:64M,packed=on \
	--disk ram:64M,event_idx=off \
	--disk ram:64M,packed=on,event_idx=off \
	--disk ram:64M,vectors=0 \
	--disk ram:64M,packed=on,vectors=0 \
	--disk ram:64M,vectors=0,event_idx=off \
	--disk ram:64M,vectors=2 \
	--disk ram:64M,indirect_desc=off \
	--disk ram:64M,indirect_desc=off,packed=on \
	--disk ram:64M,queue-size=16 \
	--disk ram:64M,num-queues=4 \
	--disk ram:64M,num-queues=1 \
	--qmp "$work/qmp" --qemu "$qmp_port"

# A disk a kind of transport; see transport.sh. The legacy ones without iothread:
# QEMU 7.2 was once seen to abort there, complaining of a ring without its lock.
suite guest pci "$main" --cpus 2 --queues 2 \
	--disk ram:64M,disable-modern=on,disable-legacy=off,iothread= \
	--disk ram:64M,disable-modern=on,disable-legacy=off,iothread=,any_layout=off \
	--disk ram:64M,disable-legacy=off \
	--disk ram:64M,disable-legacy=off,packed=on \
	--disk ram:64M,iommu_platform=on \
	--disk ram:64M,iommu_platform=on,packed=on \
	--qmp "$work/qmp" --qemu "$qmp_port"
suite guest mmio "$main" --cpus 2 --queues 4 --disk mmio:ram:64M \
	--disk mmio:ram:64M,packed=on \
	--qmp "$work/qmp" --qemu "$qmp_port -global virtio-mmio.force-legacy=off"
suite guest mmio_legacy "$main" --cpus 2 --queues 4 --disk mmio:ram:64M \
	--qmp "$work/qmp" --qemu "$qmp_port -global virtio-mmio.force-legacy=on"
# 4 MiB of bounce buffers; the last disk is reached without the DMA API.
suite guest swiotlb "6.1 7.2" --cpus 2 --queues 2 --append swiotlb=2048,force \
	--disk ram:64M,iommu_platform=on --disk ram:64M,iommu_platform=on,packed=on \
	--disk ram:64M --qmp "$work/qmp" --qemu "$qmp_port"
suite guest viommu "$main" --cpus 2 --queues 2 --disk ram:64M,iommu_platform=on \
	--disk ram:64M,iommu_platform=on,packed=on,ats=on \
	--qmp "$work/qmp" --qemu "$qmp_port -device intel-iommu,device-iotlb=on"

suite guest identity "$smoke" --cpus 1 --queues 1 \
	--disk ram:64M \
	--disk "ram:64M,serial=abcdefghijklmnopqrs" \
	--disk "ram:64M,serial=abcdefghijklmnopqrst,write-cache=off,config-wce=off" \
	--disk "ram:64M,serial=abcdefghijklmnopqrstu,seg-max-adjust=off,queue-size=16" \
	--disk "ram:64M,serial=,logical_block_size=4096,physical_block_size=4096" \
	--disk "ram:64M,physical_block_size=8192,min_io_size=16384,opt_io_size=65536" \
	--disk "node:readonly" \
	--disk "node:empty" \
	--qmp "$work/qmp" --qemu "$qmp_port
		-blockdev driver=null-co,node-name=readonly,size=67108864,read-zeroes=on,read-only=on
		-blockdev driver=null-co,node-name=empty,size=0,read-zeroes=on"
suite guest features "$smoke" --cpus 1 --queues 1 --disk ram:64M \
	--disk ram:64M,config-wce=off,max-discard-sectors=2048,max-write-zeroes-sectors=2048 \
	--qmp "$work/qmp" --qemu "$qmp_port"
suite guest params "$main" --cpus 2 --queues 2 --disk null:20000000 \
	--disk null,num-queues=4
suite guest footprint "$main" --cpus 4 --queues 4 --disk null

# Sector 2048 can be neither read nor written.
suite guest errors "$main" --cpus 1 --queues 1 --disk node:bad \
	--qemu "-blockdev driver=blkdebug,node-name=bad,image.driver=null-co,image.size=67108864,image.read-zeroes=on,inject-error.0.event=none,inject-error.0.iotype=read,inject-error.0.sector=2048,inject-error.1.event=none,inject-error.1.iotype=write,inject-error.1.sector=2048"
suite guest lifecycle "$smoke" --cpus 2 --queues 2 --disk null --disk null:800000000
suite guest suspend "$main" --cpus 2 --queues 2 --disk ram:64M --disk ram:64M \
	--disk null:500000000 --disk ram:768M --disk node:braked \
	--qmp "$work/qmp" --qemu "$qmp_port -object throttle-group,id=brake
	-blockdev driver=throttle,node-name=braked,throttle-group=brake,file.driver=null-co,file.size=67108864,file.read-zeroes=on"
suite guest busreset 7.2 --cpus 2 --queues 2 --disk ram:64M --disk ram:64M \
	--disk null:2000000000
suite guest migration "$main" --cpus 2 --queues 2 --memory 512 \
	--disk qcow2:64M --disk qcow2:64M --disk null:500000000 \
	--qmp "$work/qmp" --qemu "$qmp_port" --standby
suite guest kexec "$smoke" --cpus 2 --queues 2 --disk ram:64M --disk ram:64M \
	--disk null:500000000 --disk initrd
suite guest cycles "$main" --cpus 2 --queues 2 --timeout 1800 --disk null
suite guest tracing "$main" --cpus 1 --queues 1 --disk null --disk null:500000000
suite guest swap "$main" --cpus 1 --queues 1 --driver stock \
	--disk ram:64M --disk ram:64M --disk ram:64M
suite guest stacked "$main" --cpus 1 --queues 1 --disk ram:64M --disk ram:64M
suite guest signing "$main" --cpus 1 --queues 1 --driver none --append module.sig_enforce=1

# sym53c8xx on QEMU's lsi53c895a; target 1 is behind a brake. Not with one vCPU, where
# the kernel ends commands at once, and a reset from outside locks up in it: the
# driver holds the host's lock then, which the core wants, too.
truncate -s 64M "$work/brake"
suite guest scsi "6.1 7.2" --driver none --cpus 2 --disk lsi:ram:64M --disk lsi:node:slow \
	--qmp "$work/qmp" --qemu "$qmp_port
		-object throttle-group,id=brake
		-blockdev file,node-name=slow-file,filename=$work/brake
		-blockdev throttle,node-name=slow,throttle-group=brake,file=slow-file"

# Devices that no QEMU offers; see guest/mock.
suite guest mock "6.1 7.2" --cpus 2 --module selftests/guest/mock --disk none
suite guest config "6.1 7.2" --cpus 2 --module selftests/guest/mock --disk none
suite guest recovery "6.1 7.2" --cpus 2 --module selftests/guest/mock --disk none
suite guest zoned "6.12 7.2" --cpus 1 --module selftests/guest/mock --disk none

# Fast, 2 ms, and half a second
suite guest vblkstat "$main" --cpus 1 --queues 1 \
	--disk null --disk null:2000000 --disk null:500000000

# In guests that can plug in tools/vblkdev; --device has its options.
suite guest vblkdev "$main" --cpus 2 --device "--backend ram:64M"
truncate -s 64M "$work/file"
suite guest reconnect "$main" --cpus 2 \
	--device "--backend file:$work/file --latency uniform:2ms-50ms"
suite guest qemu_restart "$main" --on-host
suite guest shutdown "$smoke" --on-host
suite guest bothpoll "$main" --cpus 1 --device "--backend null --poll=5000000"

# What the driver promised when the device is hostile. The stock driver's hangs take
# their time.
suite hostile faults "6.1 7.2" --cpus 2 --timeout 1800 \
	--device "--backend ram:64M --queues 2"
suite hostile powercut "6.1 7.2" --cpus 2 \
	--device "--backend ram:64M --cache volatile --queues 2"

# With kernels that inject faults (make check-debug).
suite debug injected "6.1 7.2" --cpus 2 --queues 2 --module selftests/guest/mock \
	--disk ram:64M --disk ram:64M

# What "hostile" stands for besides: mock devices that lie, stop working or ask to be
# reset, which no front end lets vblkdev do.
# shellcheck disable=SC2034	# of selftests/run
hostile_suites="guest/config guest/recovery guest/zoned"

# What a flavour is for: what has the driver take requests in, give them back and
# lose its device. Not what asks about settings alone, nor what takes an hour; nor who
# found a request, since interrupts always win where a batch takes longer to submit than
# the guard waits for.
# shellcheck disable=SC2034	# of selftests/run
debug_suites="guest/stalled guest/mixed guest/lifecycle guest/cycles guest/suspend
	guest/mock guest/config guest/recovery guest/zoned debug/injected"

# What takes twice as long there as all of these, for check-all.
# shellcheck disable=SC2034	# of selftests/run
debug_slow_suites="guest/data guest/rings guest/pollers guest/sync
	hostile/faults hostile/powercut"

# KCSAN makes whoever it watches wait, at random, so what asks how long a read takes
# says nothing.
# shellcheck disable=SC2034	# of selftests/run
kcsan_suites=${debug_suites/guest\/stalled/}
# shellcheck disable=SC2034	# of selftests/run
kcsan_slow_suites=$debug_slow_suites

# What says something else where submitters spin, or the driver is set up otherwise.
# shellcheck disable=SC2034	# of selftests/run
params_suites="guest/stalled guest/mixed guest/lifecycle guest/suspend guest/recovery"

# What is promised of pollers, in full: 10 minutes a line.
suite long promises "$smoke" --cpus 2 --queues 1 --timeout 1800 \
	--disk null:2000000 --disk null:2000000,queue-size=16 --disk null

# What a guest or a front end may say to vblkdev, at random (make check-fuzz).
suite fuzz vblkdev -

# Installed, booted from, removed: without KVM half an hour a line.
suite long dkms -
suite long rootdisk -

# A QEMU whose lsi53c895a queues writes: 10 minutes to build.
suite long lsi -

# Real-time and cloud kernels, and a build for the newest: 20 minutes and 5 GB
# the first time.
suite long flavours -
