#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Signatures for what dpkg has installed without any: pkgima sign --root. Judged by evmctl, getfattr, dpkg, unsquashfs and tar.

load helpers

setup_file()
{
	require root mmdebstrap dpkg dpkg-deb evmctl getfattr unshare mksquashfs unsquashfs tar strace script
	export keys=$BATS_FILE_TMPDIR/keys debian=$BATS_FILE_TMPDIR/debian
	make_keys "$keys"
	"$support/base-root" "$debian"
	trust "$debian"
}

setup()
{
	root=$BATS_TEST_TMPDIR/root
	work=$BATS_TEST_TMPDIR
	info=$root/var/lib/dpkg/info
}

# use ROOT: from now on.
use()
{
	root=$1
	info=$root/var/lib/dpkg/info
}

trust()
{
	mkdir -p "$1/etc/keys/ima" "$1/etc/keys/ima-ca"
	cp "$keys/ima.der" "$1/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$1/etc/keys/ima-ca/site.der"
}

# put NAME PATH TEXT: a file of the package NAME.
put()
{
	mkdir -p "$(dirname "$work/$1$2")"
	printf '%s\n' "$3" >"$work/$1$2"
}

# A root in which dpkg has nothing.
small_root()
{
	mkdir -p "$info" "$root/var/lib/dpkg/updates"
	: >"$root/var/lib/dpkg/status"
	trust "$root"
}

# install NAME...: $work/NAME.deb, scripts run outside.
install()
{
	dpkg --root="$root" --force-script-chrootless --force-not-root -i "${@/#/$work/}" >"$work/dpkg.log" 2>&1 || {
		cat "$work/dpkg.log" >&2
		return 1
	}
}

# The package tool: two programs, a conffile, scripts.
make_tool()
{
	put tool /usr/bin/one "one $1"
	put tool /usr/bin/two "two $1"
	put tool /etc/tool.conf setting
	mkdir -p "$work/tool/DEBIAN"
	echo /etc/tool.conf >"$work/tool/DEBIAN/conffiles"
	printf '#!/bin/sh\nexit 0\n' >"$work/tool/DEBIAN/postinst"
	cp "$work/tool/DEBIAN/postinst" "$work/tool/DEBIAN/prerm"
	chmod 755 "$work"/tool/DEBIAN/{postinst,prerm}
	make_deb "$work/tool" tool "$1"
}

# paths NAME: of its manifest.
paths()
{
	sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* [^ ]* //p' "$info/$1.imasigs" | tr '\n' ' '
}

