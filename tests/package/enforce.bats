#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# `pkgima enforce` in scratch roots, with the real initramfs-tools and GRUB's grub-mkconfig: what it writes, what it refuses,
# and what it leaves when a step fails. That the kernel does what was set is tests/kernel/enforce-boot.bats.
# shellcheck disable=SC2016 # scripts for other shells

load helpers

setup_file()
{
	require root mmdebstrap dpkg-buildpackage unshare openssl getfattr setfattr cpio
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system packages
	make_keys "$keys"
	packages=$("$support/build-packages")
	"$support/base-root" "$system" debconf cpio zstd mount kmod initramfs-tools grub-common grub2-common
	cp "$packages"/{ima-init,pkgima}_*.deb "$system/root"
	in_root "$system" sh -c 'dpkg -i /root/ima-init_*.deb /root/pkgima_*.deb'
	rm -rf "$system"/var/lib/apt/lists/* "$system"/var/cache/apt/* "$system"/usr/share/{doc,locale,man} "$system"/root/*.deb
	make_kernels "$system"
	make_grub "$system"
	mkdir -p "$system"/etc/keys/ima{,-ca}
	cp "$keys/ima.der" "$system/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$system/etc/keys/ima-ca/site.der"
	sign_all "$system"
}

# Kernels without a module, whose initramfs are made in a second.
make_kernels()
{
	local version
	sed -i 's/^COMPRESS=.*/COMPRESS=gzip/' "$1/etc/initramfs-tools/initramfs.conf"
	for version in 6.1.0-1 6.12.3-1; do
		mkdir -p "$1/lib/modules/$version"
		touch "$1/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$1/boot/vmlinuz-$version"
		printf 'CONFIG_%s=y\n' RD_GZIP RD_ZSTD IMA IMA_APPRAISE CRYPTO_SHA256 CRYPTO_RSA >"$1/boot/config-$version"
		in_root "$1" depmod "$version"
		in_root "$1" update-initramfs -c -k "$version"
	done
}

# GRUB, but for what would look at disks: the scratch root is on none.
make_grub()
{
	rm "$1/usr/sbin/grub-probe"
	cat >"$1/usr/sbin/grub-probe" <<-'END'
		#!/bin/sh
		for word; do
			case $word in
			--target=device) echo /dev/vda ;;
			--target=fs_uuid) echo 01234567-89ab-cdef-0123-456789abcdef ;;
			--target=partuuid) exit 1 ;;
			--target=fs) echo ext2 ;;
			--target=drive) echo '(hd0)' ;;
			--target=partmap) echo msdos ;;
			esac
		done
	END
	chmod 755 "$1/usr/sbin/grub-probe"
	mkdir -p "$1/boot/grub"
	in_root "$1" update-grub
	# Both kernels start, with and without recovery mode, and in the submenu.
	[ "$(grep -c '^[[:space:]]*linux[[:space:]]' "$1/boot/grub/grub.cfg")" -ge 3 ]
}

sign_all()
{
	find "$1" -xdev -type f \( -perm /111 -o -name '*.so*' -o -path '*/dpkg/info/*' \) -print0 |
		xargs -0 "$PKGIMA" sign --xattr --key "$keys/ima.key" --cert "$keys/ima.der" >/dev/null
}

# A copy of its own.
fresh()
{
	root=$BATS_TEST_TMPDIR/root
	cp -a "$system" "$root"
	before=$(state)
}

teardown()
{
	rm -rf "${BATS_TEST_TMPDIR:?}/root"
}

enforce()
{
	local verb=$1
	shift
	run "$PKGIMA" enforce "$verb" --root "$root" "$@"
	echo "enforce $verb: $status"
	echo "$output"
}

# All that enforce could have changed.
state()
{
	(cd "$root" && find etc/ima-init etc/grub.d etc/kernel boot -type f,l -exec sha256sum {} + 2>/dev/null
	ls etc/grub.d etc/kernel/install.d 2>/dev/null || :) | sort
}

# carried KERNEL FILE: what its initramfs has of ima-init, by cpio.
carried()
{
	local unpacked=$BATS_TEST_TMPDIR/unpacked
	rm -rf "$unpacked"
	mkdir "$unpacked"
	gzip -dc "$root/boot/initrd.img-$1" | cpio -i -d --quiet -D "$unpacked" '*usr/lib/ima-init*' 2>/dev/null
	cat "$unpacked/usr/lib/ima-init/$2"
}

