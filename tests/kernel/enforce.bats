#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Packages of the Debian archive, signed by pkgima and installed by dpkg with dpkg-ima, on kernels that enforce.

load helpers
load ../package/helpers

setup_file()
{
	local ca copy
	require_kernel uml
	require mmdebstrap apt-ftparchive dpkg-buildpackage unshare
	ca=$("$kernel_tests/build-uml")
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system
	make_keys "$keys"
	# The certificate that the kernel has built in is that of the cached kernel's CA.
	rm "$keys"/{ca,ima}.*
	cp "$ca"/ca.{key,pem,der} "$keys"
	"$PKGIMA" keygen --type ima --name 'Site IMA' --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys"
	make_system "$system"
	mkdir "$system/repo"
	# shellcheck disable=SC2046 # a list of names
	sign --out "$system/repo" $("$support/fetch-debs" hello dash libc6 busybox-static coreutils libselinux1 \
		libpcre2-8-0 libacl1 libattr1 libgmp10)
	in_root "$system" sh -c 'dpkg -i /repo/*.deb'
	# The same program in all states but the good one.
	for copy in unsigned changed rogue; do
		mkdir -p "$system/opt/$copy"
		cp --preserve=mode,xattr "$system/usr/bin/hello" "$system/opt/$copy/hello"
	done
	setfattr -x security.ima "$system/opt/unsigned/hello"
	printf 'Z' | dd of="$system/opt/changed/hello" bs=1 seek="$(($(stat -c %s "$system/usr/bin/hello") - 1))" \
		conv=notrunc status=none
	"$PKGIMA" sign --xattr --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" "$system/opt/rogue/hello"
	cat >"$BATS_FILE_TMPDIR/try" <<-'END'
		#!/bin/sh
		/usr/bin/hello; echo "signed: $?"
		/opt/unsigned/hello; echo "unsigned: $?"
		/opt/changed/hello; echo "changed: $?"
		/opt/rogue/hello; echo "rogue: $?"
	END
}

# What $output and the audit lines must say: the package's own program runs, the others are denied by IMA.
enforced()
{
	local copy
	echo "$output"
	cat "$1"
	[ "$status" -eq 0 ]
	[[ $output == *"Hello, world!"*"signed: 0"* ]]
	[ "$(grep -c 'Hello, world!' <<<"$output")" -eq 1 ]
	for copy in unsigned changed rogue; do
		[[ $output == *"$copy: 126"* ]]
		grep -q "type=1800 .*name=\"/opt/$copy/hello\"" "$1"
	done
	grep -q 'type=1800 .*cause=IMA-signature-required .*name="/opt/unsigned/hello"' "$1"
	grep -q 'type=1800 .*cause=invalid-signature .*name="/opt/changed/hello"' "$1"
	grep -q 'type=1800 .*cause=invalid-signature .*name="/opt/rogue/hello"' "$1"
	run ! grep 'type=1800 .*name="/usr/bin/hello"' "$1"
}

@test "uml, SIGNED_INIT and appraise_tcb: certificate by the kernel's hook; a package's program runs, forgeries do not" {
	local root=$BATS_TEST_TMPDIR/root
	require_kernel uml
	cp -a "$system" "$root"
	mkdir -p "$root/ima" "$root/test"
	cp "$keys/ima.der" "$root/etc/keys/x509_ima.der"
	cp "$(boot --print-init)" "$root/ima/init"
	cp "$BATS_FILE_TMPDIR/try" "$root/test/script"
	sign --xattr "$root/ima/init" "$root/test/script"
	run boot uml "$root" - --init /ima/init --append 'ima_appraise=enforce ima_policy=appraise_tcb' \
		--audit "$BATS_TEST_TMPDIR/audit"
	enforced "$BATS_TEST_TMPDIR/audit"
	grep -q "integrity: Loaded X.509 cert 'Site IMA:" "$BATS_TEST_TMPDIR/audit"
}

# A kernel with a keyring _ima that user space fills, and a policy on what is executed and mapped.
policy_enforces()
{
	local root=$BATS_TEST_TMPDIR/root
	require_kernel "$1"
	cp -a "$system" "$root"
	mkdir -p "$root/test/keys" "$root/test/ca"
	cp "$keys/ima.der" "$root/test/keys/site.der"
	cp "$keys/rogue/ima.der" "$root/test/keys/rogue.der"
	cp "$keys/ca.der" "$root/test/ca/site.der"
	echo /bin/true >"$root/test/latch"
	cat >"$root/test/policy" <<-'END'
		dont_appraise fsmagic=0x9fa0
		dont_appraise fsmagic=0x62656572
		dont_appraise fsmagic=0x73636673
		appraise func=BPRM_CHECK appraise_type=imasig
		appraise func=MMAP_CHECK mask=MAY_EXEC appraise_type=imasig
	END
	run boot "$1" "$root" "$BATS_FILE_TMPDIR/try" --append ima_appraise=enforce --audit "$BATS_TEST_TMPDIR/audit"
	enforced "$BATS_TEST_TMPDIR/audit"
}

@test "6.1: with _ima and a policy a package's program runs with its libraries, forgeries do not" {
	policy_enforces 6.1
}

@test "6.12: with _ima and a policy a package's program runs with its libraries, forgeries do not" {
	policy_enforces 6.12
}

@test "uml: a certificate that comes as a package is loaded into .ima at once; one of another CA is reported" {
	local root=$BATS_TEST_TMPDIR/root build=$BATS_TEST_TMPDIR
	require_kernel uml
	cp -a "$system" "$root"
	rm "$root"/etc/keys/ima/* "$root"/etc/keys/ima-ca/*
	mkdir -p "$build"/{site,rogue}/etc/keys/ima
	cp "$keys/ima.der" "$build/site/etc/keys/ima/site.der"
	cp "$keys/rogue/ima.der" "$build/rogue/etc/keys/ima/rogue.der"
	make_deb "$build/site" site-key
	make_deb "$build/rogue" rogue-key
	cp "$build"/*.deb "$root/root"
	cat >"$build/script" <<-'END'
		set -e
		export PATH=/usr/sbin:/usr/bin:/sbin:/bin
		pkgima keys list
		dpkg -i /root/site-key.deb
		pkgima keys list --json
		grep -c 'X509.rsa' /proc/keys
		dpkg -i /root/rogue-key.deb
		dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' site-key rogue-key dpkg-ima
		pkgima keys list
		pkgima keys load || echo "load: $?"
	END
	run boot uml "$root" "$build/script" --timeout 120
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"dpkg-ima: /etc/keys/ima/site.der: key "*" loaded into .ima"* ]]
	[[ $output == *'"in_kernel":true'* || $output == *'"in_kernel": true'* ]]
	[[ $output == *"dpkg-ima: /etc/keys/ima/rogue.der: not loaded into .ima"* ]]
	[[ $output == *"ii  site-key"*"ii  rogue-key"*"ii  dpkg-ima"* || $output == *"ii  rogue-key"* ]]
	[[ $output == *"load: 1"* ]]
}
