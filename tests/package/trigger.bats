#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The dpkg trigger on small packages, each made for one rule of dpkg; judged by evmctl, getfattr and dpkg.

load helpers

setup_file()
{
	require root mmdebstrap apt-ftparchive evmctl getfattr dpkg-buildpackage unshare strace
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system fresh=$BATS_FILE_TMPDIR/fresh
	make_keys "$keys"
	"$PKGIMA" keygen --type ima --name 'Second IMA' --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" \
		--out "$keys/second"
	make_system "$system"
	mkdir "$system/debs"
	# A system with the same trust, and without pkgima.
	"$TOP/tests/support/base-root" "$fresh"
	mkdir -p "$fresh/etc/keys/ima" "$fresh/etc/keys/ima-ca" "$fresh/repo" "$fresh/debs"
	# dpkg removes folders that become empty.
	touch "$system/opt/keep" "$fresh/opt/keep"
	cp "$keys/ima.der" "$fresh/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$fresh/etc/keys/ima-ca/site.der"
}

setup()
{
	work=$BATS_TEST_TMPDIR
	rm -f "$system/etc/pkgima.conf"
}

# put NAME PATH TEXT [MODE]: a file of the package NAME.
put()
{
	local file=$work/$1$2
	mkdir -p "$(dirname "$file")"
	printf '%s\n' "$3" >"$file"
	chmod "${4:-644}" "$file"
}

# pack NAME [VERSION [FIELD]]: $work/NAME.deb from the folder $work/NAME, unsigned.
pack()
{
	make_deb "$work/$1" "$1" "${2:-1}"
	[ -z "${3-}" ] || {
		echo "$3" >>"$work/$1/DEBIAN/control"
		dpkg-deb --root-owner-group -b "$work/$1" "$work/$1.deb" >/dev/null
	}
}

# pack_signed NAME [VERSION [FIELD]]
pack_signed()
{
	pack "$@"
	sign --in-place "$work/$1.deb" >/dev/null
}

# pack_signed_by KEYS NAME
pack_signed_by()
{
	pack "$2"
	"$PKGIMA" sign --key "$1/ima.key" --cert "$1/ima.der" --in-place "$work/$2.deb" >/dev/null
}

# install_debs [OPTION]... NAME...: with dpkg -i in the system.
install_debs()
{
	local argument
	local -a arguments=()
	for argument; do
		case $argument in
		-*) arguments+=("$argument") ;;
		*)
			cp "$work/$argument.deb" "$system/debs/$argument.deb"
			arguments+=("/debs/$argument.deb")
			;;
		esac
	done
	in_root "$system" dpkg -i "${arguments[@]}" </dev/null
}

purge()
{
	in_root "$system" dpkg --purge "$@" >/dev/null 2>&1
}

trigger()
{
	in_root "$system" /usr/libexec/dpkg-ima/trigger "$@"
}

signed()
{
	evm_accepts "$keys/ima.der" "$@"
}

not_signed()
{
	local file
	for file; do
		[ -f "$file" ] || { echo "$file is not there"; return 1; }
		[ -z "$(ima_of "$file")" ] || { echo "$file carries a signature"; return 1; }
	done
}

# clean [ROOT]: dpkg finds nothing wrong in its database, and no package waits for anything.
clean()
{
	[ -z "$(in_root "${1:-$system}" dpkg --audit)" ]
	if grep -E '^Status: .*(unpacked|half|trigger)' "${1:-$system}/var/lib/dpkg/status"; then
		return 1
	fi
}

# change_manifest NAME SED-SCRIPT: in the signed package.
change_manifest()
{
	dpkg-deb -R "$work/$1.deb" "$work/$1.changed"
	sed -i "$2" "$work/$1.changed/DEBIAN/imasigs"
	dpkg-deb --root-owner-group -b "$work/$1.changed" "$work/$1.deb" >/dev/null
}

# The signature of PATH in the manifest of NAME.
manifest_value()
{
	dpkg-deb -I "$work/$1.deb" imasigs | awk -v path="$2" '$6 == path { print $3 }'
}

@test "dpkg -i: files and maintainer scripts are signed" {
	put simple /opt/simple/tool '#!/bin/sh' 755
	put simple /opt/simple/data text
	put simple '/opt/simple/a name with \ and ä' text
	put simple /DEBIAN/postinst '#!/bin/sh' 755
	pack_signed simple
	run -0 install_debs simple
	[[ $output == *"dpkg-ima: 4 files signed, of 1 package"* ]]
	signed "$system/opt/simple/"* "$system/var/lib/dpkg/info/simple.postinst"
	clean
	# Once more: nothing is to be said.
	run -0 trigger /opt
	[ -z "$output" ]
	purge simple
}

@test "an unsigned package is installed as ever" {
	put plain /opt/plain/tool '#!/bin/sh' 755
	pack plain
	run -0 install_debs plain
	[[ $output != *dpkg-ima:* ]]
	not_signed "$system/opt/plain/tool"
	clean
	purge plain
}

