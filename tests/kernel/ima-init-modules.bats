#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# A module that the kernel asks for by itself (request_module) comes by a program and a file, and each needs a signature.

load helpers
load ima-init

setup_file()
{
	local release modules kernel
	require_kernel uml
	require make dpkg dpkg-deb dpkg-buildpackage getfattr objcopy
	export dir=$BATS_FILE_TMPDIR leaf=$BATS_FILE_TMPDIR/keys/leaf rogue=$BATS_FILE_TMPDIR/keys/rogue
	export seed=$BATS_FILE_TMPDIR/seed
	make_site
	make_init_root "$seed"
	kernel=$("$kernel_tests/build-uml")
	release=$(objcopy -O binary -j .modinfo "$kernel/modules/minix.ko" /dev/stdout | tr '\0' '\n' |
		sed -n 's/^vermagic=\([^ ]*\).*/\1/p')
	modules=$seed/lib/modules/$release
	mkdir -p "$modules/kernel" "$seed/mnt"
	cp "$kernel/modules/minix.ko" "$modules/kernel"
	echo 'kernel/minix.ko:' >"$modules/modules.dep"
	echo 'alias fs-minix minix' >"$modules/modules.alias"
	: >"$modules/modules.symbols"
	export module=${modules#"$seed"}/kernel/minix.ko
	cp "$(command -v busybox)" "$seed/sbin/modprobe"
	evmctl_sign "$leaf" "$seed/sbin/modprobe" "$seed$module"
	init_script "$seed" <<-'END'
		mount -t minix /dev/ubda /mnt
		while read -r name rest; do echo "module $name"; done </proc/modules
		while read -r name; do [ "$name" != minix ] || echo "file system $name"; done </proc/filesystems
		state
	END
}

setup()
{
	require_kernel uml
	root=$BATS_TEST_TMPDIR/root
	cp -a "$seed" "$root"
}

loaded()
{
	grep -qx 'module minix' <<<"$output"
	grep -qx 'file system minix' <<<"$output"
}

# not_loaded CAUSE NAME: and the kernel says why.
not_loaded()
{
	ended "exit"
	[[ $output == *"state mode=enforce"* ]]
	if loaded; then return 1; fi
	grep -a 'type=1800' "$log"
	grep -aq "type=1800 .*cause=$1 .*name=\"$2\".* res=0" "$log"
}

@test "modprobe and module signed: the kernel gets what it asks for" {
	start uml "$root" "quiet"
	ended "exit"
	loaded
	run ! grep -a 'type=1800' "$log"
}

@test "modprobe unsigned, or by a rogue key: not run" {
	setfattr -x security.ima "$root/sbin/modprobe"
	start uml "$root" "quiet"
	not_loaded IMA-signature-required /sbin/modprobe
	evmctl_sign "$rogue" "$root/sbin/modprobe"
	start uml "$root" "quiet"
	not_loaded invalid-signature /sbin/modprobe
}

@test "module unsigned, changed, or by a rogue key: not loaded" {
	setfattr -x security.ima "$root$module"
	start uml "$root" "quiet"
	not_loaded IMA-signature-required "$module"
	evmctl_sign "$rogue" "$root$module"
	start uml "$root" "quiet"
	not_loaded invalid-signature "$module"
	evmctl_sign "$leaf" "$root$module"
	printf Z >>"$root$module"
	start uml "$root" "quiet"
	not_loaded invalid-signature "$module"
}

@test "without a policy an unsigned module is loaded: it is the policy that denies" {
	setfattr -x security.ima "$root$module"
	start uml "$root" "quiet ima_init=off"
	ended "exit"
	loaded
}
