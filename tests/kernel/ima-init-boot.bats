#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Stock kernels, and an initramfs by the real initramfs-tools or dracut with ima-init from its package, boot a Debian system
# to multi-user.target with enforcement on. What root can then do about it, and how one gets out of it again.
# shellcheck disable=SC2016 # scripts for other shells

load helpers
load ../package/helpers
load ima-init-boot

setup_file()
{
	require_kernel 6.1
	require mmdebstrap dpkg-buildpackage unshare getfattr cpio zstd xz mksquashfs rpmbuild
	export keys=$BATS_FILE_TMPDIR/keys programs=$BATS_FILE_TMPDIR/programs
	export tools=$BATS_FILE_TMPDIR/initramfs-tools dracut=$BATS_FILE_TMPDIR/dracut
	make_boot_keys
	with_initramfs_tools "$tools"
	with_dracut "$dracut"
	root=$tools make_programs "$programs"
	make_machine "$tools" "$tools.img"
	make_machine "$dracut" "$dracut.img"
}

# keep NAME ROOT KERNEL: the initramfs as it is now.
keep()
{
	cp "$(initrd "$2" "$3")" "$BATS_FILE_TMPDIR/$1"
	carried "$BATS_FILE_TMPDIR/$1" >"$BATS_FILE_TMPDIR/$1.files"
}

# ima-init first, a kernel, then the site's word, then another kernel.
with_initramfs_tools()
{
	export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	make_debian "$1" initramfs-tools
	site_deb "$1"
	in_root "$1" sh -c 'dpkg -i /root/ima-init_*.deb /root/pkgima_*.deb'
	in_root "$1" dpkg -i /root/linux-6.1.deb
	keep alone "$1" 6.1
	preseed "$1"
	in_root "$1" sh -c 'dpkg -i /root/site.deb /root/ima-init_*.deb'
	in_root "$1" dpkg -i /root/linux-6.12.deb
	keep tools-6.1 "$1" 6.1
	keep tools-6.12 "$1" 6.12
}

# The site's word first, in an ima-init of its own. For 6.12 an initramfs without systemd in it.
with_dracut()
{
	make_debian "$1" dracut
	in_root "$1" sh -c 'dpkg -i /root/ima-init_*.deb /root/pkgima_*.deb'
	site_init "$1"
	preseed "$1"
	in_root "$1" dpkg -i /root/site-init.deb
	in_root "$1" dpkg -i /root/linux-6.1.deb
	echo 'omit_dracutmodules+=" systemd systemd-initrd dracut-systemd "' >"$1/etc/dracut.conf.d/plain.conf"
	in_root "$1" dpkg -i /root/linux-6.12.deb
	keep dracut-6.1 "$1" 6.1
	keep dracut-6.12 "$1" 6.12
}

@test "installed alone it is in no initramfs; with a policy and a CA that was confirmed it is, and in those of new kernels" {
	local name
	run ! grep -E 'usr/lib/ima-init/|etc/keys' "$BATS_FILE_TMPDIR/alone.files"
	for name in tools-6.1 tools-6.12 dracut-6.1 dracut-6.12; do
		grep -vE 'switch-root' "$BATS_FILE_TMPDIR/$name.files" | diff - <(
			echo ./etc/keys/x509_ima.der
			echo ./usr/lib/ima-init.carry
			echo "./usr/lib/ima-init/ca/$(sha256sum <"$keys/ca.der" | cut -c 1-32).der"
			echo ./usr/lib/ima-init/init
			echo ./usr/lib/ima-init/policy
			# By pkgima mkinit.
			[ "${name%-*}" != dracut ] || echo ./usr/lib/ima-init/policy.sig
		)
	done
	# The two kinds that dracut makes.
	grep -q switch-root "$BATS_FILE_TMPDIR/dracut-6.1.files"
	run ! grep switch-root "$BATS_FILE_TMPDIR/dracut-6.12.files"
	carried "$BATS_FILE_TMPDIR/tools-6.1"
	cmp "$BATS_TEST_TMPDIR/unpacked/etc/keys/x509_ima.der" "$keys/ima.der"
}

