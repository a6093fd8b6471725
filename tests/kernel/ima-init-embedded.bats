#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# ima-init from an initramfs that is in the kernel image: the program, the policy with its signature as a file, and the
# certificate are the kernel's; the root has the trust store, and what is executed.

load helpers
load ima-init

setup_file()
{
	require_kernel uml
	require make dpkg dpkg-deb dpkg-buildpackage getfattr
	export dir=$BATS_FILE_TMPDIR leaf=$BATS_FILE_TMPDIR/keys/leaf rogue=$BATS_FILE_TMPDIR/keys/rogue
	export seed=$BATS_FILE_TMPDIR/seed site=$BATS_FILE_TMPDIR/site
	make_site
	make_init_root "$seed"
	# What is carried does not come from the root.
	rm "$seed/ima/init" "$seed/etc/ima-init/policy" "$seed/etc/keys/x509_ima.der" "$seed/etc/keys/ima-ca/site.der"
	init_script "$seed" <<-'END'
		try signed; try unsigned; try rogue
		state
		grep -c ima-init /proc/mounts
		ls -d /run/ima-init
		grep ' / ' /proc/mounts
		echo "evm $(echo 0x80000002 2>&1 >/sys/kernel/security/evm)"
	END
	ln -s busybox "$seed/bin/grep"
	ln -s busybox "$seed/bin/ls"
	mkdir "$site"
	cp "$leaf.der" "$site/ima.der"
	cp "$dir/keys/ca.der" "$site/ca.der"
	cp "$TOP/pkg-ima-init/policies/exec" "$site/policy"
	policy_signature "$leaf"
}

setup()
{
	require_kernel uml
	root=$BATS_TEST_TMPDIR/root
	cp -a "$seed" "$root"
}

# $site/policy.sig, the value of security.ima, by LEAF.
policy_signature()
{
	evmctl ima_sign --sigfile --hashalgo sha256 --key "$1.key" --keyid-from-cert "$1.pem" "$site/policy" >/dev/null
	setfattr -x security.ima "$site/policy" 2>/dev/null || :
	[ -s "$site/policy.sig" ]
}

# $cpio: what the kernel's own program makes of our list.
make_cpio()
{
	cpio=$BATS_TEST_TMPDIR/cpio
	BUSYBOX=$(command -v busybox) EMBEDDED=$TOP/pkg-ima-init/embedded IMA_INIT=${1:-$PKGIMA_BUILD/ima-init} SITE=$site \
		"$("$kernel_tests/build-uml")/gen_init_cpio" "$TOP/pkg-ima-init/embedded/initramfs.list" >"$cpio"
}

start_embedded()
{
	make_cpio "${2-}"
	console=$BATS_TEST_TMPDIR/console log=$BATS_TEST_TMPDIR/log
	run boot uml "$root" - --init /nothing --embed "$cpio" --append "$1" --console "$console" --kmsg "$log" \
		--result "$BATS_TEST_TMPDIR/result"
	echo "$output"
	grep -a ima-init: "$console" "$log" || :
	# Closed in every boot.
	[[ $output != *"state mode"* || $output == *"evm "*"Operation not permitted"* ]]
}

@test "the boot: all but the trust store out of the kernel, nothing of it left" {
	start_embedded "$tcb quiet"
	ended "exit"
	denies
	grep -aq "integrity: Loaded X.509 cert 'leaf:" "$log"
	for line in mode=enforce policy=/run/ima-init/policy started=kernel keyring=.ima evm=closed; do
		[[ $output == *"state $line"* ]]
	done
	said 'enforce, policy /run/ima-init/policy, 1 keys; starting /sbin/init'
	grep -qx 0 <<<"$output"
	[[ $output == *"/run/ima-init: No such file or directory"* ]]
	grep -q '^/dev/.* / ext4 ' <<<"$output"
	[[ $output == *"Operation not permitted"* ]]
}

