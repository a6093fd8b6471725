# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2016 # scripts for other shells
# For ima-init-boot.bats: "load ima-init-boot", behind both helpers. Debian systems with stock kernels, whose initramfs the
# real tools have made, with ima-init from its package in it.

stock_package()
{
	local folder
	folder=$("$kernel_tests/fetch-stock" "$1")
	echo "$folder/package.deb"
}

# initrd ROOT KERNEL: its initramfs.
initrd()
{
	local file
	for file in "$1/boot/initrd.img-$2".*; do
		echo "$file"
	done
}

# make_boot_keys: $keys, with a second certificate by the CA, and one that a leaf has issued.
make_boot_keys()
{
	make_keys "$keys"
	make_leaf "$keys/second" "$keys/ca.pem" "$keys/ca.key"
	make_leaf "$keys/third" "$keys/ca.pem" "$keys/ca.key"
	make_leaf "$keys/leaf" "$keys/ima.pem" "$keys/ima.key"
}

# make_debian DIR TOOL: a system with systemd and that tool for its initramfs; the packages to be installed in /root.
make_debian()
{
	local packages
	packages=$("$support/build-packages")
	"$support/base-root" "$1" systemd-sysv dbus udev kmod keyutils debconf linux-base cpio zstd mount "$2"
	rm -rf "$1"/var/lib/apt/lists
	cp "$packages"/{ima-init,pkgima}_*.deb "$1/root"
	cp "$(stock_package 6.1)" "$1/root/linux-6.1.deb"
	cp "$(stock_package 6.12)" "$1/root/linux-6.12.deb"
	# Nobody logs in, and nothing is updated.
	rm -f "$1"/etc/systemd/system/{timers.target.wants,getty.target.wants}/*
	ln -s /dev/null "$1/etc/systemd/system/systemd-update-utmp.service"
}

# site_deb: in the root's /root, the package of a site: its CA certificate, which waits to be confirmed, certificate and
# policy.
site_deb()
{
	local tree=$BATS_FILE_TMPDIR/site-tree
	rm -rf "$tree"
	mkdir -p "$tree/usr/share/ima-init/ca" "$tree/etc/keys/ima" "$tree/etc/ima-init"
	cp "$keys/ca.der" "$tree/usr/share/ima-init/ca/site.der"
	cp "$keys/ima.der" "$tree/etc/keys/ima/site.der"
	cp "$TOP/pkg-ima-init/policies/exec" "$tree/etc/ima-init/policy"
	make_deb "$tree" site
	mv "$BATS_FILE_TMPDIR/site.deb" "$1/root/site.deb"
}

# site_init ROOT: in the root's /root, the same as an ima-init of the site's own, made of the one that is installed there.
site_init()
{
	"$PKGIMA" mkinit --root "$1" --ca-cert "$keys/ca.pem" --cert "$keys/ima.pem" --key "$keys/ima.key" \
		--policy "$TOP/pkg-ima-init/policies/exec" --out "$BATS_FILE_TMPDIR/site-init"
	cp "$BATS_FILE_TMPDIR"/site-init/ima-init_*.deb "$1/root/site-init.deb"
}

# preseed ROOT: the administrator's word for the CA.
preseed()
{
	echo "ima-init ima-init/trust multiselect $(sha256sum <"$keys/ca.der" | cut -c 1-64)" |
		in_root "$1" debconf-set-selections
}

# carried FILE: what the initramfs has of ima-init.
carried()
{
	local dir=$BATS_TEST_TMPDIR/unpacked
	rm -rf "$dir"
	mkdir "$dir"
	# Its compression is the kernel's and the tool's choice.
	case $(head -c 4 "$1" | od -An -tx1 | tr -d ' ') in
	28b52ffd) zstd -dcq "$1" ;;
	1f8b*) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac | cpio -i -d --quiet -D "$dir" '*usr/lib/ima-init*' '*etc/keys/*' '*initrd-switch-root.service.d/*' 2>/dev/null
	(cd "$dir" && find . -type f | sort)
}

# Builds a program of this folder.
build()
{
	"${CC:-gcc}" -std=gnu11 -O2 -Wall -Wextra -Werror "$@"
}

# make_programs DIR: what boot-checks.sh and bypass.sh have tried.
make_programs()
{
	local dir=$1 word name kernel
	mkdir -p "$dir" "$dir.fs"
	build -static -o "$dir/bypass" "$kernel_tests/bypass.c"
	for word in fine ran!; do
		build -static -nostdlib -no-pie -fno-stack-protector "-DWORD=\"$word\"" -o "$dir/${word%!}" "$kernel_tests/program.c"
	done
	for name in tampered second third leaf; do
		cp "$dir/fine" "$dir/$name"
	done
	cp "$dir/ran" "$dir/rogue"
	cp "$dir/ran" "$dir/portable"
	echo '__attribute__((constructor)) static void say(void) { puts("ran"); }' |
		build -shared -fPIC -include stdio.h -o "$dir/library.so" -x c -
	printf '#!/bin/sh\necho ran\n' >"$dir/script"
	chmod 755 "$dir/script"
	cp "$root/bin/echo" "$dir/echo"
	evmctl_sign "$keys/ima" "$dir"/{bypass,fine,tampered}
	printf 'ran!' | dd of="$dir/tampered" bs=1 seek="$(grep -abo fine "$dir/tampered" | cut -d: -f1)" conv=notrunc status=none
	for name in second third leaf; do
		evmctl_sign "$keys/$name" "$dir/$name"
		cp "$keys/$name.der" "$dir"
	done
	evmctl_sign "$keys/rogue/ima" "$dir/rogue"
	cp "$keys/rogue/ima.der" "$dir/rogue.der"
	# A hash, and a portable signature by the rogue key that covers it.
	evmctl sign --portable --imahash --hashalgo sha256 --key "$keys/rogue/ima.key" \
		--keyid-from-cert "$keys/rogue/ima.pem" "$dir/portable" >/dev/null
	# Modules without the mark of a signature at their end.
	for kernel in 6.1 6.12; do
		dpkg-deb --fsys-tarfile "$(stock_package "$kernel")" | tar -xO --wildcards '*/drivers/net/dummy.ko*' >"$dir/module"
		xz -dc "$dir/module" >"$dir/module-$kernel.ko" 2>/dev/null || mv "$dir/module" "$dir/module-$kernel.ko"
		rm -f "$dir/module"
		tail -c 28 "$dir/module-$kernel.ko" | grep -q '^~Module signature appended~'
		truncate -s -28 "$dir/module-$kernel.ko"
	done
	cp -a "$dir"/{fine,ran} "$dir.fs"
	mke2fs -q -F -t ext4 -d "$dir.fs" "$dir/ext4.img" 2M
	mksquashfs "$dir.fs" "$dir/squashfs.img" -quiet -no-progress -noD -noF >/dev/null
}

