#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# dh_imasign, as a machine that builds packages has it: installed by apt beside debhelper, with a small source package that
# makes one with debugging symbols. And debian/tests, run by autopkgtest on that machine.
# shellcheck disable=SC2016 # scripts for other shells, make and dpkg

load helpers
load hsm

# Shared: $system, the machine, with the keys in /keys; $plain, what a build without dh_imasign gives, and its tree.
setup_file()
{
	require root mmdebstrap dpkg-buildpackage unshare getfattr evmctl perl autopkgtest
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system packages
	packages=$("$support/build-packages")
	make_keys "$keys"
	"$support/base-root" "$system" "${building[@]}"
	cp /etc/resolv.conf "$system/etc/resolv.conf"
	cp -r "$keys" "$system/keys"
	mkdir "$system/root/packages"
	cp "$packages"/{pkgima,dh-ima}_*.deb "$system/root/packages"
	in_root "$system" sh -c 'apt-get install -y -q --no-install-recommends /root/packages/*.deb'
	make_source "$system/plain/tiny" 'debhelper-compat (= 13)'
	make_source "$system/with/tiny" 'debhelper-compat (= 13), dh-sequence-ima'
	build /plain/tiny
}

setup()
{
	# A tree of its own for each test.
	cp -a "$system/with" "$system/work"
}

teardown()
{
	rm -rf "$system/work" "$system/root/.config" "$system/etc/pkgima"
}

# make_source DIR BUILD-DEPENDS: two packages, of which one gets one with debugging symbols, and a script.
make_source()
{
	mkdir -p "$1/debian/source"
	cd "$1" || return 1
	printf 'int main(void)\n{\n\treturn 0;\n}\n' >tiny.c
	printf 'all: tiny\ninstall:\n\tinstall -D tiny $(DESTDIR)/usr/bin/tiny\n\tinstall -D -m 644 tiny.c $(DESTDIR)%s\n' \
		/usr/share/tiny-data/tiny.c >Makefile
	echo usr/bin >debian/tiny.install
	echo usr/share/tiny-data >debian/tiny-data.install
	printf '#!/bin/sh\nset -e\n#DEBHELPER#\n' >debian/tiny.postinst
	echo '3.0 (native)' >debian/source/format
	printf '#!/usr/bin/make -f\n%%:\n\tdh $@\n' >debian/rules
	chmod 755 debian/rules
	printf '%s\n' 'Source: tiny' 'Section: misc' 'Priority: optional' 'Maintainer: Test <test@localhost>' \
		"Build-Depends: $2" 'Standards-Version: 4.6.2' 'Rules-Requires-Root: no' '' \
		'Package: tiny' 'Architecture: any' 'Depends: ${shlibs:Depends}, ${misc:Depends}' 'Description: test' '' \
		'Package: tiny-data' 'Architecture: all' 'Depends: ${misc:Depends}' 'Description: test' >debian/control
	printf '%s\n' 'tiny (1:1.0) unstable; urgency=medium' '' '  * A test.' '' \
		' -- Test <test@localhost>  Mon, 01 Jan 2024 00:00:00 +0000' >debian/changelog
}

# build TREE [VARIABLE=VALUE...] [OPTION...]: all that dpkg-buildpackage makes of the tree.
build()
{
	local tree=$1
	shift
	in_root "$system" sh -c 'cd "$1"; shift; variables=; while :; do
			case ${1-} in
			*=*) case $1 in -*) break ;; esac; export "$1"; shift ;;
			*) break ;;
			esac
		done; exec dpkg-buildpackage -us -uc "$@"' sh "$tree" "$@"
}

debs='tiny_1.0_amd64.deb tiny-data_1.0_all.deb tiny-dbgsym_1.0_amd64.deb'