@test "one signature broken: that file is named, the others are signed, dpkg is content" {
	put broken /opt/broken/a one
	put broken /opt/broken/b two
	pack_signed broken
	# The signature of the other file in its place.
	change_manifest broken \
		"\\|/opt/broken/a\$|s|$(manifest_value broken /opt/broken/a)|$(manifest_value broken /opt/broken/b)|"
	run -0 install_debs broken
	[[ $output == *"dpkg-ima: broken: /opt/broken/a: bad-signature: "* ]]
	[[ $output != *"/opt/broken/b:"* ]]
	not_signed "$system/opt/broken/a"
	signed "$system/opt/broken/b"
	clean
	# It is said once, not in each run of dpkg.
	run -0 trigger /opt
	[ -z "$output" ]
	run -1 in_root "$system" pkgima apply broken
	[[ $output == *"broken: /opt/broken/a: bad-signature: "* ]]
	purge broken
}

@test "content that is not what was signed is named and not signed" {
	put altered /opt/altered/a one
	put altered /opt/altered/b two
	pack_signed altered
	dpkg-deb -R "$work/altered.deb" "$work/altered.changed"
	echo other >"$work/altered.changed/opt/altered/a"
	dpkg-deb --root-owner-group -b "$work/altered.changed" "$work/altered.deb" >/dev/null
	run -0 install_debs altered
	[[ $output == *"dpkg-ima: altered: /opt/altered/a: digest-mismatch: "* ]]
	not_signed "$system/opt/altered/a"
	signed "$system/opt/altered/b"
	clean
	purge altered
}

@test "a package by an untrusted key is named and not signed" {
	put foreign /opt/foreign/a one
	pack_signed_by "$keys/rogue" foreign
	run -0 install_debs foreign
	[[ $output == *"dpkg-ima: foreign: /opt/foreign/a: unknown-key: "* ]]
	not_signed "$system/opt/foreign/a"
	clean
	purge foreign
}

@test "a manifest that cannot be read leaves its package installed and unsigned, and no other" {
	put garbage /opt/garbage/a one
	put good /opt/good/a one
	pack_signed garbage
	pack_signed good
	change_manifest garbage '2s/^sha256/md5/'
	run -0 install_debs garbage good
	[[ $output == *"dpkg-ima: garbage: failed: "* ]]
	not_signed "$system/opt/garbage/a"
	signed "$system/opt/good/a"
	clean
	purge garbage good
}

@test "a manifest has no say in files of other packages" {
	put victim /opt/victim/a one
	put greedy /opt/greedy/a one
	pack victim
	pack_signed greedy
	change_manifest greedy "\$p;\$s|/opt/greedy/a|/opt/victim/a|"
	install_debs victim
	run -0 install_debs greedy
	signed "$system/opt/greedy/a"
	not_signed "$system/opt/victim/a"
	clean
	purge victim greedy
}

@test "a file that the package's own script replaced by a symbolic link is named, its target untouched" {
	put linked /opt/linked/a one
	put linked /DEBIAN/postinst '#!/bin/sh
echo one >/opt/linked/elsewhere
ln -sf /opt/linked/elsewhere /opt/linked/a' 755
	pack_signed linked
	run -0 install_debs linked
	[[ $output == *"dpkg-ima: linked: /opt/linked/a: missing-file: "* ]]
	not_signed "$system/opt/linked/elsewhere"
	clean
	purge linked || :
	rm -rf "$system/opt/linked"
}

@test "an unknown key: signed when the package with the key comes" {
	put early /opt/early/a one
	pack_signed_by "$keys/second" early
	run -0 install_debs early
	[[ $output == *"dpkg-ima: early: /opt/early/a: unknown-key: "* ]]
	not_signed "$system/opt/early/a"
	mkdir -p "$work/second-key/etc/keys/ima"
	cp "$keys/second/ima.der" "$work/second-key/etc/keys/ima/second.der"
	pack_signed second-key
	run -0 install_debs second-key
	[[ $output != *unknown-key* ]]
	evm_accepts "$keys/second/ima.der" "$system/opt/early/a"
	signed "$system/etc/keys/ima/second.der"
	clean
	# With the key gone, the next package is by an unknown one again; what is signed stays so.
	purge second-key
	[ ! -e "$system/etc/keys/ima/second.der" ]
	put late /opt/late/a one
	pack_signed_by "$keys/second" late
	run -0 install_debs late
	[[ $output == *"dpkg-ima: late: /opt/late/a: unknown-key: "* ]]
	evm_accepts "$keys/second/ima.der" "$system/opt/early/a"
	purge early late
}