# Starts the script behind multi-user.target.
make_unit()
{
	mkdir -p "$1/etc/systemd/system/multi-user.target.wants" "$1/test"
	cp "$(boot --print-init)" "$1/test/init"
	printf '[Service]\nExecStart=/test/init\nTimeoutSec=infinity\n' >"$1/etc/systemd/system/test.service"
	ln -s ../test.service "$1/etc/systemd/system/multi-user.target.wants/"
}

# make_machine ROOT IMAGE: all that is executed, mapped to be executed, or loaded into the kernel is signed.
make_machine()
{
	make_unit "$1"
	rm -f "$1"/root/*.deb
	find "$1" -xdev -type f \( -perm /111 -o -name '*.so*' -o -name '*.ko*' -o -path '*/dpkg/info/*' \) -print0 |
		xargs -0 "$PKGIMA" sign --xattr --key "$keys/ima.key" --cert "$keys/ima.der"
	mkdir -p "$1/opt"
	cp -a "$programs" "$1/opt/t"
	image_of "$1" "$2"
}

image_of()
{
	mke2fs -q -F -t ext4 -m 0 -N 40000 -d "$1" "$2" 1G
}

# start KERNEL IMAGE INITRD SCRIPT [WORDS]: boots to multi-user.target; $out is then what the script has said. $init is the
# real init, /sbin/init if it is not set, empty for none on the command line.
start()
{
	out=$BATS_TEST_TMPDIR/out console=$BATS_TEST_TMPDIR/console audit=$BATS_TEST_TMPDIR/audit
	boot "$1" "$2" "$4" --initrd "$3" --init "${init-/sbin/init}" --smp 2 --mem 1024M --timeout 900 --console "$console" \
		--kmsg "$BATS_TEST_TMPDIR/kmsg" --audit "$audit" --result "$BATS_TEST_TMPDIR/result" \
		--append "quiet ima_appraise=enforce ${5-}" >"$out" || :
	cat "$BATS_TEST_TMPDIR/result" "$out"
	grep -a 'ima-init: ' "$console" || :
}

# tried NAME: what it said.
tried()
{
	sed -n "s|^TRY $1: ||p" "$out"
}
