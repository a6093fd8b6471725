#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Code that no package brings as it runs: a module that DKMS builds on the host, and programs in a container's root on
# overlayfs. Built by Debian's dkms and headers in a scratch root; judged by evmctl and a stock kernel that enforces.

load helpers
load ../package/helpers

setup_file()
{
	require_kernel 6.1
	require mmdebstrap unshare dpkg evmctl getfattr
	export keys=$BATS_FILE_TMPDIR/keys host=$BATS_FILE_TMPDIR/host stock
	stock=$("$kernel_tests/fetch-stock" 6.1)
	version=$(cat "$stock/version")
	export version
	make_keys "$keys"
	# The local key.
	"$PKGIMA" keygen --type ima --name 'Local key' --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys/local"
	make_host
}

# A host with dkms, the kernel's headers, and a module's source.
make_host()
{
	"$support/base-root" "$host" dkms "linux-headers-$version" xz-utils
	cp "$PKGIMA" "$host/usr/bin/pkgima"
	install -D -t "$host/usr/local/sbin" "$TOP/examples/dkms/sign-dkms"
	install -D -m 600 -t "$host/etc/pkgima-local" "$keys/local/ima.key" "$keys/local/ima.pem"
	mkdir "$host/usr/src/tiny-1.0"
	cat >"$host/usr/src/tiny-1.0/tiny.c" <<-'END'
		#include <linux/module.h>
		static int __init tiny_init(void) { return 0; }
		static void __exit tiny_exit(void) { }
		module_init(tiny_init);
		module_exit(tiny_exit);
		MODULE_LICENSE("GPL");
	END
	echo 'obj-m := tiny.o' >"$host/usr/src/tiny-1.0/Makefile"
	cat >"$host/usr/src/tiny-1.0/dkms.conf" <<-'END'
		PACKAGE_NAME="tiny"
		PACKAGE_VERSION="1.0"
		BUILT_MODULE_NAME[0]="tiny"
		DEST_MODULE_LOCATION[0]="/updates/dkms"
		MAKE="make -C $kernel_source_dir M=$dkms_tree/tiny/1.0/build"
		CLEAN="make -C $kernel_source_dir M=$dkms_tree/tiny/1.0/build clean"
	END
}

@test "a module that dkms builds and installs is signed by the local key, through each of the hooks" {
	local module=$host/lib/modules/$version/updates/dkms/tiny.ko hook
	# Without a key nothing happens, and dkms works as before.
	# shellcheck disable=SC2016 # dkms's
	echo 'POST_INSTALL="../../local/sbin/sign-dkms $kernelver"' >"$host/etc/dkms/tiny.conf"
	run in_root "$host" dkms install tiny/1.0 -k "$version"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"sign-dkms: no key is set in /etc/default/sign-dkms"* ]]
	[ -f "$module" ]
	[ -z "$(ima_of "$module")" ]
	printf 'PKGIMA_KEY=/etc/pkgima-local/ima.key\nPKGIMA_CERT=/etc/pkgima-local/ima.pem\n' >"$host/etc/default/sign-dkms"
	in_root "$host" dkms uninstall tiny/1.0 -k "$version"
	[ ! -e "$module" ]
	in_root "$host" dkms install tiny/1.0 -k "$version"
	evm_accepts "$keys/local/ima.der" "$module"
	# A new kernel, and apt.
	for hook in postinst header_postinst; do
		setfattr -x security.ima "$module"
		ln -s /usr/local/sbin/sign-dkms "$host/etc/kernel/$hook.d/dkms-pkgima"
		in_root "$host" run-parts --arg="$version" "/etc/kernel/$hook.d"
		evm_accepts "$keys/local/ima.der" "$module"
	done
	setfattr -x security.ima "$module"
	cp "$TOP/examples/dkms/apt.conf" "$host/etc/apt/apt.conf.d/90sign-dkms"
	mkdir -p "$BATS_TEST_TMPDIR/any/opt/any"
	make_deb "$BATS_TEST_TMPDIR/any" any
	cp "$BATS_TEST_TMPDIR/any.deb" "$host/root"
	in_root "$host" apt-get install -y -q /root/any.deb
	evm_accepts "$keys/local/ima.der" "$module"
	cp --preserve=mode,xattr "$module" "$BATS_FILE_TMPDIR/tiny.ko"
	# What is not as dkms built it gets no signature, and one for another kernel is not touched.
	setfattr -x security.ima "$module"
	in_root "$host" /usr/local/sbin/sign-dkms 1.2.3
	[ -z "$(ima_of "$module")" ]
	echo more >>"$module"
	in_root "$host" /usr/local/sbin/sign-dkms
	[ -z "$(ima_of "$module")" ]
}

@test "/usr/local: sign --xattr -r" {
	install -D /bin/true "$BATS_TEST_TMPDIR/local/bin/mine"
	install -D /bin/true "$BATS_TEST_TMPDIR/local/lib/deep/too"
	"$PKGIMA" sign --xattr -r --key "$keys/local/ima.key" --cert "$keys/local/ima.pem" "$BATS_TEST_TMPDIR/local"
	evm_accepts "$keys/local/ima.der" "$BATS_TEST_TMPDIR"/local/{bin/mine,lib/deep/too}
}