@test "key and signed package in one run" {
	put both /opt/both/a one
	pack_signed_by "$keys/second" both
	mkdir -p "$work/second-key/etc/keys/ima"
	cp "$keys/second/ima.der" "$work/second-key/etc/keys/ima/second.der"
	pack_signed second-key
	run -0 install_debs both second-key
	[[ $output != *unknown-key* ]]
	evm_accepts "$keys/second/ima.der" "$system/opt/both/a"
	purge both second-key
}

@test "a CA certificate that a package brings does not count until the administrator copies it" {
	put rogue /opt/rogue/a one
	pack_signed_by "$keys/rogue" rogue
	mkdir -p "$work/rogue-key/etc/keys/ima" "$work/rogue-key/etc/keys/ima-ca"
	cp "$keys/rogue/ima.der" "$work/rogue-key/etc/keys/ima/rogue.der"
	cp "$keys/rogue/ca.der" "$work/rogue-key/etc/keys/ima-ca/rogue.der"
	pack_signed rogue-key
	run -0 install_debs rogue-key rogue
	[[ $output == *"dpkg-ima: rogue: /opt/rogue/a: unknown-key: "* ]]
	not_signed "$system/opt/rogue/a"
	run -0 in_root "$system" pkgima keys list
	[[ $output == *"/etc/keys/ima-ca/rogue.der"*"it belongs to a package"* ]]
	[[ $output == *"/etc/keys/ima/rogue.der"*"not issued by a CA certificate"* ]]
	# Nor under the name to which it is diverted.
	in_root "$system" dpkg-divert --local --rename --divert /etc/keys/ima-ca/diverted.der --add \
		/etc/keys/ima-ca/rogue.der
	[ -e "$system/etc/keys/ima-ca/diverted.der" ]
	run -0 trigger --all
	[[ $output == *"dpkg-ima: rogue: /opt/rogue/a: unknown-key: "* ]]
	in_root "$system" dpkg-divert --local --rename --remove /etc/keys/ima-ca/rogue.der
	cp "$keys/rogue/ca.der" "$system/etc/keys/ima-ca/administrators.der"
	run -0 trigger /etc/keys/ima
	evm_accepts "$keys/rogue/ima.der" "$system/opt/rogue/a"
	rm "$system/etc/keys/ima-ca/administrators.der"
	# Where the administrator has none it keeps others from counting: it may be that his is no longer there.
	mv "$system/etc/keys/ima-ca/site.der" "$work/site.der"
	put site /opt/site/a one
	pack_signed site
	run -0 install_debs site
	[[ $output == *"dpkg-ima: site: /opt/site/a: unknown-key: "* ]]
	run -0 in_root "$system" pkgima keys list
	[[ $output == *"/etc/keys/ima/site.der"*"not issued by a CA certificate in /etc/keys/ima-ca that counts"* ]]
	purge rogue rogue-key
	run -0 trigger /etc/keys/ima
	signed "$system/opt/site/a"
	purge site
	# dpkg has removed the folder that became empty.
	mkdir -p "$system/etc/keys/ima-ca"
	mv "$work/site.der" "$system/etc/keys/ima-ca/site.der"
}

@test "a package cannot open the trust store with a CA certificate, whatever its path" {
	put foe /opt/foe/a one
	pack_signed_by "$keys/rogue" foe
	cp "$system/etc/keys/ima-ca/site.der" "$work/site.der"
	# In the place of the administrator's.
	mkdir -p "$work/over/etc/keys/ima" "$work/over/etc/keys/ima-ca"
	cp "$keys/rogue/ima.der" "$work/over/etc/keys/ima/rogue.der"
	cp "$keys/rogue/ca.der" "$work/over/etc/keys/ima-ca/site.der"
	pack over
	run -0 install_debs over foe
	cmp "$keys/rogue/ca.der" "$system/etc/keys/ima-ca/site.der"
	[[ $output == *"dpkg-ima: foe: /opt/foe/a: unknown-key: "* ]]
	run -0 trigger --all
	not_signed "$system/opt/foe/a"
	purge over
	mkdir -p "$system/etc/keys/ima-ca"
	cp "$work/site.der" "$system/etc/keys/ima-ca/site.der"
	# Through a folder that is a link, which another package has.
	mkdir -p "$work/alias/opt" "$work/through/opt/alias" "$work/through/etc/keys/ima"
	ln -s /etc/keys/ima-ca "$work/alias/opt/alias"
	cp "$keys/rogue/ca.der" "$work/through/opt/alias/through.der"
	cp "$keys/rogue/ima.der" "$work/through/etc/keys/ima/rogue.der"
	pack alias
	pack through
	install_debs alias
	run -0 install_debs through
	[ -f "$system/etc/keys/ima-ca/through.der" ]
	run -0 trigger --all
	[[ $output == *"dpkg-ima: foe: /opt/foe/a: unknown-key: "* ]]
	purge through alias
	# As what dpkg takes for the new version of a conffile, whose name is that of a link, which another package had.
	mkdir -p "$work/link/etc" "$work/conf-link/etc/keys/ima" "$work/conf-link/etc/keys/ima-ca" "$work/conf-link/DEBIAN"
	ln -s keys/ima-ca/conf.der "$work/link/etc/link"
	cp "$keys/rogue/ca.der" "$work/conf-link/etc/link"
	cp "$keys/rogue/ca.der" "$work/conf-link/etc/keys/ima-ca/conf.der.dpkg-new"
	cp "$keys/rogue/ima.der" "$work/conf-link/etc/keys/ima/rogue.der"
	echo /etc/link >"$work/conf-link/DEBIAN/conffiles"
	pack link
	pack conf-link 1 'Replaces: link'
	install_debs link
	run -0 install_debs conf-link
	[ -f "$system/etc/keys/ima-ca/conf.der" ]
	run -0 trigger --all
	[[ $output == *"dpkg-ima: foe: /opt/foe/a: unknown-key: "* ]]
	rm -r "$work/conf-link/DEBIAN" "$work/conf-link/etc/link" "$work/conf-link/etc/keys/ima-ca"
	pack conf-link 2
	run -0 install_debs conf-link
	[ -f "$system/etc/keys/ima-ca/conf.der" ]
	run -0 trigger --all
	[[ $output == *"dpkg-ima: foe: /opt/foe/a: unknown-key: "* ]]
	not_signed "$system/opt/foe/a"
	purge conf-link foe
	rm -f "$system/etc/keys/ima-ca/conf.der"* "$system/etc/link"*
}