# sound: every manifest in info/ can be read, and nothing else lies there.
sound()
{
	local file
	for file in "$info"/*.imasigs; do
		head -n 1 "$file" | grep -qx 'pkgima-manifest 1'
		[ "$(tail -c 1 "$file" | od -An -tx1)" = ' 0a' ]
	done
	run find "$info" -name '.*' -type f
	[ -z "$output" ]
}

@test "a Debian root: all packages are signed, applied and audited; the key never gets in" {
	local file
	use "$debian"
	run --separate-stderr sign --root "$debian"
	[ "$status" -eq 0 ]
	[[ $output =~ ([0-9]+)\ packages\ signed,\ ([0-9]+)\ files ]]
	[ "${BASH_REMATCH[1]}" -eq "$(find "$info" -name '*.list' | wc -l)" ]
	[ "${BASH_REMATCH[2]}" -gt 5000 ]
	[[ $stderr == *"dpkg records MD5 only"* ]]
	sound
	run "$PKGIMA" apply --root "$debian" --all
	[ "$status" -eq 0 ]
	evm_accepts "$keys/ima.der" "$debian/usr/bin/dash" "$debian/usr/bin/perl" "$info/dpkg.postinst" \
		"$(readlink -f "$debian/usr/lib/x86_64-linux-gnu/libc.so.6")" "$info/libc6:amd64.preinst"
	run "$PKGIMA" audit --root "$debian"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *" 0 of them unsigned; "*" files ok, 0 not ok"* ]]
	run grep -rlF "$(sed -n 5p "$keys/ima.key")" "$debian/var" "$debian/etc" "$debian/usr/share/keyrings" "$debian/root"
	[ -z "$output" ]
	# dpkg finds nothing wrong with its database, and knows the manifest.
	in_root "$debian" dpkg --verify dash
	[ "$(in_root "$debian" dpkg-query --control-list dash | grep -cx imasigs)" -eq 1 ]
}

@test "what this key has signed is passed over, what another has signed is left alone unless --resign says otherwise" {
	local before
	use "$debian"
	[ -e "$info/dash.imasigs" ] || sign --root "$debian"
	before=$(stat -c '%i %Z' "$info"/*.imasigs)
	run sign --root "$debian"
	[ "$status" -eq 0 ]
	[[ $output == *"0 packages signed, 0 files; "* ]]
	[ "$(stat -c '%i %Z' "$info"/*.imasigs)" = "$before" ]
	# A file is not even read.
	strace -f -o "$work/trace" -e trace=openat2 "$PKGIMA" sign --root "$debian" --key "$keys/ima.key" --cert "$keys/ima.der"
	run ! grep -F '"/usr/bin/perl"' "$work/trace"
	run "$PKGIMA" sign --root "$debian" --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der"
	[ "$status" -eq 0 ]
	[[ $output == *"dash: signed by another key, left as it is"* ]]
	[ "$(stat -c '%i %Z' "$info"/*.imasigs)" = "$before" ]

	use "$work/small"
	small_root
	make_tool 1
	install tool.deb
	sign --root "$root"
	run "$PKGIMA" sign --root "$root" --resign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --hash sha512
	[ "$status" -eq 0 ]
	[[ $output == *"tool: signed, 5 files"* ]]
	[ "$(grep -c '^sha512 ' "$info/tool.imasigs")" -eq 5 ]
	"$PKGIMA" apply --root "$root" --certs "$keys/rogue/ima.der" --all
	evm_accepts "$keys/rogue/ima.der" "$root/usr/bin/one"
}

@test "what is not as it was installed is named and not signed, all else is; and so is each later run" {
	small_root
	make_tool 1
	put other /usr/bin/three three
	put other /usr/share/gone gone
	put other /usr/share/link link
	put other /usr/lib/other/kept kept
	make_deb "$work/other" other
	install tool.deb other.deb
	echo changed >>"$root/usr/bin/one"
	echo edited >>"$root/etc/tool.conf"
	rm "$root/usr/share/gone"
	# Links to what has the recorded content, inside the root and outside.
	mv "$root/usr/share/link" "$work/outside"
	ln -s "$work/outside" "$root/usr/share/link"
	mkdir "$work/folder"
	mv "$root/usr/lib/other/kept" "$work/folder"
	rmdir "$root/usr/lib/other"
	ln -s "$work/folder" "$root/usr/lib/other"
	# dpkg lists a file of which it has no digest.
	echo more >"$root/usr/bin/more"
	echo /usr/bin/more >>"$info/other.list"
	for _ in 1 2; do
		run sign --root "$root"
		echo "$output"
		[ "$status" -eq 1 ]
		[[ $output == *"tool: /usr/bin/one: digest-mismatch: its content is not what dpkg recorded (MD5)"* ]]
		[[ $output == *"tool: /etc/tool.conf: digest-mismatch: an edited conffile: "* ]]
		[[ $output == *"other: /usr/share/gone: missing-file: the file is not there"* ]]
		[[ $output == *"other: /usr/share/link: missing-file: something else than a regular file is there"* ]]
		[[ $output == *"other: /usr/lib/other/kept: missing-file: "* ]]
		[[ $output == *"other: /usr/bin/more: unsigned: dpkg recorded no digest of it"* ]]
		[[ $output == *"6 files are not as they were installed"* ]]
		[ "$(paths tool)" = '/usr/bin/two DEBIAN/postinst DEBIAN/prerm ' ]
		[ "$(paths other)" = '/usr/bin/three ' ]
	done
	# What was put right is added.
	echo setting >"$root/etc/tool.conf"
	run sign --root "$root"
	[ "$status" -eq 1 ]
	[[ $output == *"tool: signed, 1 files"* ]]
	[ "$(paths tool)" = '/etc/tool.conf /usr/bin/two DEBIAN/postinst DEBIAN/prerm ' ]
	grep -q ' c /etc/tool.conf$' "$info/tool.imasigs"
	"$PKGIMA" apply --root "$root" --all
	[ -z "$(ima_of "$root/usr/bin/one")" ]
	evm_accepts "$keys/ima.der" "$root/usr/bin/two"
}

@test "a diverted file is looked for, and signed, where it stands" {
	small_root
	make_tool 1
	put wrap /usr/bin/one wrapped
	make_deb "$work/wrap" wrap
	install tool.deb
	dpkg-divert --root "$root" --package wrap --rename --divert /usr/bin/one.real --add /usr/bin/one
	install wrap.deb
	run sign --root "$root"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"tool: /usr/bin/one.real: signed where it stands, diverted from /usr/bin/one"* ]]
	"$PKGIMA" apply --root "$root" --all
	[ "$(cat "$root/usr/bin/one.real")" = 'one 1' ]
	evm_accepts "$keys/ima.der" "$root/usr/bin/one.real" "$root/usr/bin/one"
	echo changed >"$root/usr/bin/one.real"
	rm "$info/tool.imasigs"
	run sign --root "$root"
	[ "$status" -eq 1 ]
	[[ $output == *"tool: /usr/bin/one.real: digest-mismatch: "*"; diverted from /usr/bin/one"* ]]
}

@test "links in the database lead nowhere outside, and a manifest's name that is a link is replaced" {
	small_root
	make_tool 1
	install tool.deb
	echo precious >"$work/precious"
	ln -s "$work/precious" "$info/tool.imasigs"
	run sign --root "$root"
	[ "$status" -eq 0 ]
	[ "$(cat "$work/precious")" = precious ]
	[ ! -L "$info/tool.imasigs" ]
	# The folder elsewhere: that path is meant inside the root, where there is none.
	mv "$info" "$work/info"
	ln -s "$work/info" "$info"
	rm "$work/info/tool.imasigs"
	run sign --root "$root"
	[ "$status" -eq 3 ]
	[ ! -e "$work/info/tool.imasigs" ]
}

@test "an upgrade, a removal and a purge by dpkg take the manifest along" {
	small_root
	make_tool 1
	install tool.deb
	sign --root "$root"
	[ -e "$info/tool.imasigs" ]
	make_tool 2
	install tool.deb
	[ ! -e "$info/tool.imasigs" ]
	run "$PKGIMA" audit --root "$root"
	[ "$status" -eq 1 ]
	sign --root "$root"
	[ -e "$info/tool.imasigs" ]
	dpkg --root="$root" --force-script-chrootless -r tool
	[ ! -e "$info/tool.imasigs" ]
	# Only a conffile is left: nothing of it is signed.
	run sign --root "$root"
	[ "$status" -eq 0 ]
	[[ $output == "0 packages signed"* ]]
	install tool.deb
	sign --root "$root"
	dpkg --root="$root" --force-script-chrootless -P tool
	run find "$info" -name 'tool.*'
	[ -z "$output" ]
}

@test "a root in which dpkg is at work is left alone" {
	small_root
	mkdir -p "$work/busy/DEBIAN"
	printf '#!/bin/sh\n"%s" sign --root "%s" --key "%s" --cert "%s" >"%s" 2>&1\necho "status $?" >>"%s"\n' "$PKGIMA" "$root" \
		"$keys/ima.key" "$keys/ima.der" "$work/said" "$work/said" >"$work/busy/DEBIAN/preinst"
	chmod 755 "$work/busy/DEBIAN/preinst"
	make_deb "$work/busy" busy
	make_tool 1
	install tool.deb
	install busy.deb
	cat "$work/said"
	grep -Eq "^pkgima sign: dpkg's database is in use by process [0-9]+$" "$work/said"
	grep -qx 'status 3' "$work/said"
	[ ! -e "$info/tool.imasigs" ]
	sign --root "$root"
	[ -e "$info/tool.imasigs" ]
}

@test "interrupted: what there is is whole, and the next run does the rest" {
	local pid count all status=0
	# A copy without manifests, and a key that takes its time.
	use "$work/copy"
	cp -a --reflink=auto "$debian" "$root"
	rm -f "$info"/*.imasigs
	"$PKGIMA" keygen --type ima --algo rsa4096 --name slow --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$work/slow"
	"$PKGIMA" sign --root "$root" --key "$work/slow/ima.key" --cert "$work/slow/ima.der" -j 1 >"$work/out" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null && ! compgen -G "$info/*.imasigs" >/dev/null; do :; done
	kill -TERM "$pid"
	wait "$pid" || status=$?
	cat "$work/out"
	[ "$status" -eq 143 ]
	grep -q 'stopped; what is signed is passed over the next time' "$work/out"
	sound
	all=$(find "$info" -name '*.list' | wc -l)
	count=$(find "$info" -name '*.imasigs' | wc -l)
	[ "$count" -gt 0 ]
	[ "$count" -lt "$all" ]
	# The fast key leaves alone what is there.
	run sign --root "$root"
	[ "$status" -eq 0 ]
	[[ $output == *"$((all - count)) packages signed, "*" 0 were signed already, $count by another key"* ]]
	[ "$(find "$info" -name '*.imasigs' | wc -l)" -eq "$all" ]
}

@test "a full disk: an error, nothing half-written, and the next run does it" {
	small_root
	make_tool 1
	put many /usr/bin/0 0
	for i in $(seq 300); do echo "$i" >"$work/many/usr/bin/$i"; done
	make_deb "$work/many" many
	install tool.deb many.deb
	# shellcheck disable=SC2016 # the inner shell's
	run unshare --mount sh -ec '
		mkdir "$1/full"
		mount -t tmpfs -o size=4m none "$1/full"
		cp -a "$1/root/." "$1/full"
		dd if=/dev/zero of="$1/full/fill" bs=4k 2>/dev/null || :
		code=0
		"$2" sign --root "$1/full" --key "$3/ima.key" --cert "$3/ima.der" || code=$?
		echo "first $code"
		find "$1/full/var/lib/dpkg/info" -name "many.imasigs" -o -name ".*" -type f
		rm "$1/full/fill"
		"$2" sign --root "$1/full" --key "$3/ima.key" --cert "$3/ima.der"
		"$2" apply --root "$1/full" --all
	' sh "$work" "$PKGIMA" "$keys"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"many: "*"No space left on device"* ]]
	[[ $output == *"first 3"* ]]
	[[ $output == *"many: signed, 301 files"* ]]
	[[ $output == *"2 packages: 305 files signed"* ]]
	run ! grep -E '/info/(many\.imasigs|\.)' <<<"$output"
}

@test "progress, on a terminal: packages, files and rate, and no line for each package" {
	local slow
	small_root
	make_tool 1
	for i in $(seq 80); do
		put "p$i" "/usr/share/p$i" "$i"
		make_deb "$work/p$i" "p$i"
	done
	(cd "$work" && install tool.deb p{1..80}.deb)
	# Some time for each manifest.
	slow="strace -f -o /dev/null -e trace=linkat,renameat,renameat2 -e inject=linkat,renameat,renameat2:delay_enter=10000"
	# shellcheck disable=SC2016 # the inner shell's
	COMMAND="stty cols 200; $slow $PKGIMA sign --root $root --key $keys/ima.key --cert $keys/ima.der" TERM=xterm \
		timeout 120 script -qec 'bash -c "$COMMAND"' "$work/shown" </dev/null >/dev/null
	grep -aEq '6[0-9] of 81 packages, [0-9]+ files signed, [0-9]+ files/s' "$work/shown"
	grep -aq '81 packages signed, 85 files; 0 were signed already' "$work/shown"
	run ! grep -a 'p1: signed' "$work/shown"
}

@test "damaged records of dpkg: the package is named, the others are signed" {
	small_root
	make_tool 1
	put other /usr/bin/three three
	make_deb "$work/other" other
	install tool.deb other.deb
	echo nonsense >>"$info/other.md5sums"
	run sign --root "$root"
	[ "$status" -eq 3 ]
	[[ $output == *"other: line 2 of its md5sums is malformed"* ]]
	[ -e "$info/tool.imasigs" ]
	# Two digests for one file: that is none.
	sed -i '$d' "$info/other.md5sums"
	sed 'p; s/^./0/' -i "$info/other.md5sums"
	run sign --root "$root"
	[ "$status" -eq 1 ]
	[[ $output == *"other: /usr/bin/three: unsigned: "* ]]
	# A manifest that is none is an error, and with --resign made anew.
	echo nonsense >"$info/tool.imasigs"
	run sign --root "$root"
	[ "$status" -eq 3 ]
	[[ $output == *"tool: "* ]]
	run sign --root "$root" --resign
	[[ $output == *"tool: signed, 5 files"* ]]
}

@test "what --root is given with, and where there is no database" {
	mkdir "$work/empty"
	run sign --root "$work/empty"
	[ "$status" -eq 3 ]
	[[ $output == *"there is no database of dpkg or rpm"* ]]
	run sign --root "$work/missing"
	[ "$status" -eq 3 ]
	for more in --in-place -r --xattr "--out $work"; do
		# shellcheck disable=SC2086 # two words
		run sign --root "$work/empty" $more
		[ "$status" -eq 2 ]
	done
	run sign --root "$work/empty" file
	[ "$status" -eq 2 ]
	run sign --resign --in-place file
	[ "$status" -eq 2 ]
}

@test "an image: made by mmdebstrap, signed and applied, packed by tar and mksquashfs with its signatures" {
	local sources=$work/sources
	cat /etc/apt/sources.list.d/*.sources >"$sources" 2>/dev/null || :
	[ -s "$sources" ] || cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list >"$sources"
	# In a hook of mmdebstrap start-stop-daemon would be another file than afterwards. Descriptors: see base-root.
	mmdebstrap --quiet --variant=essential --aptopt='APT::Sandbox::User "root"' \
		"$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" "$work/image" "$sources" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
	sign --root "$work/image"
	"$PKGIMA" apply --root "$work/image" --certs "$keys/ima.der" --all
	tar -C "$work/image" --xattrs --xattrs-include='security.*' -cf "$work/image.tar" .
	mksquashfs "$work/image" "$work/image.squashfs" -xattrs -quiet -no-progress -noI -noD -noF
	mkdir "$work/tar"
	tar -C "$work/tar" --xattrs --xattrs-include='*' -xf "$work/image.tar" ./usr/bin/dash ./var/lib/dpkg/info
	unsquashfs -quiet -no-progress -xattrs -d "$work/squashfs" "$work/image.squashfs" usr/bin/dash var/lib/dpkg/info
	for folder in tar squashfs; do
		evm_accepts "$keys/ima.der" "$work/$folder/usr/bin/dash" "$work/$folder/var/lib/dpkg/info/dash.postinst"
		[ -s "$work/$folder/var/lib/dpkg/info/dash.imasigs" ]
	done
	run "$PKGIMA" audit --root "$work/image" --certs "$keys/ima.der"
	echo "$output"
	[ "$status" -eq 0 ]
}
