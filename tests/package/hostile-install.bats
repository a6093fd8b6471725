#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Archives that are made to get around the dpkg-deb backend and apt's hook, and installations that stop half-way.

# shellcheck disable=SC2016 # in single quotes are scripts of packages

load helpers

# All tests share one system, and leave it as they found it.
setup_file()
{
	require root mmdebstrap apt-ftparchive evmctl getfattr dpkg-buildpackage unshare ar bzip2 python3
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system
	make_keys "$keys"
	make_system "$system"
}

setup()
{
	work=$BATS_TEST_TMPDIR
	tree=$work/tree
	rm -rf "$system"/etc/pkgima.conf "$system"/run/pkgima{,.dpkg-tmp} "$system"/root/*.deb "$system/ran"
}

backend_path=/usr/libexec/dpkg-ima/bin:/usr/sbin:/usr/bin:/sbin:/bin

settings()
{
	rm -rf "$system/etc/pkgima.conf"
	printf '%s\n' "$@" >"$system/etc/pkgima.conf"
}

enforcing()
{
	rm -rf "$system"/run/pkgima{,.dpkg-tmp}
	mkdir -p "$system/run/pkgima"
	echo mode=enforce >"$system/run/pkgima/state"
}

# As apt calls dpkg: our folder is in front.
dpkg_in()
{
	in_root "$system" env PATH="$backend_path" dpkg "$@" </dev/null
}

# hook NAME...: apt's hook about /root/NAME.deb, told as apt tells it.
hook()
{
	local name
	{
		printf 'VERSION 3\nDPkg::Path=%s\n\n' "$backend_path"
		for name; do
			echo "$name - - none < 1 all none /root/$name.deb"
		done
	} | in_root "$system" /usr/libexec/dpkg-ima/apt-hook
}

# begin NAME [VERSION]: an empty $tree with a control file.
begin()
{
	rm -rf "$tree"
	mkdir -p "$tree/DEBIAN"
	printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Test <test@localhost>\nDescription: test\n' \
		"$1" "${2:-1}" >"$tree/DEBIAN/control"
}

# script NAME LINE...: a maintainer script.
script()
{
	local name=$1
	shift
	printf '%s\n' '#!/bin/sh' 'set -e' "$@" >"$tree/DEBIAN/$name"
	chmod 755 "$tree/DEBIAN/$name"
}

# pack NAME [OPTION...]: $tree, as tar with the options takes its control member, becomes /root/NAME.deb; unlike dpkg-deb
# it takes anything. Is $data set, that file is the data member.
pack()
{
	local name=$1 deb=$system/root/$1.deb
	shift
	rm -rf "$work/members"
	mkdir "$work/members"
	(cd "$tree/DEBIAN" && tar -c --format=gnu --owner=0 --group=0 "$@" -f "$work/members/control.tar" .)
	if [ -n "${data-}" ]; then
		cp "$data" "$work/members"
	else
		(cd "$tree" && tar -c --format=gnu --owner=0 --group=0 --exclude=./DEBIAN -f "$work/members/data.tar" .)
	fi
	echo 2.0 >"$work/members/debian-binary"
	rm -f "$deb"
	(cd "$work/members" && ar rc "$deb" debian-binary control.tar data.tar*)
}

# The manifest of $tree as it is now: what is changed in it later was not signed.
keep_manifest()
{
	pack kept
	sign --in-place "$system/root/kept.deb"
	dpkg-deb -I "$system/root/kept.deb" imasigs >"$tree/DEBIAN/imasigs"
	rm "$system/root/kept.deb"
}

# An archive without any signature, that brings and runs a program: /root/evil.deb.
make_unsigned()
{
	begin evil
	mkdir -p "$tree/usr/bin"
	cp /bin/true "$tree/usr/bin/evil"
	script preinst 'touch /ran'
	pack evil
}

no_evil()
{
	[ ! -e "$system/usr/bin/evil" ]
	[ ! -e "$system/ran" ]
}

no_leftovers()
{
	[ -z "$(find "$system" -xdev \( -name '*.dpkg-new' -o -name '*.dpkg-tmp' \) -print)" ]
}

purge()
{
	in_root "$system" dpkg --purge --force-remove-reinstreq "$@" </dev/null
}

@test "enforcing is not switched off by what a package brings in place of the state" {
	local bringer
	for bringer in fifo file empty named; do
		enforcing
		begin bringer
		mkdir "$tree/run"
		case $bringer in
		fifo) mkfifo "$tree/run/pkgima" ;;
		file) echo file >"$tree/run/pkgima" ;;
		*)
			mkdir "$tree/run/pkgima"
			if [ "$bringer" = empty ]; then
				: >"$tree/run/pkgima/state"
			else
				mkfifo "$tree/run/pkgima/state"
			fi
			;;
		esac
		pack bringer
		# Files that somebody has signed once.
		sign --in-place "$system/root/bringer.deb"
		make_unsigned
		run dpkg_in -i /root/bringer.deb /root/evil.deb
		echo "$bringer: $output"
		[ "$status" -eq 1 ]
		[[ $output == *"dpkg-ima: evil: refused, since this system enforces signatures"* ]]
		no_evil
		[ "$(in_root "$system" dpkg-query -W -f '${Status}' bringer)" = "install ok installed" ]
		# Nor in the next run, nor for apt.
		run -1 dpkg_in -i /root/evil.deb
		[[ $output == *"/run/pkgima"*"refused, since this system enforces signatures"* ]]
		run -1 hook evil
		[[ $output == *"the run is refused"* ]]
		no_evil
		purge bringer
		rm -rf "$system"/run/pkgima{,.dpkg-tmp}
	done
	# However it came there.
	for bringer in /nonexistent /dev/null /run/pkgima; do
		rm -rf "$system/run/pkgima"
		ln -s "$bringer" "$system/run/pkgima"
		run -1 dpkg_in -i /root/evil.deb
		[[ $output == *"refused, since this system enforces signatures"* ]]
		no_evil
	done
	# None at all is no state.
	rm -rf "$system/run/pkgima"
	run -0 dpkg_in -i /root/evil.deb
	[ -e "$system/ran" ]
	purge evil
}

@test "settings that are something else than a file are taken strictly, and that is said" {
	local kind
	begin signed
	mkdir -p "$tree/usr/share/signed"
	echo signed >"$tree/usr/share/signed/file"
	keep_manifest
	echo changed >"$tree/usr/share/signed/file"
	pack changed
	make_unsigned
	for kind in link folder fifo; do
		rm -rf "$system/etc/pkgima.conf"
		case $kind in
		link) ln -s /nonexistent "$system/etc/pkgima.conf" ;;
		folder) mkdir "$system/etc/pkgima.conf" ;;
		fifo) mkfifo "$system/etc/pkgima.conf" ;;
		esac
		run -1 dpkg_in -i /root/evil.deb
		echo "$kind: $output"
		[[ $output == *"dpkg-ima: "*"/etc/pkgima.conf"*"evil: refused, since unsigned=refuse"* ]]
		run -1 hook evil
		[[ $output == *"dpkg-ima: "*"/etc/pkgima.conf"*"the run is refused"* ]]
		run -1 dpkg_in -i /root/changed.deb
		[[ $output == *"/etc/pkgima.conf"*"digest-mismatch"*"signed: refused, since untrusted=refuse"* ]]
		no_evil
		[ ! -e "$system/usr/share/signed" ]
	done
}

@test "a diversion is the package's own, however it writes its name" {
	local name
	enforcing
	begin guard
	mkdir -p "$tree/usr/bin"
	script preinst '[ "$1" = upgrade ] ||' \
		'dpkg-divert --package guard --rename --divert /usr/bin/tool.real --add /usr/bin/tool'
	printf '#!/bin/sh\necho good\n' >"$tree/usr/bin/tool"
	chmod 755 "$tree/usr/bin/tool"
	keep_manifest
	for name in guard Guard 'guard ' $'guard\t' $'\tGUARD'; do
		echo "name: '$name'"
		sed -i "1s/:.*/: $name/" "$tree/DEBIAN/control"
		printf '#!/bin/sh\necho good\n' >"$tree/usr/bin/tool"
		pack guard
		dpkg_in -i /root/guard.deb
		[ "$(in_root "$system" tool)" = good ]
		evm_accepts "$keys/ima.der" "$system/usr/bin/tool"
		printf '#!/bin/sh\necho evil\n' >"$tree/usr/bin/tool"
		pack guard
		run -1 dpkg_in -i /root/guard.deb
		[[ $output == *"dpkg-ima: guard: /usr/bin/tool: digest-mismatch"*"refused, since this system enforces"* ]]
		[ "$(in_root "$system" tool)" = good ]
		no_leftovers
	done
	purge guard
	in_root "$system" dpkg-divert --package guard --rename --remove /usr/bin/tool
}