# A conffile that is executed, and one that is not.
conf_package()
{
	put conf /etc/conf/plain "plain $1"
	put conf /etc/conf/tool "#!/bin/echo $1" 755
	put conf /DEBIAN/conffiles $'/etc/conf/plain\n/etc/conf/tool'
	pack_signed conf "$1"
}

@test "conffiles: executable ones, the others with conffiles=yes, edited ones never" {
	conf_package 1
	run -0 install_debs conf
	signed "$system/etc/conf/tool"
	not_signed "$system/etc/conf/plain"
	printf '[apply]\nconffiles = yes\n' >"$system/etc/pkgima.conf"
	run -0 trigger --all
	signed "$system/etc/conf/plain"

	# Edited, by a program that writes a new file; unmodified ones are replaced by an upgrade.
	printf '#!/bin/echo mine\n' >"$system/etc/conf/new"
	chmod 755 "$system/etc/conf/new"
	mv "$system/etc/conf/new" "$system/etc/conf/tool"
	run -0 trigger --all
	[[ $output != *conf:* ]]
	not_signed "$system/etc/conf/tool"
	conf_package 2
	run -0 install_debs --force-confold conf
	[[ $output != *"dpkg-ima: conf:"* ]]
	not_signed "$system/etc/conf/tool"
	grep -q mine "$system/etc/conf/tool"
	grep -q 'echo 2' "$system/etc/conf/tool.dpkg-dist"
	grep -q 'plain 2' "$system/etc/conf/plain"
	signed "$system/etc/conf/tool.dpkg-dist" "$system/etc/conf/plain"
	clean
	run -0 in_root "$system" pkgima apply conf
	[[ $output == *"1 edited conffile"* ]]

	# A question without an answer leaves the package unpacked, with the new file beside the old.
	conf_package 3
	run -1 install_debs conf
	grep -q 'echo 3' "$system/etc/conf/tool.dpkg-new"
	run -0 trigger
	signed "$system/etc/conf/tool.dpkg-new"
	not_signed "$system/etc/conf/tool"
	run -0 in_root "$system" dpkg --configure --force-confnew conf
	grep -q 'echo 3' "$system/etc/conf/tool"
	signed "$system/etc/conf/tool" "$system/etc/conf/plain"
	# The administrator's own file went aside, without a signature of the package.
	not_signed "$system/etc/conf/tool.dpkg-old"
	clean
	# Removed, not purged: conffiles stay, as they are.
	in_root "$system" dpkg -r conf
	signed "$system/etc/conf/tool"
	purge conf
	[ ! -e "$system/etc/conf" ]
}

@test "path-exclude: what was not unpacked is not missed" {
	echo 'path-exclude=/opt/excluded/doc/*' >"$system/etc/dpkg/dpkg.cfg.d/test"
	put excluded /opt/excluded/tool '#!/bin/sh' 755
	put excluded /opt/excluded/doc/a text
	pack_signed excluded
	run -0 install_debs excluded
	rm "$system/etc/dpkg/dpkg.cfg.d/test"
	[[ $output == *"dpkg-ima: 1 file signed"* ]]
	[[ $output != *"dpkg-ima: excluded:"* ]]
	[ ! -e "$system/opt/excluded/doc/a" ]
	signed "$system/opt/excluded/tool"
	clean
	run -0 in_root "$system" pkgima apply excluded
	[[ $output == *"1 not on disk"* ]]
	purge excluded
}

