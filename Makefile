# SPDX-License-Identifier: GPL-2.0-only
# The verbs of this project; "make help" lists them. The module itself is
# described in Kbuild and drivers/block/virtio_blk/Kbuild.

# Not $(PWD): sudo and "make -C" do not keep it.
here := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
KDIR ?= /lib/modules/$(shell uname -r)/build
module := drivers/block/virtio_blk/virtio_blk.ko

all: modules

# The kernel that KDIR is of, and whether its own virtio_blk can be replaced.
release = $(shell cat $(KDIR)/include/config/kernel.release 2>/dev/null)
built_in = $(shell grep -s '^CONFIG_VIRTIO_BLK=y' $(KDIR)/include/config/auto.conf)

modules:
	$(if $(wildcard $(KDIR)/Makefile),,$(error no kernel headers in $(KDIR): \
		install linux-headers-$(shell uname -r), or set KDIR=))
	$(if $(shell echo '$(release)' | grep -E '^(5\.1[0-9]|6|7)\.'),,$(error \
		kernel $(release) is not one of those that this driver is for: 5.10 to 7.x))
	$(if $(built_in),$(error virtio_blk is built into kernel $(release) and cannot be replaced))
	$(MAKE) -C $(KDIR) M=$(here:/=) modules

load:
	@$(here)tools/swap ours $(here)$(module) $(PARAMS)

unload:
	@$(here)tools/swap stock

install uninstall:
	@$(here)tools/install/run $@

deb:
	@$(here)tools/install/deb

vblkstat:
	@$(MAKE) -s -C $(here)tools/vblkstat
	@echo $(here)build/vblkstat

vblkdev:
	@$(here)tools/deps host
	@$(MAKE) -s -C $(here)tools/vblkdev

lsi-probe:
	@$(here)tools/deps host
	@$(MAKE) -s -C $(here)tools/lsi

lsi:
	@$(here)tools/lsi/run $(if $(filter-out 0,$(LSI_QUICK)),--quick)

lsi-qemu:
	@$(here)tools/lsi/run --mended $(if $(filter-out 0,$(LSI_QUICK)),--quick)

bench:
	@$(here)tools/bench/run $(if $(filter-out 0,$(QUICK)),--quick)

check:
	@$(here)selftests/run static host guest

check-all:
	@failed=0; \
	$(here)selftests/run --every-line static host guest hostile fuzz long || failed=1; \
	$(here)selftests/run --params sync_poll_us=50 || failed=1; \
	$(here)selftests/run --every-line --flavour debug || failed=1; \
	$(here)selftests/run --every-line --flavour kcsan || failed=1; \
	exit $$failed

check-debug:
	@failed=0; \
	$(here)selftests/run --flavour debug --kernel $(or $(KERNEL),6.1) || failed=$$?; \
	[ $$failed != 2 ] || exit 2; \
	$(here)selftests/soak/run --flavour debug --kernel $(or $(KERNEL),6.1) \
		--minutes 3 --seed 1 || failed=1; \
	exit $$failed

check-hostile:
	@$(here)selftests/run $(if $(KERNEL),--every-line --kernel $(KERNEL)) \
		$(addprefix --driver ,$(DRIVER)) hostile

check-fuzz:
	@VBLK_FUZZ_MINUTES=$(or $(MINUTES),10) $(here)selftests/run fuzz

soak:
	@$(here)selftests/soak/run $(if $(KERNEL),--kernel $(KERNEL)) \
		$(if $(FLAVOUR),--flavour $(FLAVOUR)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

check-static check-host check-guest: check-%:
	@$(here)selftests/run $*

clean:
	@if test -e $(KDIR)/Makefile; then $(MAKE) -C $(KDIR) M=$(here:/=) clean; fi
	rm -rf $(here)build

help:
	@echo 'make                  build the module for the running kernel (or KDIR=)'
	@echo 'make load [PARAMS=]   swap the stock driver for ours, until the next boot'
	@echo 'make unload           and back'
	@echo 'make install          install it with dkms, for later kernels, too; make uninstall'
	@echo 'make deb              a Debian package that does the same, in build/deb'
	@echo 'make vblkstat         build build/vblkstat, which shows whether disks poll'
	@echo 'make bench [QUICK=1]  compare with the stock driver in guests'
	@echo 'make check            static, host and guest tests; check-static, check-host, check-guest'
	@echo 'make check-hostile    a device that does what none should; KERNEL=LINE, DRIVER=stock'
	@echo 'make soak [MINUTES=]  verified I/O under a random mixture of events; KERNEL=, FLAVOUR=, SEED='
	@echo 'make check-fuzz [MINUTES=]  random rings and messages for the device, so long for each'
	@echo 'make check-debug [KERNEL=7.2]  guests with a kernel that watches memory and locks, and a short soak'
	@echo 'make check-all        all suites on every kernel, and the long tests: hours'
	@echo 'make vblkdev          build the device of our own: build/vblkdev/vblkdev --help'
	@echo 'make lsi-probe        build build/lsi/lsi-probe: how QEMU queues at its lsi53c895a'
	@echo 'make lsi [LSI_QUICK=1]  measure that, and what a guest gets, beside virtio-blk'
	@echo 'make lsi-qemu [LSI_QUICK=1]  the same beside a QEMU that queues writes, built here'
	@echo 'make clean            remove what was built; sysroots stay cached'

.PHONY: all modules load unload install uninstall deb vblkstat vblkdev lsi-probe lsi lsi-qemu bench \
	check check-all check-debug check-fuzz soak check-static check-host check-guest check-hostile \
	clean help
