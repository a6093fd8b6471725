#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# .rpm packages, of rpmbuild's making and of alien's, signed and verified; the judges are rpm, gpg and evmctl.

load helpers
load rpm

# Shared: $keys, package mix as $mix (everything that a package may have), and the same, signed, as $signed.
setup_file()
{
	require root rpmbuild rpm rpmkeys rpmsign rpm2cpio gpg cpio alien evmctl getfattr jq
	export keys=$BATS_FILE_TMPDIR/keys mix signed
	make_keys "$keys"
	{
		write_spec mix 1
		cat <<-'END'
			%post
			echo configured
			%install
			mkdir -p %{buildroot}/usr/bin %{buildroot}/etc %{buildroot}/usr/share/mix
			printf '#!/bin/sh\necho mix\n' >%{buildroot}/usr/bin/mix
			cp /bin/true %{buildroot}/usr/bin/capable
			ln %{buildroot}/usr/bin/mix %{buildroot}/usr/bin/mix-again
			ln -s mix %{buildroot}/usr/bin/mix-link
			echo setting >%{buildroot}/etc/mix.conf
			: >%{buildroot}/usr/share/mix/empty
			echo text >'%{buildroot}/usr/share/mix/with space'
			for i in $(seq 300); do echo $i >%{buildroot}/usr/share/mix/$i; done
			%files
			%attr(755,root,root) /usr/bin/mix
			%attr(755,root,root) /usr/bin/mix-again
			/usr/bin/mix-link
			%attr(4755,root,root) %caps(cap_net_raw=p) /usr/bin/capable
			%config(noreplace) /etc/mix.conf
			%dir /usr/share/mix
			/usr/share/mix/*
			%ghost /var/log/mix.log
		END
	} >"$BATS_FILE_TMPDIR/mix.spec"
	mix=$(build_rpm "$BATS_FILE_TMPDIR/mix.spec" | grep -v '\.src\.rpm$')
	sign --out "$BATS_FILE_TMPDIR/signed" "$mix"
	signed=$BATS_FILE_TMPDIR/signed/${mix##*/}
}

setup()
{
	cd "$BATS_TEST_TMPDIR" || return 1
}

# evm_accepts_all PACKAGE CERT: unpacked by rpm2cpio, each regular file with the signature that rpm reads for it.
evm_accepts_all()
{
	local tree=$BATS_TEST_TMPDIR/tree hex path count=0 package
	package=$(realpath "$1")
	rm -rf "$tree"
	mkdir "$tree"
	(cd "$tree" && rpm2cpio "$package" | cpio -idm --quiet)
	while read -r hex path; do
		setfattr -n security.ima -v "0x$hex" "$tree$path"
		evm_accepts "$2" "$tree$path"
		count=$((count + 1))
	done < <(signatures_of "$1")
	[ "$count" -eq "$(find "$tree" -type f | wc -l)" ]
}

# tail_of PACKAGE: header and payload, that is what stands behind the signature header.
tail_of()
{
	local il dl size
	read -r il dl < <(od -An -j 104 -N 8 -t u4 --endian=big "$1")
	size=$((96 + (16 + 16 * il + dl + 7) / 8 * 8))
	tail -c "+$((size + 1))" "$1"
}

@test "every file of a package is signed, as evmctl and rpm see it; links, ghosts and folders are not" {
	[ "$(signatures_of "$signed" | wc -l)" -eq 306 ]
	run ! grep -E 'mix-link|mix\.log|/usr/share/mix$' <(signatures_of "$signed")
	[ "$(signatures_of "$signed" | grep -c '/usr/bin/mix')" -eq 2 ]
	evm_accepts_all "$signed" "$keys/ima.der"
	run -0 "$PKGIMA" verify --certs "$keys/ima.der" --payload "$signed"
	[[ $output == *"ok: 306 of 306 files" ]]
	[ "$(query '%{FILESIGNATURELENGTH}' "$signed")" -eq 265 ]
	# More than 64 KiB of signatures, and rpm takes them.
	[ $(($(stat -c %s "$signed") - $(stat -c %s "$mix"))) -gt 100000 ]
}

