#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# pkgima status and pkgima audit --log inside machines, against what their kernels show and what was done there: a UML kernel
# that only records (the policy "log"), and Debian's 6.1 that enforces.

load helpers
load ima-init
load audit

setup_file()
{
	require_kernel uml
	require make dpkg dpkg-deb dpkg-buildpackage getfattr jq ldd dumpe2fs
	export dir=$BATS_FILE_TMPDIR leaf=$BATS_FILE_TMPDIR/keys/leaf rogue=$BATS_FILE_TMPDIR/keys/rogue
	export seed=$BATS_FILE_TMPDIR/seed
	make_site
	make_init_root "$seed"
	ln -s busybox "$seed/bin/grep"
	ln -s busybox "$seed/bin/cp"
	ln -s busybox "$seed/bin/uname"
	add_programs "$seed" "$PKGIMA"
	make_tools "$dir/tools"
	find "$seed/bin/pkgima" "$seed"/{lib,lib64,usr/lib} -type f 2>/dev/null | while read -r file; do
		evmctl_sign "$leaf" "$file"
	done
	mkdir -p "$seed/boot" "$seed/tmp"
	# What every machine is asked, after what is tried there.
	init_script "$seed" <<-'END'
		[ ! -e /boot/config ] || cp /boot/config "/boot/config-$(uname -r)"
		try signed; try unsigned; try rogue; try "two words"
		/tools/good one; /tools/changed one
		echo "has $(grep -c 'leaf: .*X509.rsa' /proc/keys)"
		echo "lockdown $(cat /sys/kernel/security/lockdown)"
		echo "kexec $(cat /proc/sys/kernel/kexec_load_disabled)"
		echo BEGIN status; pkgima status --json; echo "END status $?"
		echo BEGIN log; pkgima audit --log --json; echo "END log $?"
	END
}

# The package "tools", signed: two programs, one of which is changed after it was installed.
make_tools()
{
	mkdir -p "$1/tools" "$1/DEBIAN"
	cp "$(command -v busybox)" "$1/tools/good"
	cp "$(command -v busybox)" "$1/tools/changed"
	printf 'Package: tools\nVersion: 1\nArchitecture: all\nMaintainer: Test <test@localhost>\nDescription: test\n' >"$1/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$1" "$1.deb" >/dev/null
	"$PKGIMA" sign --in-place --key "$leaf.key" --cert "$leaf.der" "$1.deb" >/dev/null
	install_deb "$seed" "$1.deb"
	echo >>"$seed/tools/changed"
	mkdir "$seed/two words"
	cp "$(command -v busybox)" "$seed/two words/echo"
}

setup()
{
	root=$BATS_TEST_TMPDIR/root
	cp -a "$seed" "$root"
}

# document NAME: what the machine has printed between its marks.
document()
{
	sed -n "/^BEGIN $1\$/,/^END $1 /p" <<<"$output" | sed '1d;$d' >"$BATS_TEST_TMPDIR/$1.json"
	jq -e . "$BATS_TEST_TMPDIR/$1.json" >/dev/null
}

# line CHECK: the states and texts of its lines.
line()
{
	jq -r --arg check "$1" '.checks[] | select(.check == $check) | "\(.state) \(.text)"' "$BATS_TEST_TMPDIR/status.json"
}

# item FILE PATH: a file of a log, in one line.
item()
{
	jq -r --arg path "$2" '.files[] | select(.path == $path) | "\(.package) \(.denied) \(.cause) \(.verdict)"' "$1"
}