# odd FINDING [apt]: /root/odd.deb is refused by all with untrusted=refuse, and installed with a warning with warn, of which
# FINDING is a pattern; with "apt" apt is asked, too.
odd()
{
	local finding=$1
	settings '[install]' untrusted=refuse
	run dpkg_in -i /root/odd.deb
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"dpkg-ima: odd"*$finding*"refused, since untrusted=refuse"* ]]
	hook_refuses
	if [ "${2-}" = apt ]; then
		settings '[install]' untrusted=refuse
		run -100 in_root "$system" apt-get install -y -q /root/odd.deb
		[[ $output == *"the run is refused because of 1 package; nothing was changed"* ]]
	fi
	[ ! -e "$system/ran" ]
	[ ! -e "$system/usr/share/odd" ]
	settings '[install]' untrusted=warn
	run dpkg_in -i /root/odd.deb
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"dpkg-ima: odd"*$finding* ]]
	[ -e "$system/usr/share/odd/file" ]
	[ -z "$(ima_of "$system/usr/share/odd/file")" ]
	purge odd
	rm -f "$system/ran"
}

hook_refuses()
{
	settings '[install]' untrusted=refuse
	run hook odd
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"bad-signature: "*"refused, since untrusted=refuse"*"the run is refused because of 1 package;"* ]]
	settings '[install]' untrusted=warn
	run -0 hook odd
	[[ $output == *"bad-signature: "*"none refused"* ]]
}

