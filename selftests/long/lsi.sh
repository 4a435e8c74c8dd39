#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/lsi/qemu: the installed QEMU is built with an lsi53c895a that queues writes,
# in which nothing of what lsi-probe looks at is wrong, and under which sym53c8xx
# loses nothing.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
test_timeout=3600

builds()
{
	local folder
	folder=$(tools/lsi/qemu/make)
	"$folder/qemu-system-x86_64" --version | grep 'it queues writes'
	# Once
	same "$(tools/lsi/qemu/make 2>&1)" "$folder" "a second call"
}

# leaves SED: sources with a place that the patch is not for, beside those that it is for
leaves()
{
	local status=0 work=$test_log.work
	rm -rf "$work"
	mkdir -p "$work/bin"
	cat >"$work/bin/dpkg-source" <<-END
	#!/bin/bash
	$(command -v dpkg-source) "\$@" || exit
	sed -i '$1' source/hw/scsi/lsi53c895a.c
	END
	chmod +x "$work/bin/dpkg-source"
	PATH=$work/bin:$PATH XDG_CACHE_HOME=$work/cache tools/lsi/qemu/make || status=$?
	rm -rf "$work"
	same $status 2 "exit status"
	grep -q '^lsi-qemu: .* is another than .*/queue-writes.cocci is for$' "$test_log"
}

# mended COMMAND...: with that QEMU, and no other
mended()
{
	local folder
	folder=$(tools/lsi/qemu/make) || return
	PATH=$folder:$PATH qemu-system-x86_64 --version | grep 'it queues writes' || return
	PATH=$folder:$PATH "$@"
}

queues()
{
	make -s --no-print-directory -C tools/lsi
	mended build/lsi/lsi-probe --strict
}

# 16 writes take as long as 16 reads, or half as much again at most.
as_fast()
{
	mended build/lsi/lsi-probe --json "$test_log.json" overlap
	jq -e 'map(select(.tags == 16)) | map({(.rw): .seconds}) | add | .write <= 1.5 * .read' \
		"$test_log.json"
	rm "$test_log.json"
}

# loses_nothing LINE: guest/scsi finds nothing, having aborted writes, too.
loses_nothing()
{
	local status=0
	mended selftests/run --kernel "$1" guest/scsi >"$test_log.guest" || status=$?
	cat "$test_log.guest"
	grep -q ': writes time out and are aborted' "$test_log.guest" || status=1
	rm "$test_log.guest"
	return $status
}

check "a QEMU that queues writes is built" builds
check "sources in which it would leave a cancel" \
	leaves 's/scsi_req_cancel(p->req)/scsi_req_cancel(p ? p->req : NULL)/'
check "sources in which it would leave a tag" \
	leaves '/case 0x22:/,/|=/ s/select_tag |= /select_tag = s->select_tag | /'
check "lsi-probe --strict: nothing is wrong with it" queues
check "16 writes take no longer than 16 reads" as_fast
for line in 6.1 7.2; do
	check "$line: sym53c8xx loses nothing" loses_nothing $line
done
finish
