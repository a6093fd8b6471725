#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What `pkgima enforce` sets is what a stock kernel does in its next boot: after log it denies nothing and records, after on
# it enforces, and with the words of a recovery entry in GRUB's menu it does not.
# shellcheck disable=SC2016,SC2154 # scripts for other shells; variables of the helpers

load helpers
load ../package/helpers
load ../package/enforce
load ima-init-boot

setup_file()
{
	require_kernel 6.1
	require mmdebstrap dpkg-buildpackage unshare getfattr cpio
	export keys=$BATS_FILE_TMPDIR/keys root=$BATS_FILE_TMPDIR/root
	make_keys "$keys"
	make_enforce_root "$root"
	cp "$(stock_package 6.1)" "$root/root/linux-6.1.deb"
	in_root "$root" dpkg -i /root/linux-6.1.deb
	rm "$root/root/linux-6.1.deb"
	rm -f "$root"/etc/systemd/system/{timers.target.wants,getty.target.wants}/*
	ln -sf /dev/null "$root/etc/systemd/system/systemd-update-utmp.service"
	make_unit "$root"
	make_grub "$root"
	sign_all "$root"
	build -static -nostdlib -no-pie -fno-stack-protector '-DWORD="ran!"' -o "$BATS_FILE_TMPDIR/unsigned" \
		"$kernel_tests/program.c"
}

# boots [WORDS]: with the initramfs as it is now; an unsigned program has come after the last look at the root.
boots()
{
	mkdir -p "$root/opt"
	cp "$BATS_FILE_TMPDIR/unsigned" "$root/opt/unsigned"
	image_of "$root" "$BATS_TEST_TMPDIR/image"
	rm "$root/opt/unsigned"
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		echo "SYSTEM $(systemctl is-system-running --wait) $(systemctl is-active multi-user.target)"
		echo "UNSIGNED $(/opt/unsigned 2>&1)"
		pkgima enforce status
		echo "STATUS $?"
	END
	start 6.1 "$BATS_TEST_TMPDIR/image" "$(initrd "$root" 6.1)" "$BATS_TEST_TMPDIR/script" "${1-}"
	grep -q '^exit 0$' "$BATS_TEST_TMPDIR/result"
	grep -qx 'SYSTEM running active' "$out"
	# What is set is what each next boot does.
	grep -qx 'STATUS 0' "$out"
}

denied()
{
	grep -E 'type=1800 .* res=0' "$audit"
}

@test "after log nothing is denied, and what is executed is recorded" {
	run -0 "$PKGIMA" enforce log --root "$root"
	boots
	grep -qx 'UNSIGNED ran!' "$out"
	grep -qE '^ok +now +only logged, policy log$' "$out"
	grep -qE '^ok +next boot +6[.]1[.].*: only logs, by its initramfs$' "$out"
	run ! denied
	grep -E 'type=1805 .*file="/opt/unsigned".*hash="sha256:'"$(sha256sum <"$BATS_FILE_TMPDIR/unsigned" | cut -c 1-64)" "$audit"
}

@test "after on it is enforced, of what booting executes nothing is denied, and the entry of GRUB's menu leads out of it" {
	local words
	run "$PKGIMA" enforce on --root "$root"
	echo "$output"
	[ "$status" -eq 0 ]
	boots
	grep -qE '^UNSIGNED .*Permission denied' "$out"
	grep -qE '^ok +now +enforced, policy .*, keyring _ima$' "$out"
	run ! grep -v 'name="/opt/unsigned"' < <(denied)
	denied | grep -q 'name="/opt/unsigned"'
	words=$(sed -n 's/^[[:space:]]*linux[[:space:]]*[^ ]* root=[^ ]* ro *\(.* ima_init=log\)$/\1/p' "$root/boot/grub/grub.cfg" | head -n 1)
	[[ $words == *ima_init=log ]]
	boots "$words"
	grep -qx 'UNSIGNED ran!' "$out"
	grep -qE '^ok +now +only logged, policy log$' "$out"
	grep -qE '^ok +next boot +6[.]1[.].*: enforces, by its initramfs$' "$out"
	run ! denied
}