begin_odd()
{
	begin odd
	mkdir -p "$tree/usr/share/odd"
	echo odd >"$tree/usr/share/odd/file"
}

@test "archives that cannot be read are at fault themselves: links, size, PAX, bzip2" {
	begin_odd
	script script 'touch /ran'
	ln -s script "$tree/DEBIAN/preinst"
	pack odd
	odd 'bad-signature: *preinst' apt
	begin_odd
	: >"$tree/DEBIAN/none"
	ln -s none "$tree/DEBIAN/conffiles"
	pack odd
	odd 'bad-signature: *conffiles'
	begin_odd
	ln -s control "$tree/DEBIAN/imasigs"
	pack odd
	odd 'bad-signature: *imasigs'
	begin_odd
	script preinst 'touch /ran'
	script config
	truncate -s 17M "$tree/DEBIAN/config"
	pack odd
	odd 'bad-signature: '
	# Of these dpkg-deb makes what it makes of others; the hook cannot.
	begin_odd
	keep_manifest
	echo changed >"$tree/usr/share/odd/file"
	pack odd --format=posix
	odd '/usr/share/odd/file: digest-mismatch'
	(cd "$tree" && tar -c --format=gnu --owner=0 --group=0 --exclude=./DEBIAN -f "$work/data.tar" .)
	bzip2 "$work/data.tar"
	data=$work/data.tar.bz2 pack odd
	odd '/usr/share/odd/file: digest-mismatch'
}

@test "the trust store breaks between the control member and the data member" {
	local file=$system/usr/share/breaker/file
	enforcing
	begin breaker
	mkdir -p "$tree/usr/share/breaker"
	echo good >"$tree/usr/share/breaker/file"
	script preinst 'mv /etc/keys/ima /etc/keys/kept' 'touch /etc/keys/ima'
	keep_manifest
	echo evil >"$tree/usr/share/breaker/file"
	pack breaker
	run dpkg_in -i /root/breaker.deb
	echo "$output"
	rm "$system/etc/keys/ima"
	mv "$system/etc/keys/kept" "$system/etc/keys/ima"
	[ "$status" -eq 1 ]
	[[ $output == *"failed: "*"breaker: refused, since this system enforces signatures"* ]]
	[ ! -e "$file" ]
	no_leftovers
}