@test "a kernel whose own policy wants a signed one on a tmpfs too: the signature beside it counts" {
	start_embedded "ima_policy=secure_boot"
	ended "exit"
	denies
	policy_signature "$rogue"
	start_embedded "ima_policy=secure_boot"
	stopped_with 'the kernel does not take the policy: /run/ima-init/policy has no valid signature'
	rm "$site/policy.sig"
	: >"$site/policy.sig"
	start_embedded "ima_policy=secure_boot"
	stopped_with 'the kernel does not take the policy: /run/ima-init/policy has no valid signature'
	head -c 70000 /dev/zero >"$site/policy.sig"
	start_embedded "ima_policy=secure_boot"
	stopped_with 'the kernel does not take the policy: /run/ima-init/policy has no valid signature'
	said "the policy's signature cannot be set: /policy.sig: 70000 bytes, at most 65536 are accepted"
	# Where it wants none the policy counts as it is.
	start_embedded "quiet"
	ended "exit"
	denies
	policy_signature "$leaf"
}

@test "a kernel whose own policy wants a signed one, as under Secure Boot: mode log works there too" {
	start_embedded "ima_policy=secure_boot ima_init=log"
	ended "exit"
	for word in signed unsigned rogue; do
		[[ $output == *"$word ran"* ]]
	done
	[[ $output == *"state mode=log"* ]]
	[[ $output == *"state policy=log"* ]]
	# By its path, as a signed file; and it logs.
	grep -aq 'type=1805 .*/unsigned/echo' "$log"
	run ! grep -aE 'type=1800 .* res=0' "$log"
	# It is the package's, and the kernel looks at its signature.
	setfattr -x security.ima "$root/usr/share/ima-init/policies/log"
	start_embedded "ima_policy=secure_boot ima_init=log"
	ended "exit"
	said 'the kernel does not take the policy: /usr/share/ima-init/policies/log has no valid signature'
	[[ $output == *"state mode=off"* ]]
	[[ $output == *"unsigned ran"* ]]
}

@test "the root has a policy, settings and a program of its own: what was carried counts" {
	mkdir -p "$root/etc/ima-init"
	cp "$root/usr/share/ima-init/policies/log" "$root/etc/ima-init/policy"
	printf 'mode=off\n' >"$root/etc/ima-init/init.conf"
	cp "$root/bin/busybox" "$root/ima/init"
	start_embedded "$tcb quiet"
	ended "exit"
	denies
	[[ $output == *"state mode=enforce"* ]]
}

@test "without what the root has of the package the boot stops: so it is not removed from such a machine" {
	rm -r "$root/ima"
	start_embedded "$tcb quiet"
	stopped_with 'signed programs do not run: /ima/proof: No such file or directory'
}

@test "real init unsigned: the boot stops; recovery by words of the kernel command line" {
	setfattr -x security.ima "$root/sbin/init"
	start_embedded "quiet"
	stopped_with 'cannot start the real init: /sbin/init: Permission denied'
	start_embedded "quiet ima_init=log"
	ended "exit"
	[[ $output == *"unsigned ran"*"state mode=log"* ]]
	start_embedded "quiet ima_init=off"
	ended "exit"
	[[ $output == *"unsigned ran"*"state mode=off"* ]]
	[[ $output == *"/run/ima-init: No such file or directory"* ]]
}

@test "no root: said, and a panic; root by label" {
	make_cpio
	run boot uml "$root" - --embed "$cpio" --append "quiet root=/dev/nothing rootdelay=1" \
		--console "$BATS_TEST_TMPDIR/console" --result "$BATS_TEST_TMPDIR/result"
	ended panic
	grep -aq 'ima-init: initramfs: there is no /dev/nothing; the boot stops' "$BATS_TEST_TMPDIR/console"
	mke2fs -q -F -t ext4 -L itsroot -d "$root" "$BATS_TEST_TMPDIR/image" 400M
	root=$BATS_TEST_TMPDIR/image
	start_embedded "quiet root=LABEL=itsroot"
	ended "exit"
	denies
}