# enforces KERNEL [INIT]: what boot-checks.sh has found is what an enforcing machine is to be, with that real init.
enforces()
{
	local id where
	id=$(openssl x509 -in "$keys/ima.pem" -noout -ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' | tail -c 9 | tr A-F a-f)
	grep -q '^exit 0$' "$BATS_TEST_TMPDIR/result"
	grep -q "^RELEASE $1[.]" "$out"
	grep -qx 'STATE mode=enforce' "$out"
	grep -qx 'STATE keyring=_ima' "$out"
	[ "$(grep '^STATE key=' "$out")" = "STATE key=$id" ]
	grep -qx 'STATE evm=closed' "$out"
	grep -qx 'SYSTEM running active' "$out"
	grep -qxF "INIT ${2-/sbin/init} " "$out"
	grep -qx 'KEXEC 1' "$out"
	grep -qx 'LOCKDOWN none \[integrity\] confidentiality' "$out"
	grep -qx 'MODULE 1' "$out"
	run ! grep -E '^(FAILED|LEFT) ' "$out"
	for where in 'a service' in_session service 'service -p KeyringMode=inherit' 'service -p KeyringMode=shared' setsid; do
		[ "$(tried "signed, in $where")" = 'fine ' ]
		for what in unsigned tampered rogue; do
			refused "$(tried "$what, in $where")"
		done
	done
	[[ $(tried 'rogue certificate') == *"Required key not available"* ]]
	[[ $(tried 'certificate by a leaf') == *"Required key not available"* ]]
	refused "$(tried 'signed by the leaf of a leaf')"
	refused "$(tried 'signed by the second key, before')"
	[[ $(tried 'certificate by the CA') == *"taken "* ]]
	[ "$(tried 'signed by the second key')" = 'fine ' ]
	[[ $(tried 'rogue certificate, linked') == *"Required key not available"* ]]
	[[ $(tried 'another restriction') == *"File exists"* ]]
	[[ $(tried 'CA ring') == *"Operation not permitted"* ]]
	refused "$(tried 'another _ima in its place')"
	[[ $(tried 'another _ima in its place') == "replaced "*" fine back " ]]
	evm_is_closed
	# Of what booting itself has executed nothing was denied.
	grep -E 'type=1800 .* res=0' "$audit" |
		grep -vE 'name="(/m/[a-z0-9]*|/opt/t|)/[a-z0-9.-]*"|name="memfd:program"' >"$BATS_TEST_TMPDIR/denied" || :
	cat "$BATS_TEST_TMPDIR/denied"
	[ ! -s "$BATS_TEST_TMPDIR/denied" ]
}

# No value can be written any more.
evm_is_closed()
{
	for value in 0x80000000 0x80000002 1; do
		[[ $(tried "EVM $value") == *"Operation not permitted"* ]]
	done
}

refused()
{
	echo "said: $1"
	# 203: systemd could not execute it.
	[[ $1 == *"Permission denied"* || $1 == "status 203 " ]]
	[[ $1 != *ran!* ]]
}

# as_in_table NAME...: each line of the table, but for these, was tried and came out as it says; nothing else was tried.
as_in_table()
{
	local name said outcome tried=0 except
	except=$(printf '%s\n' "$@")
	while IFS='|' read -r name outcome; do
		! grep -qxF -- "$name" <<<"$except" || continue
		said=$(tried "$(sed 's/[].[*\/^$]/\\&/g' <<<"$name")")
		echo "$name: $outcome: $said"
		came_out "$outcome" "$said"
		tried=$((tried + 1))
	done < <(bypass_table)
	[ "$tried" -ge 39 ]
	[ "$tried" -eq "$(sed -n '/^TRY control: ext4/,$p' "$out" | grep -v '^TRY control' | grep -c '^TRY ')" ]
	run ! grep '^TRY control' < <(grep -vE '^TRY control: .*: fine $' "$out")
	# Root's own keyrings, and those that have nothing to do with IMA, take what they are given.
	run ! grep -E '^TAKEN.* (_ima|_ca|_evm|\.(ima|evm|builtin_trusted_keys|secondary_trusted_keys|machine|platform|blacklist|builtin_regdb_keys)):' "$out"
	grep -q '^TAKEN.* _uid\.0:' "$out"
}

# full KERNEL WORDS NAME [INIT]: with these words on the command line, by which the line NAME of the table is not tried.
full()
{
	require_kernel "$1"
	cat "$kernel_tests/boot-checks.sh" "$kernel_tests/bypass.sh" >"$BATS_TEST_TMPDIR/script"
	start "$1" "$tools.img" "$BATS_FILE_TMPDIR/tools-$1" "$BATS_TEST_TMPDIR/script" "$2"
	enforces "$1" "${4-/sbin/init}"
	# Firmware is tried below, the others in ima-init-stock.bats.
	as_in_table 'unsigned firmware' 'kexec left to the policy' "$3"
}

@test "6.1, initramfs-tools: systemd's multi-user.target, enforced in all sessions; the bypass table" {
	local init=''
	full 6.1 '' 'FUSE, with ima_policy=fail_securely'
}

@test "6.12, initramfs-tools: systemd's multi-user.target, enforced in all sessions; the bypass table" {
	local init=/lib/systemd/systemd
	full 6.12 'ima_policy=fail_securely argument' 'FUSE content that changes' "$init argument"
}

@test "6.1, dracut with systemd in it: the same boot; a new certificate is loaded when it appears in the trust store" {
	{
		cat "$kernel_tests/boot-checks.sh"
		cat <<-'END'
			try 'third key, before' "$t/third"
			cp "$t/third.der" /etc/keys/ima/third.der
			for second in $(seq 60); do
				"$t/third" 2>/dev/null && break
				sleep 1
			done
			try 'third key' "$t/third"
			systemctl --no-pager status ima-init-keys.service || :
		END
	} >"$BATS_TEST_TMPDIR/script"
	local init=/lib/systemd/systemd
	start 6.1 "$dracut.img" "$BATS_FILE_TMPDIR/dracut-6.1" "$BATS_TEST_TMPDIR/script" argument
	enforces 6.1 "$init argument"
	refused "$(tried 'third key, before')"
	[ "$(tried 'third key')" = 'fine ' ]
}

@test "6.12, dracut without systemd in it: the same boot" {
	local init=/lib/systemd/systemd
	# Where there is an init=, this initramfs hands no argument on, with ima-init or without.
	start 6.12 "$dracut.img" "$BATS_FILE_TMPDIR/dracut-6.12" "$kernel_tests/boot-checks.sh"
	enforces 6.12 "$init"
}

@test "uml: unsigned firmware is denied under the policy exec, signed firmware is loaded" {
	local seed=$BATS_TEST_TMPDIR/seed modules
	require_kernel uml
	make_root "$seed"
	mkdir -p "$seed"/test/keys "$seed/lib/firmware"
	modules=$("$kernel_tests/build-uml")/modules
	cp "$("$kernel_tests/build-uml")"/ca.{pem,key} "$BATS_TEST_TMPDIR"
	make_leaf "$BATS_TEST_TMPDIR/site" "$BATS_TEST_TMPDIR/ca.pem" "$BATS_TEST_TMPDIR/ca.key"
	cp "$BATS_TEST_TMPDIR/site.der" "$seed/test/keys/"
	grep '^appraise' "$TOP/pkg-ima-init/policies/exec" >"$seed/test/policy"
	grep -q FIRMWARE "$seed/test/policy"
	cp "$(find "$modules" -name test_firmware.ko)" "$seed/module.ko"
	head -c 1000 /dev/urandom | tee "$seed/lib/firmware/signed" >"$seed/lib/firmware/unsigned"
	evmctl_sign "$BATS_TEST_TMPDIR/site" "$seed/bin/busybox" "$seed/module.ko" "$seed/lib/firmware/signed"
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		/bin/busybox insmod /module.ko
		# A line's end would be part of the name.
		request() { printf %s "$1" >/sys/devices/virtual/misc/test_firmware/trigger_request && echo "$1 loaded"; }
		request signed
		request unsigned
	END
	run boot uml "$seed" "$BATS_TEST_TMPDIR/script" --append ima_appraise=enforce --audit "$BATS_TEST_TMPDIR/audit"
	echo "$output"
	grep -qx 'signed loaded' <<<"$output"
	run ! grep -x 'unsigned loaded' <<<"$output"
	grep -E 'type=1800 .*name="/lib/firmware/unsigned".* res=0' "$BATS_TEST_TMPDIR/audit"
}

# What a machine that enforces nothing does.
plain_script()
{
	cat <<-'END'
		echo "STATE $(cat /run/pkgima/state 2>&1 | tr '\n' ' ')"
		echo "SYSTEM $(systemctl is-system-running --wait) $(systemctl is-active multi-user.target)"
		echo "RAN $(/opt/t/ran)"
		echo "INIT $(tr '\0' ' ' </proc/1/cmdline)"
		for value in 0x80000000 0x80000002 1; do
			echo "TRY EVM $value: $( (env echo $value >/sys/kernel/security/evm) 2>&1)"
		done
	END
}

boots_plainly()
{
	plain_script >"$BATS_TEST_TMPDIR/script"
	start "$1" "$2" "$3" "$BATS_TEST_TMPDIR/script" "${4-}"
	grep -q '^exit 0$' "$BATS_TEST_TMPDIR/result"
	grep -qx 'SYSTEM running active' "$out"
	grep -qx 'RAN ran!' "$out"
	grep -qx 'INIT /sbin/init ' "$out"
}

boots_with_off()
{
	boots_plainly "$1" "$2" "$3" ima_init=off
	evm_is_closed
	grep -q '^STATE mode=off ' "$out"
}

@test "recovery: ima_init=off boots the same image plainly, by initramfs-tools" {
	boots_with_off 6.12 "$tools.img" "$BATS_FILE_TMPDIR/tools-6.12"
}

@test "recovery: ima_init=off boots the same image plainly, by dracut" {
	boots_with_off 6.1 "$dracut.img" "$BATS_FILE_TMPDIR/dracut-6.1"
}

# broken_policy KERNEL IMAGE INITRD: its boot, with another policy.
broken_policy()
{
	# An initramfs may have several parts, and what comes later counts. One begins at a multiple of four bytes.
	mkdir -p "$BATS_TEST_TMPDIR/more/usr/lib/ima-init"
	echo 'appraise func=NO_SUCH_CHECK' >"$BATS_TEST_TMPDIR/more/usr/lib/ima-init/policy"
	cp "$3" "$BATS_TEST_TMPDIR/initrd"
	truncate -s %4 "$BATS_TEST_TMPDIR/initrd"
	(cd "$BATS_TEST_TMPDIR/more" && echo usr/lib/ima-init/policy | cpio -o -H newc -R 0:0 --quiet) \
		>>"$BATS_TEST_TMPDIR/initrd"
	plain_script >"$BATS_TEST_TMPDIR/script"
	start "$1" "$2" "$BATS_TEST_TMPDIR/initrd" "$BATS_TEST_TMPDIR/script"
	grep -q '^stopped' "$BATS_TEST_TMPDIR/result"
	grep -aq 'ima-init: the kernel does not take the policy: .*; the boot stops' "$console"
	boots_plainly "$1" "$2" "$BATS_TEST_TMPDIR/initrd" ima_init=log
	evm_is_closed
	grep -q '^STATE mode=log policy=log ' "$out"
}

@test "recovery: with a broken policy the boot stops, and under ima_init=log it does not, by initramfs-tools" {
	broken_policy 6.12 "$tools.img" "$BATS_FILE_TMPDIR/tools-6.12"
}

@test "recovery: with a broken policy the boot stops, and under ima_init=log it does not, by dracut" {
	broken_policy 6.1 "$dracut.img" "$BATS_FILE_TMPDIR/dracut-6.1"
}

# gone ROOT KERNEL: nothing of ima-init is left in any initramfs, and the machine boots.
gone()
{
	local kernel
	for kernel in 6.1 6.12; do
		run ! grep -E 'ima-init|etc/keys' < <(carried "$(initrd "$1" "$kernel")")
	done
	image_of "$1" "$BATS_TEST_TMPDIR/image"
	boots_plainly "$2" "$BATS_TEST_TMPDIR/image" "$(initrd "$1" "$2")"
	grep -q '^STATE cat: /run/pkgima/state: No such file' "$out"
}

@test "removed, with initramfs-tools: all initramfs are made without it, and the machine boots" {
	in_root "$tools" dpkg -r ima-init
	gone "$tools" 6.1
}

@test "purged, with dracut: all initramfs are made without it, and the machine boots" {
	in_root "$dracut" dpkg -P ima-init
	[ ! -e "$dracut/ima" ]
	# The administrator's word stays.
	[ -n "$(ls "$dracut/etc/keys/ima-ca")" ]
	gone "$dracut" 6.12
}