@test "uml, log: status says so; each program that ran is in audit --log with its verdict, inside and outside" {
	ca=$("$kernel_tests/build-uml")
	cp "$ca/config" "$root/boot/config"
	cp "$TOP/pkg-ima-init/policies/log" "$root/etc/ima-init/policy"
	evmctl_sign "$leaf" "$root/etc/ima-init/policy"
	start uml "$root" "quiet ima_policy=fail_securely"
	ended "exit"
	[[ $output == *"signed ran"*"unsigned ran"*"rogue ran"*"two words ran"* ]]
	document status
	document log
	cat "$BATS_TEST_TMPDIR/status.json"
	[[ $output == *"END status 1"* && $output == *"END log 1"* ]]
	[[ $(line kernel) == "ok it appraises signatures, with a keyring of its own, .ima (/boot/config-"* ]]
	[[ $output == *"has 1"* && $(line keyring) == "ok .ima has the keys of the trust store, and no other" ]]
	[[ $(line policy) == "attention /etc/ima-init/policy only records"* ]]
	[[ $(line boot) == "ok ima-init came before the real init, started by init=/ima/init, without an initramfs" ]]
	[[ $(line fuse) == "ok "* ]]
	[[ $(line mounts) == *"ok ext4 carries signatures: /"* ]]
	[[ $(line packages) == "attention 1 signed, 1 in part, 0 not at all; "* || $(line packages) == "ok 2, all signed"* ]]
	for log in "$BATS_TEST_TMPDIR/log.json" outside; do
		if [ "$log" = outside ]; then
			log=$BATS_TEST_TMPDIR/outside.json
			# The kernel log as it came out of the machine.
			run -1 --separate-stderr "$PKGIMA" audit --log --json --root "$root" "$BATS_TEST_TMPDIR/log"
			# shellcheck disable=SC2154
			echo "$stderr"
			echo "$output" >"$log"
		fi
		[ "$(item "$log" /unsigned/echo)" = "null false null unsigned" ]
		[ "$(item "$log" "/two words/echo")" = "null false null unsigned" ]
		[ "$(item "$log" /rogue/echo)" = "null false null unknown-key" ]
		[ "$(item "$log" /signed/echo)" = "null false null ok" ]
		[ "$(item "$log" /tools/good)" = "tools false null ok" ]
		[ "$(item "$log" /tools/changed)" = "tools false null digest-mismatch" ]
		[ "$(jq .sums.denied "$log")" -eq 0 ]
		[ "$(jq -r '.files[] | select(.path == "/signed/echo").digest' "$log")" = \
			"$(sha256sum "$root/signed/echo" | cut -d ' ' -f 1)" ]
	done
	grep -a 'type=1805' "$BATS_TEST_TMPDIR/log" | head -n 3
}

@test "6.1, enforcing: status says what the kernel shows; audit --log names what was denied, and why" {
	require_kernel 6.1
	release=$(cat "$("$kernel_tests/fetch-stock" 6.1)/version")
	mkdir -p "$root/lib/modules/$release/kernel/lib"
	: >"$root/lib/modules/$release/kernel/lib/crc7.ko.xz"
	echo 'kernel/lib/crc7.ko.xz:' >"$root/lib/modules/$release/modules.dep"
	start 6.1 "$root" "quiet" --save-image "$BATS_TEST_TMPDIR/after" --timeout 300
	ended "exit"
	[[ $output == *"signed ran"*"unsigned: 126"*"rogue: 126"* ]]
	document status
	document log
	cat "$BATS_TEST_TMPDIR/status.json"
	[[ $(line kernel) == "ok its configuration is not to be had, but ima-init has seen it verify signatures" ]]
	[[ $(line keyring) == "ok _ima has the keys of the trust store, and no other" ]]
	[[ $(line policy) == "ok /etc/ima-init/policy is enforced; the kernel does not show it, and takes no other" ]]
	[[ $(line appraise) == "ok "* ]]
	[[ $(line evm) == "ok ima-init has closed it"* ]]
	[[ $output == *"lockdown none [integrity]"* && $(line lockdown) == "ok integrity" ]]
	[[ $output == *"kexec 1"* && $(line kexec) == "ok it is disabled until the next boot" ]]
	[[ $(line modules) == "ok the kernel wants its own signature in each (sig_enforce), which compressed ones need" ]]
	[[ $(line firmware) == "attention this machine was not booted by EFI"* ]]
	# The runner has an initramfs of its own, which GRUB's users have too.
	[[ $(line bootauth) == "attention nothing authenticates the initramfs, and nothing authenticates the command line"* ]]
	size=$(dumpe2fs -h "$BATS_TEST_TMPDIR/after" 2>/dev/null | sed -n 's/^Inode size:[[:space:]]*//p')
	[[ $(line inodes) == "ok / (ext4) has inodes of $size bytes: "* ]]
	log=$BATS_TEST_TMPDIR/log.json
	[ "$(item "$log" /unsigned/echo)" = "null true IMA-signature-required unsigned" ]
	[ "$(item "$log" "/two words/echo")" = "null true IMA-signature-required unsigned" ]
	[ "$(item "$log" /rogue/echo)" = "null true invalid-signature unknown-key" ]
	[ "$(item "$log" /tools/changed)" = "tools true invalid-signature digest-mismatch" ]
	[ "$(jq .sums.denied "$log")" -eq 4 ]
	[ "$(jq .sums.records "$log")" -eq "$(grep -ac 'type=1800 .*res=0' "$BATS_TEST_TMPDIR/log")" ]
}