# checksums DIR: of all files that .changes and .buildinfo list, in the judgement of sha256sum and md5sum.
checksums()
{
	local file count=0
	for file in "$1"/*.changes "$1"/*.buildinfo; do
		sed -n '/^Checksums-Sha256:/,/^[^ ]/s/^ \([0-9a-f]*\) [0-9]* \(.*\)/\1  \2/p' "$file" >"$BATS_TEST_TMPDIR/sums"
		count=$((count + $(wc -l <"$BATS_TEST_TMPDIR/sums")))
		(cd "$1" && sha256sum --quiet -c "$BATS_TEST_TMPDIR/sums")
		sed -n '/^Files:/,/^[^ ]/s/^ \([0-9a-f]*\) [0-9]* [^ ]* [^ ]* \(.*\)/\1  \2/p' "$file" >"$BATS_TEST_TMPDIR/sums"
		[ ! -s "$BATS_TEST_TMPDIR/sums" ] || (cd "$1" && md5sum --quiet -c "$BATS_TEST_TMPDIR/sums")
	done
	[ "$count" -ge "$2" ]
}

all_signed() # DIR
{
	local deb
	for deb in $debs; do
		"$PKGIMA" verify --payload --certs "$keys/ima.der" "$1/$deb"
	done
}

# same_as_plain DIR: the packages are those of a build that knows nothing of dh_imasign.
same_as_plain()
{
	local deb
	for deb in $debs; do
		cmp "$1/$deb" "$system/plain/$deb"
	done
}

@test "a key in the environment: all packages are signed, the one with debugging symbols too, and the checksums are theirs" {
	local deb changes
	run -0 build /work/tiny PKGIMA_KEY=/keys/ima.key PKGIMA_CERT=/keys/ima.pem
	echo "$output"
	# After dh_builddeb, and before dpkg takes checksums.
	[[ $output == *dh_builddeb*dh_imasign*dpkg-genbuildinfo*dpkg-genchanges* ]]
	[ "$(grep -c '\.deb: signed, ' <<<"$output")" -eq 3 ]
	all_signed "$system/work"
	checksums "$system/work" 8
	# What the key's owner makes of the same build outside of it: the same bytes, and the same words about them.
	cp -r "$system/plain" "$BATS_TEST_TMPDIR/outside"
	changes=$(echo "$BATS_TEST_TMPDIR"/outside/*.changes)
	sign --in-place "$changes"
	for deb in $debs; do
		cmp "$BATS_TEST_TMPDIR/outside/$deb" "$system/work/$deb"
	done
	diff <(sed -n '/^Checksums-Sha256/,/^Files/p' "$changes" | grep '\.deb$') \
		<(sed -n '/^Checksums-Sha256/,/^Files/p' "$system"/work/*.changes | grep '\.deb$')
	# What is in them is what was built.
	for deb in $debs; do
		cmp <(dpkg-deb --fsys-tarfile "$system/work/$deb") <(dpkg-deb --fsys-tarfile "$system/plain/$deb")
	done
}

@test "evmctl accepts each file of them, once they are installed" {
	local path count=0
	build /work/tiny PKGIMA_KEY=/keys/ima.key PKGIMA_CERT=/keys/ima.pem >/dev/null
	mkdir -p "$system/etc/keys/ima"
	cp "$keys/ima.der" "$system/etc/keys/ima"
	in_root "$system" sh -c 'dpkg -i /work/*.deb && pkgima apply tiny tiny-data tiny-dbgsym'
	while read -r path; do
		[ -f "$system$path" ] && [ ! -L "$system$path" ] || continue
		evm_accepts "$keys/ima.der" "$system$path"
		count=$((count + 1))
	done < <(cat "$system"/var/lib/dpkg/info/tiny{,-data,-dbgsym}.list; echo /var/lib/dpkg/info/tiny.postinst)
	# Program, source, symbols, two changelogs, postinst.
	[ "$count" -eq 6 ]
	in_root "$system" dpkg -P tiny tiny-data tiny-dbgsym
	rm -r "$system/etc/keys/ima"
}

@test "no key: one line says so, and the packages are those of a build without it" {
	run -0 build /work/tiny
	[ "$(grep -c 'dh_imasign: ' <<<"$output")" -eq 1 ]
	[[ $output == *"dh_imasign: no key is configured, so the packages are not signed"* ]]
	same_as_plain "$system/work"
	checksums "$system/work" 8
}

# imasign [VARIABLE=VALUE...] [-- ARGUMENT...]: dh_imasign alone, over what was built without it.
imasign()
{
	rm -rf "$system/work"
	cp -a "$system/plain" "$system/work"
	in_root "$system" sh -c 'cd /work/tiny; while [ $# -gt 0 ] && [ "$1" != -- ]; do export "$1"; shift; done
		[ $# -eq 0 ] || shift
		exec dh_imasign "$@"' sh "$@"
}

# configure FILE LINE...
configure()
{
	mkdir -p "$system$(dirname "$1")"
	printf '%s\n' "${@:2}" >"$system$1"
}

site=(key=/keys/ima.key cert=/keys/ima.pem)

@test "configured in a file: the user's, the machine's, and the environment before both" {
	local rogue=(key=/keys/rogue/ima.key cert=/keys/rogue/ima.pem)
	configure /etc/pkgima/dh_imasign.conf '# The site.' '' ' key = /keys/ima.key ' 'cert=/keys/ima.pem'
	run -0 imasign
	all_signed "$system/work"
	# The user's before the machine's.
	configure /etc/pkgima/dh_imasign.conf "${rogue[@]}"
	configure /root/.config/pkgima/dh_imasign.conf "${site[@]}"
	run -0 imasign
	all_signed "$system/work"
	configure /root/.config/pkgima/dh_imasign.conf "${rogue[@]}"
	configure /keys/config/pkgima/dh_imasign.conf "${site[@]}"
	run -0 imasign XDG_CONFIG_HOME=/keys/config
	all_signed "$system/work"
	# One that says nothing.
	configure /keys/config/pkgima/dh_imasign.conf '; nothing'
	configure /etc/pkgima/dh_imasign.conf "${site[@]}"
	run -0 imasign XDG_CONFIG_HOME=/keys/config
	all_signed "$system/work"
	configure /etc/pkgima/dh_imasign.conf "${rogue[@]}"
	run -0 imasign PKGIMA_KEY=/keys/ima.key PKGIMA_CERT=/keys/ima.der
	all_signed "$system/work"
	# And switched off for once.
	run -0 imasign PKGIMA_KEY=
	[ "$output" = "dh_imasign: no key is configured, so the packages are not signed" ]
	same_as_plain "$system/work"
}

# refused TEXT IMASIGN-ARGUMENT...: an error with these words, and no package was touched.
refused()
{
	run imasign "${@:2}"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"$1"* ]]
	same_as_plain "$system/work"
}

@test "half a configuration, and one that cannot be understood or read, are errors" {
	refused 'the environment names a key, but no certificate for it' PKGIMA_KEY=/keys/ima.key
	refused 'the environment names a certificate, but no key for it' PKGIMA_CERT=/keys/ima.pem
	refused 'the environment names a key, but no certificate for it' PKGIMA_KEY=/keys/ima.key PKGIMA_CERT=
	# Another place does not fill in what is missing.
	configure /etc/pkgima/dh_imasign.conf "${site[@]}"
	refused 'the environment names a key, but no certificate for it' PKGIMA_KEY=/keys/ima.key
	configure /root/.config/pkgima/dh_imasign.conf cert=/keys/ima.pem
	refused '/root/.config/pkgima/dh_imasign.conf names a certificate, but no key for it'
	configure /root/.config/pkgima/dh_imasign.conf key=/keys/ima.key cert=
	refused '/root/.config/pkgima/dh_imasign.conf:2: cert has no value'
	configure /root/.config/pkgima/dh_imasign.conf "${site[@]}" key=/keys/rogue/ima.key
	refused '/root/.config/pkgima/dh_imasign.conf:3: key is there twice'
	configure /root/.config/pkgima/dh_imasign.conf 'certificate=/keys/ima.pem'
	refused '/root/.config/pkgima/dh_imasign.conf:1: neither key=KEY nor cert=CERT'
	configure /root/.config/pkgima/dh_imasign.conf key=ima.key cert=/keys/ima.pem
	refused '/root/.config/pkgima/dh_imasign.conf:1: key is neither an absolute path nor a pkcs11: URI'
	rm "$system/root/.config/pkgima/dh_imasign.conf"
	mkdir "$system/root/.config/pkgima/dh_imasign.conf"
	refused '/root/.config/pkgima/dh_imasign.conf: cannot '
}

@test "a key with which nothing can be signed ends the build" {
	run build /work/tiny PKGIMA_KEY=/keys/ima.key PKGIMA_CERT=/keys/rogue/ima.pem
	[ "$status" -ne 0 ]
	[[ $output == *"the key does not belong to /keys/rogue/ima.pem"* ]]
	[ -z "$(find "$system/work" -name '*.changes')" ]
	refused 'dh_imasign: error: pkgima sign' PKGIMA_KEY=/keys/ima.key PKGIMA_CERT=/keys/rogue/ima.pem
	refused '/keys/none.key' PKGIMA_KEY=/keys/none.key PKGIMA_CERT=/keys/ima.pem
}

@test "a key in a token, with its PIN from the environment or a file" {
	require softhsm2-util
	local uri="pkcs11:token=site;object=site-ima?module-path=$module"
	make_token site
	import_key site site-ima 01 "$keys/ima.key"
	cp -r "$BATS_FILE_TMPDIR/tokens" "$system/keys/tokens"
	sed "s|$BATS_FILE_TMPDIR|/keys|" "$SOFTHSM2_CONF" >"$system/keys/softhsm2.conf"
	echo 1234 >"$system/keys/pin"
	run -0 imasign SOFTHSM2_CONF=/keys/softhsm2.conf PKGIMA_KEY="$uri" PKGIMA_CERT=/keys/ima.pem PKGIMA_PIN=1234
	all_signed "$system/work"
	configure /etc/pkgima/dh_imasign.conf "key=$uri&pin-source=/keys/pin" cert=/keys/ima.pem
	run -0 imasign SOFTHSM2_CONF=/keys/softhsm2.conf
	all_signed "$system/work"
	refused PIN SOFTHSM2_CONF=/keys/softhsm2.conf PKGIMA_KEY="$uri" PKGIMA_CERT=/keys/ima.pem PKGIMA_PIN=4321
}

# only_signed DEB...: these of the three, and no others.
only_signed()
{
	local deb
	for deb in $debs; do
		if printf '%s\n' "$@" | grep -qxF "$deb"; then
			"$PKGIMA" verify --payload --certs "$keys/ima.der" "$system/work/$deb"
		else
			cmp "$system/work/$deb" "$system/plain/$deb"
		fi
	done
}

@test "debhelper's options: which packages, what pkgima is told, and where the packages are" {
	local key=(PKGIMA_KEY=/keys/ima.key PKGIMA_CERT=/keys/ima.pem)
	run -0 imasign "${key[@]}" -- -a
	only_signed tiny_1.0_amd64.deb tiny-dbgsym_1.0_amd64.deb
	run -0 imasign "${key[@]}" -- -i
	only_signed tiny-data_1.0_all.deb
	run -0 imasign "${key[@]}" -- -Ntiny
	only_signed tiny-data_1.0_all.deb
	run -0 imasign "${key[@]}" -- --no-act -v
	[[ $output == *"pkgima sign --key /keys/ima.key --cert /keys/ima.pem --in-place -- ../tiny"* ]]
	only_signed
	run -0 imasign "${key[@]}" -- -- --hash sha512
	# shellcheck disable=SC2086 # a list of names
	(cd "$system/work" && run -0 "$PKGIMA" show $debs && [[ $output == *sha512* && $output != *sha256* ]])
	run ! imasign "${key[@]}" -- --destdir=/elsewhere
	[[ $output == *"/elsewhere/tiny"* ]]
	only_signed
}

@test "packages of one kind only, under fakeroot, and with dh --with ima" {
	sed -i 's/^Rules-Requires-Root: .*/Rules-Requires-Root: binary-targets/; s/, dh-sequence-ima//' \
		"$system/work/tiny/debian/control"
	sed -i 's/dh \$@/dh $@ --with ima/' "$system/work/tiny/debian/rules"
	run -0 build /work/tiny PKGIMA_KEY=/keys/ima.key PKGIMA_CERT=/keys/ima.pem --build=all -rfakeroot
	[ "$(grep -c '\.deb: signed, ' <<<"$output")" -eq 1 ]
	"$PKGIMA" verify --payload --certs "$keys/ima.der" "$system/work/tiny-data_1.0_all.deb"
	[ "$(stat -c %U:%a "$system/work/tiny-data_1.0_all.deb")" = "$(stat -c %U:%a "$system/plain/tiny-data_1.0_all.deb")" ]
	checksums "$system/work" 2
	run -0 build /work/tiny PKGIMA_KEY=/keys/ima.key PKGIMA_CERT=/keys/ima.pem --build=any -rfakeroot
	[ "$(grep -c '\.deb: signed, ' <<<"$output")" -eq 2 ]
	all_signed "$system/work"
}