@test "header, payload and OpenPGP signatures stay valid; strip gives back a package without" {
	local home=$BATS_TEST_TMPDIR/gnupg
	mkdir -m 700 "$home"
	export GNUPGHOME=$home
	gpg --batch --quiet --passphrase '' --quick-generate-key 'Test <test@localhost>' rsa2048 sign never
	gpg --export --armor >key.asc
	rpmkeys "${rpm_options[@]}" --import key.asc
	cp "$mix" openpgp.rpm
	rpmsign "${rpm_options[@]}" --define '_gpg_name test@localhost' --define "__gpg $(command -v gpg)" \
		--addsign openpgp.rpm >/dev/null
	gpgconf --kill all
	cp openpgp.rpm both.rpm
	sign --in-place both.rpm
	cmp <(tail_of openpgp.rpm) <(tail_of both.rpm)
	run -0 rpmkeys "${rpm_options[@]}" -Kv both.rpm
	echo "$output"
	[[ $output == *"Header V4 RSA/SHA"*"Signature, key ID"*": OK"* ]]
	[[ $output == *"Payload SHA256 digest: OK"* ]]
	[[ ${output,,} != *"bad"* && ${output,,} != *"nokey"* ]]
	cp both.rpm bare.rpm
	run -0 "$PKGIMA" strip --in-place bare.rpm
	[ "$output" = "bare.rpm: manifest removed" ]
	cmp <(tail_of openpgp.rpm) <(tail_of bare.rpm)
	[ -z "$(signatures_of bare.rpm)" ]
	run -0 rpmkeys "${rpm_options[@]}" -K bare.rpm
	run -0 "$PKGIMA" strip --in-place bare.rpm
	[ "$output" = "bare.rpm: it has no manifest" ]
	run -1 "$PKGIMA" verify --certs "$keys/ima.der" bare.rpm
	[ "$output" = "bare.rpm: unsigned: it has no manifest" ]
}

@test "P-256: signatures of varying length" {
	"$PKGIMA" keygen --type ima --algo p256 --name EC --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out ec
	"$PKGIMA" sign --key ec/ima.key --cert ec/ima.pem --out out "$mix"
	[ "$(signatures_of out/*.rpm | awk '{ print length($1) }' | sort -u | wc -l)" -gt 1 ]
	evm_accepts_all out/*.rpm "$PWD/ec/ima.der"
	run -0 rpmkeys "${rpm_options[@]}" -K out/*.rpm
	run -0 "$PKGIMA" verify --certs ec/ima.der --payload out/*.rpm
}

@test "the same package, key and algorithm give the same bytes, on one thread or two, signed before or not" {
	sign -j 1 --out one "$mix"
	sign -j 2 --out two "$signed"
	cmp one/*.rpm "$signed"
	cmp two/*.rpm "$signed"
}

@test "show prints the entries, and JSON" {
	run -0 "$PKGIMA" show "$signed"
	[[ ${lines[0]} == "$signed: 306 entries" ]]
	[[ $output == *"c sha256:"*" /etc/mix.conf"* ]]
	"$PKGIMA" show --json "$signed" >json
	[ "$(jq -r '.files[0] | [.package, .version, .manifest, (.entries | length)] | @text' json)" = '["mix","1-1",true,306]' ]
	[ "$(jq -r '.files[0].entries[] | select(.path == "/usr/bin/mix") | .digest' json)" = \
		"$(query '[%{FILENAMES} %{FILEDIGESTS}\n]' "$signed" | sed -n 's|^/usr/bin/mix ||p')" ]
	run -1 "$PKGIMA" show "$mix"
	[ "$output" = "$mix: no manifest" ]
}

@test "verify: other key, other content, a payload that is cut off" {
	run -1 "$PKGIMA" verify --certs "$keys/rogue/ima.der" "$signed"
	[[ $output == *"/etc/mix.conf: unknown-key: key id "* ]]
	[[ $output == *"NOT ok: 0 of 306 files" ]]
	# A package whose payload is that of another build, with one letter changed.
	sed 's/echo text/echo test/' "$BATS_FILE_TMPDIR/mix.spec" >other.spec
	mkdir other
	build_rpm other.spec --define "_rpmdir $PWD/other" >/dev/null
	splice "$signed" other/*/*.rpm >spliced.rpm
	run -0 "$PKGIMA" verify --certs "$keys/ima.der" spliced.rpm
	run -1 "$PKGIMA" verify --certs "$keys/ima.der" --payload spliced.rpm
	[[ $output == *"/usr/share/mix/with space: digest-mismatch: the content in the package is not what was signed"* ]]
	[[ $output == *"NOT ok: 305 of 306 files" ]]
	"$PKGIMA" verify --json --certs "$keys/ima.der" --payload spliced.rpm >json || [ $? -eq 1 ]
	[ "$(jq -r '.packages[0].entries[] | select(.verdict != "ok") | .path' json)" = "/usr/share/mix/with space" ]
	head -c -2000 "$signed" >cut.rpm
	run -3 "$PKGIMA" verify --certs "$keys/ima.der" --payload cut.rpm
	[[ $output == "pkgima verify: cut.rpm: payload: "* ]]
}