# A container's root: dpkg has installed programs in it, none of them signed; then sign --root, and apply.
make_container()
{
	local image=$1 name
	mkdir -p "$image/var/lib/dpkg/info" "$image/var/lib/dpkg/updates"
	: >"$image/var/lib/dpkg/status"
	for name in fine spare; do
		install -D "$(command -v busybox)" "$BATS_TEST_TMPDIR/$name/opt/$name/echo"
		make_deb "$BATS_TEST_TMPDIR/$name" "$name"
		dpkg --root="$image" -i "$BATS_TEST_TMPDIR/$name.deb"
	done
	sign --root "$image"
	"$PKGIMA" apply --root "$image" --certs "$keys/ima.der" --all
	install -D "$(command -v busybox)" "$image/opt/unsigned/echo"
}

@test "6.1: dkms's module is loaded, unsigned it is not; a container on overlayfs runs what its image has signed" {
	local root=$BATS_TEST_TMPDIR/root overlay
	[ -f "$BATS_FILE_TMPDIR/tiny.ko" ]
	make_root "$root" latch
	mkdir -p "$root"/{tmp,merged,test/keys,test/ca,host}
	make_container "$root/image"
	cp "$keys/ima.der" "$root/test/keys/site.der"
	cp "$keys/local/ima.der" "$root/test/keys/local.der"
	cp "$keys/ca.der" "$root/test/ca/site.der"
	echo /latch/echo >"$root/test/latch"
	grep '^appraise' "$TOP/pkg-ima-init/policies/exec" >"$root/test/policy"
	cp --preserve=mode,xattr "$BATS_FILE_TMPDIR/tiny.ko" "$root/host/tiny.ko"
	cp "$root/host/tiny.ko" "$root/host/unsigned.ko"
	cp --preserve=mode,xattr "$BATS_FILE_TMPDIR/tiny.ko" "$root/host/changed.ko"
	printf Z | dd of="$root/host/changed.ko" bs=1 seek=100 conv=notrunc status=none
	dpkg-deb --fsys-tarfile "$stock/package.deb" >"$BATS_TEST_TMPDIR/kernel.tar"
	overlay=$(tar -tf "$BATS_TEST_TMPDIR/kernel.tar" | grep '/overlay\.ko$')
	tar -xOf "$BATS_TEST_TMPDIR/kernel.tar" "$overlay" >"$root/host/overlay.ko"
	evmctl_sign "$keys/ima" "$root"/{bin/busybox,latch/echo,host/overlay.ko}
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		for name in unsigned changed tiny; do
			/bin/busybox insmod /host/$name.ko
			while read -r module rest; do [ "$module" != tiny ] || echo "$name.ko is loaded"; done </proc/modules
		done
		/bin/busybox insmod /host/overlay.ko || exit 9
		/bin/mount -t tmpfs none /tmp
		/bin/busybox mkdir /tmp/upper /tmp/work
		/bin/mount -t overlay -o lowerdir=/image,upperdir=/tmp/upper,workdir=/tmp/work none /merged || exit 8
		run() { /bin/busybox chroot /merged "$2" hello >/dev/null 2>&1; echo "$1: $?"; }
		run fine /opt/fine/echo
		run unsigned /opt/unsigned/echo
		/bin/busybox cp /merged/opt/fine/echo /merged/opt/written && run written /opt/written
		/bin/busybox chmod 700 /merged/opt/spare/echo && run copied-up /opt/spare/echo
		printf Z >>/merged/opt/spare/echo && run changed /opt/spare/echo
	END
	run boot 6.1 "$root" "$BATS_TEST_TMPDIR/script" --append ima_appraise=enforce --audit "$BATS_TEST_TMPDIR/audit"
	echo "$output"
	cat "$BATS_TEST_TMPDIR/audit"
	[ "$status" -eq 0 ]
	said=$output
	[ "$(grep 'is loaded' <<<"$said")" = 'tiny.ko is loaded' ]
	# What the lower layer has signed runs, also once its metadata was changed; what is new or changed does not.
	[[ $said == *$'\nfine: 0\n'* ]]
	[[ $said == *$'\ncopied-up: 0\n'* ]]
	[[ $said == *$'\nunsigned: 126\n'* ]]
	[[ $said == *$'\nwritten: 126\n'* ]]
	[[ $said == *$'\nchanged: 126' ]]
	grep -q 'type=1800 .*name="/merged/opt/unsigned/echo" dev="overlay"' "$BATS_TEST_TMPDIR/audit"
	grep -q 'type=1800 .*cause=IMA-signature-required .*name="/host/unsigned.ko"' "$BATS_TEST_TMPDIR/audit"
	grep -q 'type=1800 .*cause=invalid-signature .*name="/host/changed.ko"' "$BATS_TEST_TMPDIR/audit"
}
