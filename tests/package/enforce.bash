# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# For tests of `pkgima enforce`: "load enforce", behind "load helpers". Debian systems with initramfs-tools and GRUB.

# make_enforce_root DIR: with ima-init and pkgima from their packages, and the site's certificates; no kernel yet.
make_enforce_root()
{
	local packages
	packages=$("$support/build-packages")
	"$support/base-root" "$1" systemd-sysv dbus udev kmod keyutils debconf linux-base cpio zstd mount \
		initramfs-tools grub-common grub2-common
	cp "$packages"/{ima-init,pkgima}_*.deb "$1/root"
	in_root "$1" sh -c 'dpkg -i /root/ima-init_*.deb /root/pkgima_*.deb'
	rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/usr/share/{doc,locale,man} "$1"/root/*.deb
	mkdir -p "$1"/etc/keys/ima{,-ca}
	cp "$keys/ima.der" "$1/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$1/etc/keys/ima-ca/site.der"
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
	grep -q '^[[:space:]]*linux[[:space:]]' "$1/boot/grub/grub.cfg"
}

sign_all()
{
	find "$1" -xdev -type f \( -perm /111 -o -name '*.so*' -o -name '*.ko*' -o -path '*/dpkg/info/*' \) -print0 |
		xargs -0 "$PKGIMA" sign --xattr --key "$keys/ima.key" --cert "$keys/ima.der" >/dev/null
}