@test "what a kernel asks a signature of is no mere conffile" {
	local name
	enforcing
	for name in usr/lib/conf/libx.so lib/modules/1/x.ko usr/lib/modules/1/x.ko lib/firmware/x boot/x; do
		begin conf
		mkdir -p "$tree/$(dirname "$name")"
		echo content >"$tree/$name"
		[ "${name%.so}" = "$name" ] || cp /bin/true "$tree/$name"
		chmod 644 "$tree/$name"
		echo "/$name" >"$tree/DEBIAN/conffiles"
		pack conf
		run dpkg_in -i /root/conf.deb
		echo "$output"
		[ "$status" -eq 1 ]
		[[ $output == *"dpkg-ima: conf: /$name: unsigned"*"refused, since this system enforces signatures"* ]]
		[ ! -e "$system/$name" ]
		no_leftovers
	done
	begin conf
	mkdir -p "$tree/etc/conf"
	echo setting >"$tree/etc/conf/plain"
	echo /etc/conf/plain >"$tree/DEBIAN/conffiles"
	pack conf
	run -0 dpkg_in -i /root/conf.deb
	[[ $output != *"dpkg-ima: conf"* ]]
	[ "$(cat "$system/etc/conf/plain")" = setting ]
	purge conf
}

@test "an archive that cannot be followed ends there, and leaves nothing" {
	local order i
	in_root "$system" dpkg-divert --local --rename --divert /usr/bin/tool.real --add /usr/bin/tool
	echo old >"$system/usr/bin/tool.real"
	enforcing
	begin odd
	mkdir -p "$tree/usr/bin" "$tree/usr/odd"
	head -c 3000000 /dev/zero >"$tree/usr/bin/big"
	head -c 40000 /dev/zero >"$tree/usr/bin/tool"
	echo odd >"$tree/usr/odd/odd"
	for order in 'big tool ../odd/odd' '../odd/odd tool' 'tool ../odd/odd big'; do
		# A name with two slashes; dpkg takes it.
		# shellcheck disable=SC2086 # a list of names
		(cd "$tree/usr/bin" && tar -c -P --format=gnu --owner=0 --group=0 --transform 's,^\.\./odd/odd,./usr//bin/odd,' \
			--transform 's,^\([a-z]\),./usr/bin/\1,' -f "$work/data.tar" $order)
		data=$work/data.tar pack odd
		for i in 1 2 3; do
			run dpkg_in -i /root/odd.deb
			echo "$order, $i: $output"
			[ "$status" -eq 1 ]
			[[ $output == *"dpkg-ima: odd: bad-signature: "*"odd: refused, since this system enforces signatures"* ]]
			[[ $output == *"dpkg-deb --fsys-tarfile subprocess returned error exit status 2"* ]]
			[ "$(grep -c '^dpkg: error' <<<"$output")" -eq 1 ]
			[ "$(cat "$system/usr/bin/tool.real")" = old ]
			[ ! -e "$system/usr/bin/odd" ]
			no_leftovers
		done
	done
	rm "$system/usr/bin/tool.real"
	in_root "$system" dpkg-divert --local --rename --remove /usr/bin/tool
}

@test "a removal of dpkg-ima that does not come about leaves apt's settings" {
	local conf=$system/etc/apt/apt.conf.d/20dpkg-ima
	cp "$conf" "$work/before"
	begin rival
	printf '%s: dpkg-ima\n' Conflicts Replaces Provides >>"$tree/DEBIAN/control"
	mkdir -p "$tree/usr/share/rival"
	echo good >"$tree/usr/share/rival/file"
	keep_manifest
	echo changed >"$tree/usr/share/rival/file"
	pack rival
	settings '[install]' untrusted=refuse
	run dpkg_in --auto-deconfigure -i /root/rival.deb
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"rival: refused, since untrusted=refuse"* ]]
	[ "$(in_root "$system" dpkg-query -W -f '${Status}' dpkg-ima)" = "install ok installed" ]
	cmp "$conf" "$work/before"
	[ ! -e "$conf.dpkg-ima-new" ]
}