# Words for the kernel in grub.cfg, of each entry.
entries()
{
	grep -oE '^[[:space:]]*linux[[:space:]].*' "$root/boot/grub/grub.cfg"
}

# recovery COUNT: so many entries have each of the words, at the end; GRUB takes the menu; all others are as they were.
recovery()
{
	[ "$(entries | grep -c ' ima_init=log$')" -eq "$1" ]
	[ "$(entries | grep -c ' ima_init=off$')" -eq "$1" ]
	in_root "$root" grub-script-check /boot/grub/grub.cfg
	# Behind the others: what starts by default is as it was.
	diff <(sed -n '/BEGIN .*10_linux/,/END .*10_linux/p' "$system/boot/grub/grub.cfg") \
		<(sed -n '/BEGIN .*10_linux/,/END .*10_linux/p' "$root/boot/grub/grub.cfg")
	[ -z "$(sed -n '1,/END .*10_linux/{/ima_init/p}' "$root/boot/grub/grub.cfg")" ]
}

@test "log, on, off: each kernel's initramfs carries what is set, GRUB's menu has recovery entries, and off leaves nothing" {
	local kernel
	fresh
	enforce status
	[ "$status" -eq 0 ]
	[[ $output == *"6.1.0-1: enforces nothing"* ]]

	enforce log
	[ "$status" -eq 0 ]
	[[ $output == *"the next boot logs"* ]]
	for kernel in 6.1.0-1 6.12.3-1; do
		[ "$(carried "$kernel" init.conf)" = mode=log ]
		carried "$kernel" policy | cmp - "$TOP/pkg-ima-init/policies/exec"
		carried "$kernel" ca/site.der | cmp - "$keys/ca.der"
	done
	recovery 2
	enforce status
	[ "$status" -eq 0 ]
	[[ $output == *"6.1.0-1: only logs"*"entries with ima_init=log and ima_init=off in /boot/grub/grub.cfg"* ]]

	# Nothing is refused, as all is signed.
	enforce on
	[ "$status" -eq 0 ]
	[[ $output == *": 0 denied"*"the next boot enforces /etc/ima-init/policy" ]]
	for kernel in 6.1.0-1 6.12.3-1; do
		[ "$(carried "$kernel" init.conf)" = mode=enforce ]
		carried "$kernel" policy | cmp - "$TOP/pkg-ima-init/policies/exec"
	done
	recovery 2
	enforce status
	[ "$status" -eq 0 ]
	[[ $output == *"6.12.3-1: enforces, by its initramfs"* ]]
	run -0 --separate-stderr "$PKGIMA" enforce status --root "$root" --json
	[ "$(jq -r .set <<<"$output")" = enforce ]
	[ "$(jq -r '[.checks[].state] | unique | .[]' <<<"$output")" = ok ]
	[ "$(jq '[.checks[] | select(.check == "next boot")] | length' <<<"$output")" -eq 2 ]

	# Once more there is nothing to do: no file is another one.
	changed=$(stat -c %i "$root"/boot/initrd* "$root"/boot/grub/grub.cfg "$root"/etc/ima-init/*)
	enforce on
	[ "$status" -eq 0 ]
	[[ $output == *"nothing to do: the next boot enforces"* ]]
	[ "$(stat -c %i "$root"/boot/initrd* "$root"/boot/grub/grub.cfg "$root"/etc/ima-init/*)" = "$changed" ]

	enforce off
	[ "$status" -eq 0 ]
	for kernel in 6.1.0-1 6.12.3-1; do
		run ! carried "$kernel" init
	done
	recovery 0
	cmp "$root/etc/ima-init/policy.off" "$TOP/pkg-ima-init/policies/exec"
	rm "$root/etc/ima-init/policy.off"
	# The language of the menu was that of who made it; initramfs are not made of the same bytes twice.
	in_root "$root" update-grub
	diff <(grep -v initrd <<<"$before") <(state | grep -v initrd)
	enforce off
	[ "$status" -eq 0 ]
	[[ $output == *"nothing to do"* ]]
}