# The example of the manual page after a line, with the key of the test.
example()
{
	mandoc -T ascii "$TOP/man/dh_imasign.1" | sed 's/.\x08//g' | grep -A 7 "$1\$" | sed '1,/^$/d; s/^ *//' |
		sed '/^$/,$d' |
		sed 's|KEY|/keys/ima.key|; s|CERT|/keys/ima.pem|; s|/srv/keys/|/keys/|g'
}

@test "without dh-ima: the two examples with dpkg's hook, as the manual page has them" {
	require mandoc
	local text
	sed -i 's/, dh-sequence-ima//' "$system/work/tiny/debian/control"
	cp "$keys/ima.key" "$system/keys/tiny.key"
	cp "$keys/ima.pem" "$system/keys/tiny.pem"
	cp -a "$system/work" "$BATS_TEST_TMPDIR/work"
	for text in 'makes of these:' 'A key for each source package:'; do
		rm -rf "$system/work"
		cp -a "$BATS_TEST_TMPDIR/work" "$system/work"
		example "$text" >"$system/work/command"
		cat "$system/work/command"
		grep -q 'hook-buildinfo' "$system/work/command"
		run in_root "$system" sh -ec 'cd /work/tiny; . ../command'
		echo "$output"
		[ "$status" -eq 0 ]
		all_signed "$system/work"
		checksums "$system/work" 8
	done
	# What dpkg puts in; and a build of the source alone has nothing to sign.
	rm -rf "$system/work"
	cp -a "$BATS_TEST_TMPDIR/work" "$system/work"
	in_root "$system" sh -ec 'cd /work/tiny; dpkg-buildpackage -us -uc --build=all --hook-buildinfo="echo %p %v %s %u %a %% >../said"'
	[ "$(cat "$system/work/said")" = 'tiny 1:1.0 1.0 1.0 1 %' ]
	rm -rf "$system/work"
	cp -a "$BATS_TEST_TMPDIR/work" "$system/work"
	example "$text" | sed 's/dpkg-buildpackage/& -S/' >"$system/work/command"
	in_root "$system" sh -ec 'cd /work/tiny; . ../command'
	[ -z "$(find "$system/work" -name '*.deb')" ]
}

@test "autopkgtest: the tests of the package itself" {
	local source
	source=$("$support/source-package" "$BATS_TEST_TMPDIR/source")
	# What it leaves behind ends with it. Our TMPDIR is not there for it.
	run env -u TMPDIR unshare --mount --pid --fork --kill-child sh -c 'root=$1; shift; mount -t proc proc "$root/proc"
		exec autopkgtest --output-dir "$BATS_TEST_TMPDIR/out" --timeout-factor 2 "$@" -- chroot "$root"' \
		sh "$system" "$packages"/*.deb "$source"
	echo "$output"
	[ "$status" -eq 0 ]
	# Passed, not skipped.
	diff <(sed -n 's/^Tests: \(.*\)/\1 PASS/p' "$TOP/debian/tests/control" | sort) \
		<(sed 's/  */ /g' "$BATS_TEST_TMPDIR/out/summary" | sort)
	# They leave the machine as they found it.
	[ ! -e "$system/etc/keys/ima/pkgima-autopkgtest.der" ]
	[ ! -e "$system/usr/bin/pkgima-autopkgtest" ]
}