@test "where dpkg stops by itself the archive is not blamed" {
	begin clash
	mkdir -p "$tree/usr/bin"
	cp /bin/true "$tree/usr/bin/tee"
	head -c 8000000 /dev/urandom >"$tree/usr/bin/zz"
	(cd "$tree" && tar -c --format=gnu --owner=0 --group=0 -f "$work/data.tar" ./usr/bin/tee ./usr/bin/zz)
	data=$work/data.tar pack clash
	sign --in-place "$system/root/clash.deb"
	settings '[install]' unsigned=refuse untrusted=refuse
	run -1 dpkg_in -i /root/clash.deb
	echo "$output"
	[[ $output == *"trying to overwrite '/usr/bin/tee', which is also in package coreutils"* ]]
	[[ $output != *dpkg-ima:* && $output != *--fsys-tarfile* && $output != *tar:* ]]
	no_leftovers
}

@test "dpkg that a maintainer script runs for another root goes through the backend" {
	local target=$system/target
	mkdir -p "$target/var/lib/dpkg"/{info,updates,triggers} "$target/run/pkgima" "$target/etc/keys/ima"
	touch "$target/var/lib/dpkg/status"
	echo mode=enforce >"$target/run/pkgima/state"
	cp "$keys/ima.der" "$target/etc/keys/ima"
	begin inner
	mkdir -p "$tree/usr/share/inner"
	echo inner >"$tree/usr/share/inner/file"
	pack inner
	cp "$system/root/inner.deb" "$system/root/inner-signed.deb"
	sign --in-place "$system/root/inner-signed.deb"
	begin outer
	script postinst 'dpkg --root=/target -i "$(cat /root/which)"'
	pack outer
	sign --in-place "$system/root/outer.deb"
	echo /root/inner.deb >"$system/root/which"
	run dpkg_in -i /root/outer.deb
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"dpkg-ima: inner: refused, since this system enforces signatures"* ]]
	[ ! -e "$target/usr/share/inner" ]
	echo /root/inner-signed.deb >"$system/root/which"
	run -0 in_root "$system" env PATH="$backend_path" dpkg --configure -a
	evm_accepts "$keys/ima.der" "$target/usr/share/inner/file"
	purge outer
	rm -rf "$target" "$system/root/which"
}

@test "a link is not taken for the real dpkg-deb" {
	local link=$system/usr/bin/dpkg-deb.distrib
	begin linker
	mkdir -p "$tree/usr/bin"
	ln -s true "$tree/usr/bin/dpkg-deb.distrib"
	pack linker
	dpkg_in -i /root/linker.deb
	[ -L "$link" ]
	run -0 in_root "$system" /usr/libexec/dpkg-ima/bin/dpkg-deb --version
	[[ $output == Debian*dpkg-deb* ]]
	purge linker
	[ ! -L "$link" ]
}

@test "hook and backend agree about an archive without a manifest, also with select=exec" {
	local unsigned
	begin doc
	mkdir -p "$tree/usr/share/doc/doc"
	echo text >"$tree/usr/share/doc/doc/text"
	pack doc
	for unsigned in refuse warn allow; do
		settings '[apply]' select=exec '[install]' "unsigned=$unsigned"
		run hook doc
		echo "$output"
		hook_status=$status hook_says=$(grep -c 'dpkg-ima: doc: ' <<<"$output") || :
		run dpkg_in -i /root/doc.deb
		echo "$output"
		[ "$status" -eq "$hook_status" ]
		[ "$(grep -c 'dpkg-ima: doc: ' <<<"$output")" -eq "$hook_says" ]
		[ "$unsigned" != refuse ] || [ "$status" -eq 1 ]
		[ "$unsigned" = refuse ] || purge doc
	done
	# Nor where the machine enforces, and nothing in it counts.
	enforcing
	settings '[apply]' select=exec
	run -0 hook doc
	run -0 dpkg_in -i /root/doc.deb
	purge doc
}

# The wrapper's COMMAND... runs where dpkg-divert is called with WORD.
wrap_divert()
{
	mkdir -p "$system/usr/local/sbin"
	printf '#!/bin/sh\ncase "$*" in *%s*) %s ;; esac\nexec /usr/bin/dpkg-divert "$@"\n' "$1" "$2" \
		>"$system/usr/local/sbin/dpkg-divert"
	chmod 755 "$system/usr/local/sbin/dpkg-divert"
}

wrapped_dpkg()
{
	in_root "$system" env PATH="/usr/local/sbin:$backend_path" dpkg "$@" </dev/null
}

