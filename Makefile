# SPDX-License-Identifier: GPL-2.0-only
# The verbs of this project; "make help" lists them. The module itself is
# described in Kbuild and drivers/block/virtio_blk/Kbuild.

# Not $(PWD): sudo and "make -C" do not keep it.
here := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
KDIR ?= /lib/modules/$(shell uname -r)/build
module := drivers/block/virtio_blk/virtio_blk.ko

all: modules

modules:
	$(if $(wildcard $(KDIR)/Makefile),,$(error no kernel headers in $(KDIR): \
		install linux-headers-$(shell uname -r), or set KDIR=))
	$(MAKE) -C $(KDIR) M=$(here:/=) modules

load:
	@$(here)tools/swap ours $(here)$(module) $(PARAMS)

unload:
	@$(here)tools/swap stock

vblkdev:
	@$(here)tools/deps host
	@$(MAKE) -s -C $(here)tools/vblkdev

bench:
	@$(here)tools/bench/run $(if $(filter-out 0,$(QUICK)),--quick)

check:
	@$(here)selftests/run static host guest

check-hostile:
	@$(here)selftests/run $(addprefix --kernel ,$(KERNEL)) $(addprefix --driver ,$(DRIVER)) hostile

check-static check-host check-guest: check-%:
	@$(here)selftests/run $*

clean:
	@if test -e $(KDIR)/Makefile; then $(MAKE) -C $(KDIR) M=$(here:/=) clean; fi
	rm -rf $(here)build

help:
	@echo 'make                  build the module for the running kernel (or KDIR=)'
	@echo 'make load [PARAMS=]   swap the stock driver for ours, until the next boot'
	@echo 'make unload           and back'
	@echo 'make bench [QUICK=1]  compare with the stock driver in guests'
	@echo 'make check            all tests; check-static, check-host, check-guest: some'
	@echo 'make vblkdev          build the device of our own: build/vblkdev/vblkdev --help'
	@echo 'make check-hostile    a device that does what none should; KERNEL=LINE, DRIVER=stock'
	@echo 'make clean            remove what was built; sysroots stay cached'

.PHONY: all modules load unload vblkdev bench check check-static check-host check-guest \
	check-hostile clean help