@test "Replaces: a file has the signature of the package that owns it now" {
	put taken /opt/taken/a one
	put taken /opt/taken/b two
	put taken /opt/taken/c three
	pack_signed taken
	install_debs taken
	put taker /opt/taken/a 'one, of the taker'
	pack_signed taker 1 'Replaces: taken'
	put unsigned-taker /opt/taken/b 'two, of the unsigned taker'
	pack unsigned-taker 1 'Replaces: taken'
	run -0 install_debs taker unsigned-taker
	[[ $output != *"dpkg-ima: taken:"* ]]
	grep -q 'of the taker' "$system/opt/taken/a"
	signed "$system/opt/taken/a" "$system/opt/taken/c"
	not_signed "$system/opt/taken/b"
	run -0 trigger --all
	[[ $output != *taken* ]]
	signed "$system/opt/taken/a"
	not_signed "$system/opt/taken/b"
	# An upgrade of the package that gave up the files.
	rm "$work/taken/opt/taken/a" "$work/taken/opt/taken/b"
	put taken /opt/taken/c four
	pack_signed taken 2
	install_debs taken
	signed "$system/opt/taken/a" "$system/opt/taken/c"
	clean
	purge taken taker unsigned-taker
}

@test "diversions, local and by a package: signed where dpkg puts the files" {
	in_root "$system" dpkg-divert --local --rename --divert /opt/diverted/a.distrib --add /opt/diverted/a
	put diverted /opt/diverted/a one
	put diverted /opt/diverted/b two
	pack_signed diverted
	put diverter /opt/diverted/b 'two, of the diverter'
	# shellcheck disable=SC2016 # for the script
	put diverter /DEBIAN/preinst '#!/bin/sh
[ "$1" != install ] || dpkg-divert --package diverter --rename --divert /opt/diverted/b.distrib --add /opt/diverted/b' 755
	# shellcheck disable=SC2016
	put diverter /DEBIAN/postrm '#!/bin/sh
[ "$1" != remove ] || dpkg-divert --package diverter --rename --remove /opt/diverted/b' 755
	pack_signed diverter
	run -0 install_debs diverted
	[ ! -e "$system/opt/diverted/a" ]
	signed "$system/opt/diverted/a.distrib" "$system/opt/diverted/b"
	# Something else under the diverted name is the administrator's.
	echo one >"$system/opt/diverted/a"
	run -0 install_debs diverter
	signed "$system/opt/diverted/b" "$system/opt/diverted/b.distrib" "$system/var/lib/dpkg/info/diverter.postrm"
	run ! cmp -s "$system/opt/diverted/b" "$system/opt/diverted/b.distrib"
	not_signed "$system/opt/diverted/a"
	# An upgrade of the diverted package.
	put diverted /opt/diverted/a 'one 2'
	put diverted /opt/diverted/b 'two 2'
	pack_signed diverted 2
	run -0 install_debs diverted
	[[ $output != *"dpkg-ima: divert"* ]]
	grep -q 'two 2' "$system/opt/diverted/b.distrib"
	signed "$system/opt/diverted/a.distrib" "$system/opt/diverted/b" "$system/opt/diverted/b.distrib"
	clean
	purge diverter
	grep -q 'two 2' "$system/opt/diverted/b"
	signed "$system/opt/diverted/b"
	rm "$system/opt/diverted/a"
	in_root "$system" dpkg-divert --local --rename --remove /opt/diverted/a
	signed "$system/opt/diverted/a"
	purge diverted
}

@test "hard links: one file, one signature, under each name" {
	put hard /opt/hard/a one 755
	ln "$work/hard/opt/hard/a" "$work/hard/opt/hard/b"
	ln "$work/hard/opt/hard/a" "$work/hard/opt/hard/0"
	pack_signed hard
	run -0 install_debs hard
	[ "$(stat -c %h "$system/opt/hard/b")" = 3 ]
	signed "$system/opt/hard/a" "$system/opt/hard/b" "$system/opt/hard/0"
	clean
	purge hard
}

@test "merged /usr: a path through the link /bin; an absolute link stays inside the root" {
	[ -L "$system/bin" ]
	mkdir "$system/opt/absolute-target"
	ln -s /opt/absolute-target "$system/opt/absolute"
	put merged /bin/merged-tool '#!/bin/sh' 755
	put merged /opt/absolute/a one
	pack_signed merged
	run -0 install_debs merged
	grep -qx /bin/merged-tool "$system/var/lib/dpkg/info/merged.list"
	signed "$system/usr/bin/merged-tool" "$system/opt/absolute-target/a"
	setfattr -x security.ima "$system/opt/absolute-target/a"
	run -0 "$PKGIMA" apply --root "$system" merged
	signed "$system/opt/absolute-target/a"
	clean
	purge merged
	rm -rf "$system/opt/absolute" "$system/opt/absolute-target"
}