@test "a removal of the diversion that fails keeps the real dpkg-deb" {
	local name=$system/usr/bin/dpkg-deb backend=$system/usr/libexec/dpkg-ima/bin/dpkg-deb
	cp "$name" "$work/real"
	cp "$system"/root/divert/dpkg-ima-divert_*.deb "$system/root/divert.deb"
	dpkg_in -i /root/divert.deb
	cmp "$name.distrib" "$work/real"
	wrap_divert --remove 'echo "no space left" >&2; exit 2'
	run wrapped_dpkg -r dpkg-ima-divert
	echo "$output"
	[ "$status" -eq 1 ]
	rm "$system/usr/local/sbin/dpkg-divert"
	cmp "$name.distrib" "$work/real"
	[ "$name" -ef "$backend" ]
	run -0 in_root "$system" dpkg-deb --version
	[ "$(in_root "$system" dpkg-query -W -f '${Status}' dpkg-ima-divert)" = "deinstall ok installed" ]
	dpkg_in -r dpkg-ima-divert
	cmp "$name" "$work/real"
	[ ! -e "$name.distrib" ]
	[ -z "$(in_root "$system" dpkg-divert --list '*dpkg-deb*')" ]
	run -0 in_root "$system" dpkg-deb --version
}

# new_dpkg VERSION: another dpkg, of which only the dpkg-deb is new, is /root/dpkg.deb; $work/real is that one.
new_dpkg()
{
	rm -rf "$work/dpkg"
	dpkg-deb -R "$("$support/fetch-debs" dpkg)" "$work/dpkg"
	sed -i "s/^Version: .*/&+$1/" "$work/dpkg/DEBIAN/control"
	echo "$1" >>"$work/dpkg/usr/bin/dpkg-deb"
	cp "$work/dpkg/usr/bin/dpkg-deb" "$work/real"
	dpkg-deb -Zgzip -z1 -b "$work/dpkg" "$system/root/dpkg.deb" >/dev/null
}

# The last test: dpkg stays the new one.
@test "where the diversion was interrupted, a newer dpkg-deb is not replaced by an old one" {
	local name=$system/usr/bin/dpkg-deb backend=$system/usr/libexec/dpkg-ima/bin/dpkg-deb moment version=0
	cp "$system"/root/divert/dpkg-ima-divert_*.deb "$system/root/divert.deb"
	for moment in before after; do
		version=$((version + 1))
		case $moment in
		before) wrap_divert --add 'kill -KILL $PPID; exit 1' ;;
		after) wrap_divert --add '/usr/bin/dpkg-divert "$@"; kill -KILL $PPID; exit 1' ;;
		esac
		run wrapped_dpkg -i /root/divert.deb
		echo "$moment: $output"
		[ "$status" -eq 1 ]
		rm "$system/usr/local/sbin/dpkg-divert"
		run -0 in_root "$system" dpkg-deb --version
		new_dpkg "$version"
		dpkg_in -i /root/dpkg.deb
		# Configured now, if not with dpkg.
		dpkg_in --configure -a
		[ "$name" -ef "$backend" ]
		cmp "$name.distrib" "$work/real"
		dpkg_in -r dpkg-ima-divert
		[ ! -e "$name.distrib" ]
		cmp "$name" "$work/real"
	done
	# All stops within prerm. In its namespace dpkg must not be the first process, which cannot be killed.
	dpkg_in -i /root/divert.deb
	wrap_divert --remove 'read -r _ _ _ dpkg _ <"/proc/$PPID/stat"; kill -KILL "$dpkg" $PPID; exit 1'
	run ! in_root "$system" env PATH="/usr/local/sbin:$backend_path" sh -c 'dpkg -r dpkg-ima-divert; exit $?'
	rm "$system/usr/local/sbin/dpkg-divert"
	[ "$(in_root "$system" dpkg-query -W -f '${db:Status-Status}' dpkg-ima-divert)" = half-configured ]
	run -0 in_root "$system" dpkg-deb --version
	new_dpkg 3
	dpkg_in -i /root/dpkg.deb
	dpkg_in -r dpkg-ima-divert
	cmp "$name" "$work/real"
	[ ! -e "$name.distrib" ]
	[ -z "$(in_root "$system" dpkg-divert --list '*dpkg-deb*')" ]
}