# splice A B: A with the payload of B.
splice()
{
	local a b
	a=$(payload_at "$1")
	b=$(payload_at "$2")
	head -c "$a" "$1"
	tail -c "+$((b + 1))" "$2"
}

payload_at()
{
	local il dl at=96
	for _ in 1 2; do
		at=$(((at + 7) / 8 * 8))
		read -r il dl < <(od -An -j $((at + 8)) -N 8 -t u4 --endian=big "$1")
		at=$((at + 16 + 16 * il + dl))
	done
	echo "$at"
}

@test "a tree of packages: .deb and .rpm are signed, source packages are passed over, refused when they are named" {
	mkdir -p in/sub
	cp "$mix" in
	cp "$BATS_FILE_TMPDIR"/rpmbuild/SRPMS/mix-1-1.src.rpm in/sub
	cp "$("$support/fetch-debs" hello)" in/sub
	run -0 sign --out out in
	[ "$(grep -c signed <<<"$output")" -eq 2 ]
	[ "$(find out -type f | wc -l)" -eq 2 ]
	run -0 "$PKGIMA" verify --certs "$keys/ima.der" --payload out/*.rpm out/sub/*.deb
	run -3 sign --out out2 in/sub/mix-1-1.src.rpm
	[[ $output == *"mix-1-1.src.rpm: it is a source package, of which no file is installed" ]]
	[ -z "$(ls -A out2)" ]
}

@test "what is no package, or cut off, is refused by name and nothing is written" {
	local command
	head -c 3000 "$signed" >cut.rpm
	echo text >text.rpm
	for command in "sign --key $keys/ima.key --cert $keys/ima.der --out out" "verify --certs $keys/ima.der" \
		"strip --in-place"; do
		# shellcheck disable=SC2086 # words
		run -3 "$PKGIMA" $command cut.rpm text.rpm
		[[ $output == *"cut.rpm: its signature header is malformed, or cut off"* ]]
		[[ $output == *"text.rpm: it is too short for an .rpm"* ]]
	done
	[ -z "$(ls -A out)" ]
	[ "$(cat text.rpm)" = text ]
}

@test "a full disk: a message, and the package is as it was" {
	mkdir small
	mount -t tmpfs -o size=160k none small
	cp "$mix" small/mix.rpm
	run -3 sign --in-place small/mix.rpm
	umount_later=$PWD/small
	[[ $output == *"small/mix.rpm: cannot write: No space left on device"* ]]
	cmp small/mix.rpm "$mix"
	[ "$(ls -A small)" = mix.rpm ]
}

teardown()
{
	[ -z "${umount_later-}" ] || umount "$umount_later"
}

@test "packages of the archive, made into .rpm by alien" {
	local deb rpm count=0
	for deb in $("$support/fetch-debs" coreutils iputils-ping python3-minimal hello); do
		rpm=$(from_deb "$deb")
		sign --in-place "$rpm"
		run -0 "$PKGIMA" verify --certs "$keys/ima.der" --payload "$rpm"
		run -0 rpmkeys "${rpm_options[@]}" -K "$rpm"
		evm_accepts_all "$rpm" "$keys/ima.der"
		count=$((count + 1))
	done
	[ "$count" -eq 4 ]
}