@test "dpkg-statoverride: owner and mode are the administrator's, the signature the package's" {
	in_root "$system" dpkg-statoverride --add daemon mail 4750 /opt/stat/a
	put stat /opt/stat/a one 755
	pack_signed stat
	run -0 install_debs stat
	[ "$(in_root "$system" stat -c '%U %G %a' /opt/stat/a)" = 'daemon mail 4750' ]
	signed "$system/opt/stat/a"
	in_root "$system" dpkg-statoverride --remove /opt/stat/a
	in_root "$system" dpkg-statoverride --update --add root root 0700 /opt/stat/a
	signed "$system/opt/stat/a"
	in_root "$system" dpkg-statoverride --remove /opt/stat/a
	clean
	purge stat
}

@test "upgrade, downgrade, reinstall, remove" {
	local first second
	put versions /opt/versions/a one
	put versions /opt/versions/same same
	put versions /opt/versions/gone one
	pack_signed versions 1
	cp "$work/versions.deb" "$work/versions-1.deb"
	install_debs versions
	signed "$system"/opt/versions/*
	first=$(ima_of "$system/opt/versions/a")
	rm "$work/versions/opt/versions/gone"
	put versions /opt/versions/a two
	put versions /opt/versions/new two
	pack_signed versions 2
	run -0 install_debs versions
	signed "$system/opt/versions/"{a,same,new}
	[ ! -e "$system/opt/versions/gone" ]
	second=$(ima_of "$system/opt/versions/a")
	[ "$first" != "$second" ]
	install_debs versions-1
	signed "$system/opt/versions/"{a,same,gone}
	[ "$(ima_of "$system/opt/versions/a")" = "$first" ]
	# Reinstalled, with a clock that was set back since: dpkg's files are new ones, and so is the manifest.
	touch -d tomorrow "$system/var/lib/dpkg-ima/stamp"
	run -0 install_debs versions-1
	[[ $output == *"dpkg-ima: 3 files signed, of 1 package"* ]]
	signed "$system/opt/versions/"{a,same,gone}
	# A version without a manifest takes the signatures away.
	pack versions 3
	install_debs versions
	[ ! -e "$system/var/lib/dpkg/info/versions.imasigs" ]
	not_signed "$system/opt/versions/"{a,same,new}
	install_debs versions-1
	in_root "$system" dpkg -r versions
	[ ! -e "$system/opt/versions" ]
	[ ! -e "$system/var/lib/dpkg/info/versions.imasigs" ]
	clean
	run -0 install_debs versions-1
	signed "$system/opt/versions/"{a,same,gone}
	purge versions
}

@test "select=exec: what is executed, loaded or needed to boot" {
	printf '[apply]\nselect=exec\n' >"$system/etc/pkgima.conf"
	put chosen /opt/chosen/tool text 755
	put chosen /opt/chosen/script '#!/bin/sh'
	put chosen /opt/chosen/data text
	put chosen /opt/chosen/short x
	cp "$PKGIMA" "$work/chosen/opt/chosen/elf"
	chmod 644 "$work/chosen/opt/chosen/elf"
	put chosen /boot/chosen text
	put chosen /lib/modules/1/chosen.ko text
	put chosen /usr/lib/firmware/chosen text
	put chosen /etc/keys/chosen text
	put chosen /etc/ima-init/chosen text
	put chosen /ima/chosen text
	put chosen /DEBIAN/conffiles /etc/keys/chosen
	pack_signed chosen
	run -0 install_debs chosen
	signed "$system/opt/chosen/"{tool,script,elf} "$system"/{boot/chosen,lib/modules/1/chosen.ko,ima/chosen} \
		"$system"/{usr/lib/firmware/chosen,etc/keys/chosen,etc/ima-init/chosen}
	not_signed "$system/opt/chosen/"{data,short}
	clean
	# The option of pkgima overrides the setting.
	run -0 in_root "$system" pkgima apply --select all chosen
	signed "$system/opt/chosen/"{data,short}
	purge chosen
}

# on_ramfs COMMAND...: in the system, with a file system at /opt/ramfs that takes no security attributes. It goes with
# the namespace.
on_ramfs()
{
	export -f in_root
	mkdir -p "$system/opt/ramfs"
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount bash -c 'mount -t ramfs ramfs "$0/opt/ramfs" && in_root "$0" "$@"' "$system" "$@"
}

@test "unsupported-fs: one warning with a number, or none; dpkg is content" {
	put ramfs /opt/ramfs/a one
	put ramfs /opt/ramfs/b two
	put ramfs /opt/elsewhere three
	pack_signed ramfs
	cp "$work/ramfs.deb" "$system/debs"
	run -0 on_ramfs sh -c 'dpkg -i /debs/ramfs.deb && ! pkgima apply ramfs'
	[[ $output == *"dpkg-ima: warning: 2 files are where security.ima cannot be set"* ]]
	[[ $output == *"ramfs: /opt/ramfs/a: unsupported-fs: "* ]]
	signed "$system/opt/elsewhere"
	clean
	printf '[apply]\nunsupported-fs=ignore\n' >"$system/etc/pkgima.conf"
	run -0 on_ramfs sh -c 'dpkg -i /debs/ramfs.deb && pkgima apply ramfs'
	[[ $output != *"cannot be set"* && $output != *unsupported-fs:* ]]
	printf '[apply]\nunsupported-fs=refuse\n' >"$system/etc/pkgima.conf"
	run -0 on_ramfs sh -c 'dpkg -i /debs/ramfs.deb && ! pkgima apply ramfs'
	[[ $output == *"dpkg-ima: warning: 2 files are where security.ima cannot be set"* ]]
	clean
	# In a user namespace, as of a container, on a file system that does take it.
	rm "$system/etc/pkgima.conf"
	setfattr -x security.ima "$system/opt/elsewhere"
	run -0 unshare --user --map-root-user chroot "$system" /usr/libexec/dpkg-ima/trigger --all
	[[ $output == *"dpkg-ima: warning: 1 files are where security.ima cannot be set"* ]]
	not_signed "$system/opt/elsewhere"
	purge ramfs
	rm -rf "$system/opt/ramfs"
}

@test "an unknown setting or value: dpkg is told and goes on with the default, pkgima stops" {
	printf '[apply]\ncolour = red\nselect = some\n' >"$system/etc/pkgima.conf"
	put setting /opt/setting/data text
	pack_signed setting
	run -0 install_debs setting
	[[ $output == *"dpkg-ima: /etc/pkgima.conf: unknown setting: [apply] colour = red"* ]]
	[[ $output == *"dpkg-ima: /etc/pkgima.conf: unknown value: [apply] select = some"* ]]
	signed "$system/opt/setting/data"
	clean
	setfattr -x security.ima "$system/opt/setting/data"
	run -3 in_root "$system" pkgima apply setting
	[[ $output == *"/etc/pkgima.conf: unknown setting: [apply] colour = red"* ]]
	[[ $output == *"/etc/pkgima.conf: unknown value: [apply] select = some"* ]]
	not_signed "$system/opt/setting/data"
	echo 'no setting at all' >"$system/etc/pkgima.conf"
	run -0 trigger --all
	[[ $output == *"dpkg-ima: /etc/pkgima.conf: line 1 cannot be read"* ]]
	signed "$system/opt/setting/data"
	run -3 in_root "$system" pkgima apply setting
	purge setting
}

@test "dpkg --root, with scripts in a chroot and without one" {
	put outside /opt/outside/a one
	put outside /DEBIAN/postinst '#!/bin/sh' 755
	pack_signed outside
	run -0 dpkg --log="$work/log" --root="$system" -i "$work/outside.deb"
	[[ $output == *"dpkg-ima: 2 files signed, of 1 package"* ]]
	signed "$system/opt/outside/a" "$system/var/lib/dpkg/info/outside.postinst"
	clean
	put chrootless /opt/chrootless/a one
	put chrootless /opt/chrootless/b two
	pack_signed chrootless
	run -0 dpkg --log="$work/log" --force-script-chrootless --root="$system/" -i "$work/chrootless.deb"
	[[ $output == *"dpkg-ima: 2 files signed, of 1 package"* ]]
	signed "$system/opt/chrootless/a" "$system/opt/chrootless/b"
	[ ! -e /opt/chrootless ]
	clean
	# Both wrote the same stamp.
	run -0 trigger /opt
	[ -z "$output" ]
	purge outside chrootless
}

# opened_by_trigger ARGUMENT...: prints the system calls that open files in one run of it.
opened_by_trigger()
{
	strace -f -o "$work/strace" -e trace=open,openat,openat2 chroot "$system" /usr/libexec/dpkg-ima/trigger "$@" >&2
	cat "$work/strace"
}

@test "an idle trigger opens no manifest and no file of a package" {
	put idle /opt/idle/a one
	put idle /opt/idle/b two
	pack_signed idle
	install_debs idle
	run -0 opened_by_trigger --all
	[[ $output == *idle.imasigs* && $output == */opt/idle/a* && $output == */opt/idle/b* ]]
	run -0 opened_by_trigger /opt /usr /var
	[[ $output == */var/lib/dpkg-ima* ]]
	[[ $output != *imasigs* && $output != *.list\"* && $output != */opt/* && $output != */etc/keys* ]]
	# What came since is worked on, and nothing else.
	put busy /opt/busy/a one
	pack_signed busy
	cp "$work/busy.deb" "$system/debs"
	in_root "$system" dpkg --no-triggers -i /debs/busy.deb
	run -0 opened_by_trigger /opt
	[[ $output == *busy.imasigs* && $output == */opt/busy/a* ]]
	[[ $output != *idle.imasigs* && $output != */opt/idle* ]]
	signed "$system/opt/busy/a"
	in_root "$system" dpkg --configure --pending
	clean
	purge idle busy
}

@test "a lost or damaged stamp means that everything is worked on" {
	put stamped /opt/stamped/a one
	pack_signed stamped
	install_debs stamped
	setfattr -x security.ima "$system/opt/stamped/a"
	run -0 trigger /opt
	not_signed "$system/opt/stamped/a"
	rm "$system/var/lib/dpkg-ima/stamp"
	run -0 trigger /opt
	signed "$system/opt/stamped/a"
	setfattr -x security.ima "$system/opt/stamped/a"
	head -c 10000 /dev/urandom >"$system/var/lib/dpkg-ima/stamp"
	run -0 trigger /opt
	signed "$system/opt/stamped/a"
	# With a folder in its place nothing can be remembered, and packages are configured all the same.
	rm "$system/var/lib/dpkg-ima/stamp"
	mkdir "$system/var/lib/dpkg-ima/stamp"
	touch "$system/var/lib/dpkg-ima/stamp/file"
	run -0 install_debs stamped
	[[ $output == *"dpkg-ima: "*stamp* ]]
	signed "$system/opt/stamped/a"
	clean
	rm -r "$system/var/lib/dpkg-ima/stamp"
	purge stamped
}

@test "dpkg -i of dpkg-ima and signed packages in one run, whatever comes first" {
	in_root "$system" dpkg --purge dpkg-ima
	put first /opt/first/a one
	put last /opt/last/a one
	pack_signed first
	pack_signed last
	cp "$system"/root/packages/dpkg-ima_*.deb "$work/dpkg-ima.deb"
	run -0 install_debs first dpkg-ima last
	signed "$system/opt/first/a" "$system/opt/last/a"
	clean
	purge first last
}

# What dpkg, apt and their logs write in any run is left out.
paths_of()
{
	(cd "$1" && find . ! -path './var/log/*' ! -path './var/cache/*' ! -path './var/lib/dpkg/*-old' \
		! -path './var/lib/apt/*' ! -path './debs/*' ! -path './repo/*' -printf '%p %y %m %l\n' | sort)
}

@test "apt installs dpkg-ima and a signed package in one run, then upgrades it" {
	put offered /opt/offered/a one
	pack_signed offered
	cp "$work/offered.deb" "$system"/root/packages/*.deb "$fresh/repo"
	make_repository "$fresh"
	paths_of "$fresh" >"$BATS_FILE_TMPDIR/before"
	cp "$fresh/var/lib/dpkg/triggers/File" "$BATS_FILE_TMPDIR/triggers"
	run -0 in_root "$fresh" apt-get install -y -q offered dpkg-ima pkgima
	signed "$fresh/opt/offered/a"
	clean "$fresh"
	put offered /opt/offered/a two
	pack_signed offered 2
	cp "$work/offered.deb" "$fresh/repo"
	make_repository "$fresh"
	run -0 in_root "$fresh" apt-get upgrade -y -q
	grep -q two "$fresh/opt/offered/a"
	signed "$fresh/opt/offered/a"
	clean "$fresh"
}

@test "dpkg-ima removed: dpkg and apt go on working; purged, with triggers waiting: nothing is left" {
	put after /opt/after/a one
	pack_signed after
	cp "$work/after.deb" "$fresh/debs"
	in_root "$fresh" dpkg -r dpkg-ima
	[ ! -e "$fresh/var/lib/dpkg-ima" ]
	[ ! -e "$fresh/usr/libexec/dpkg-ima" ]
	run ! grep -r dpkg-ima "$fresh/var/lib/dpkg/triggers"
	run -0 in_root "$fresh" dpkg -i /debs/after.deb
	[[ $output != *dpkg-ima* ]]
	not_signed "$fresh/opt/after/a"
	# Signatures that were set stay on the files.
	signed "$fresh/opt/offered/a"
	run -0 in_root "$fresh" apt-get install -y -q --reinstall offered
	not_signed "$fresh/opt/offered/a"
	clean "$fresh"
	# Back again: what was installed in between is signed.
	run -0 in_root "$fresh" apt-get install -y -q dpkg-ima
	signed "$fresh/opt/offered/a" "$fresh/opt/after/a"
	in_root "$fresh" dpkg --no-triggers -i /debs/after.deb
	run -0 in_root "$fresh" dpkg --purge dpkg-ima
	clean "$fresh"
	in_root "$fresh" dpkg --purge pkgima offered after
	clean "$fresh"
	diff "$BATS_FILE_TMPDIR/before" <(paths_of "$fresh")
	cmp "$BATS_FILE_TMPDIR/triggers" "$fresh/var/lib/dpkg/triggers/File"
}
