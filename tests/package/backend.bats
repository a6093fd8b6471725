#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The dpkg-deb backend: signatures are on files before they have their names, whatever the package does; and what is
# refused leaves the old version as it was.

# shellcheck disable=SC2016 # in single quotes are scripts of packages, and formats of dpkg

load helpers

setup_file()
{
	require root mmdebstrap apt-ftparchive evmctl getfattr dpkg-buildpackage unshare strace
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system base=$BATS_FILE_TMPDIR/base
	make_keys "$keys"
	make_system "$base"
	cp "$keys/rogue/ima.key" "$keys/rogue/ima.der" "$BATS_FILE_TMPDIR"
}

# A fresh copy for each test: files only.
setup()
{
	work=$BATS_TEST_TMPDIR
	rm -rf --one-file-system "$system"
	cp -a --reflink=auto "$base" "$system"
}

teardown()
{
	rm -rf --one-file-system "$system"
}

settings()
{
	printf '%s\n' "$@" >"$system/etc/pkgima.conf"
}

enforcing()
{
	mkdir -p "$system/run/pkgima"
	echo mode=enforce >"$system/run/pkgima/state"
}

# apt's dpkg, without apt: the same search path.
dpkg_in()
{
	in_root "$system" env PATH=/usr/libexec/dpkg-ima/bin:/usr/sbin:/usr/bin:/sbin:/bin ${PKGIMA_WARN:+PKGIMA=warn} dpkg "$@"
}

# make_tool DIR VERSION: a package "tool" with scripts of its own that run what it brings.
make_tool()
{
	mkdir -p "$1/usr/bin" "$1/usr/lib/tool" "$1/etc/tool" "$1/DEBIAN"
	printf '#!/bin/sh\necho tool %s\n' "$2" >"$1/usr/bin/tool"
	chmod 755 "$1/usr/bin/tool"
	echo "data $2" >"$1/usr/lib/tool/data"
	ln "$1/usr/bin/tool" "$1/usr/bin/tool-link"
	ln -s data "$1/usr/lib/tool/link"
	echo "setting $2" >"$1/etc/tool/conf"
	echo /etc/tool/conf >"$1/DEBIAN/conffiles"
	printf '#!/bin/sh\nset -e\necho "postinst %s $1"\n/usr/bin/tool >/dev/null\n' "$2" >"$1/DEBIAN/postinst"
	printf '#!/bin/sh\necho "preinst %s $1"\n' "$2" >"$1/DEBIAN/preinst"
	chmod 755 "$1/DEBIAN"/p*
	make_deb "$1" tool "$2"
}

# The tool in version 1 is installed, 2 is $deb, signed and ready to be spoiled; its tree is in $work/v2.
prepare_upgrade()
{
	make_tool "$work/v1" 1
	sign --in-place "$work/tool.deb"
	cp "$work/tool.deb" "$system/root/tool1.deb"
	dpkg_in -i /root/tool1.deb
	make_tool "$work/v2" 2
	sign --in-place "$work/tool.deb"
	deb=$work/tool.deb
	dpkg-deb -I "$deb" imasigs >"$work/imasigs"
}

# rebuild [CONTROL_FILE...]: $work/v2 as it is now, with the manifest of before.
rebuild()
{
	cp "$work/imasigs" "$work/v2/DEBIAN/imasigs"
	dpkg-deb --root-owner-group -b "$work/v2" "$deb" >/dev/null
}

no_leftovers()
{
	[ -z "$(find "$system" -xdev \( -name '*.dpkg-new' -o -name '*.dpkg-tmp' \))" ]
}

# Version 1 is there, whole, and works.
still_version_1()
{
	[ "$(in_root "$system" dpkg-query -W -f '${Status} ${Version}' tool)" = "install ok installed 1" ]
	[ -z "$(in_root "$system" dpkg --audit)" ]
	[ "$(in_root "$system" tool)" = "tool 1" ]
	evm_accepts "$keys/ima.der" "$system/usr/bin/tool" "$system/usr/lib/tool/data"
	no_leftovers
	in_root "$system" dpkg --configure -a
}

# spoiled FINDING SETTING: with the setting version 2 is refused by name; with warn it lands, the file unsigned.
spoiled()
{
	local finding=$1 setting=$2
	cp "$deb" "$system/root/tool2.deb"
	settings "[install]" "$setting=refuse"
	run dpkg_in -i /root/tool2.deb
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"dpkg-ima: tool: $finding"* ]]
	[[ $output == *"dpkg-ima: tool: refused, since $setting=refuse"* ]]
	still_version_1
	# Once, by the environment.
	PKGIMA_WARN=1 run -0 dpkg_in -i /root/tool2.deb
	[[ $output == *"PKGIMA=warn overrides it"* ]]
	[ "$(in_root "$system" tool)" = "tool 2" ]
	dpkg_in -i /root/tool1.deb
	settings "[install]" "$setting=warn"
	run -0 dpkg_in -i /root/tool2.deb
	echo "$output"
	[[ $output == *"dpkg-ima: tool: $finding"* ]]
	[ "$(in_root "$system" dpkg-query -W -f '${Version}' tool)" = 2 ]
	no_leftovers
}

@test "dpkg: first installation, upgrade, downgrade, reinstallation, removal, purge" {
	prepare_upgrade
	cp "$deb" "$system/root/tool2.deb"
	local package
	for package in 2 1 1 2; do
		run -0 dpkg_in -i "/root/tool$package.deb"
		[[ $output != *dpkg-ima:* ]]
		[ "$(in_root "$system" tool)" = "tool $package" ]
		evm_accepts "$keys/ima.der" "$system"/usr/bin/tool{,-link} "$system/usr/lib/tool/data" \
			"$system"/var/lib/dpkg/info/tool.{preinst,postinst}
		[ -z "$(ima_of "$system/etc/tool/conf")" ]
		no_leftovers
	done
	dpkg_in -r tool
	[ ! -e "$system/usr/bin/tool" ]
	dpkg_in -P tool
	[ -z "$(in_root "$system" dpkg --audit)" ]
}

@test "no file has its name before its signature, and no script runs before its own" {
	make_tool "$work/v1" 1
	sign --in-place "$work/tool.deb"
	cp "$work/tool.deb" "$system/root/tool.deb"
	dpkg_in -i /root/tool.deb
	# Whatever OpenSSL's settings name, nothing is loaded into the backend: it may just be replaced.
	printf '%s\n' 'openssl_conf = a' '[a]' 'providers = b' '[b]' 'none = c' '[c]' 'activate = 1' 'module = /none.so' \
		>"$system/root/openssl.cnf"
	strace -f -y -e trace=fsetxattr,rename,renameat,renameat2,execve,openat,openat2 -o "$work/trace" \
		env -i OPENSSL_CONF=/root/openssl.cnf PATH=/usr/libexec/dpkg-ima/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot "$system" dpkg -i /root/tool.deb
	local name signed renamed
	for name in usr/bin/tool usr/bin/tool-link usr/lib/tool/data; do
		renamed=$(grep -n "rename.*/$name.dpkg-new\", .*/$name\"" "$work/trace" | head -n 1 | cut -d: -f 1)
		[ -n "$renamed" ]
		# Two names of one file: it is signed by either.
		signed=$(grep -n "fsetxattr(.*/${name%-link}\(-link\)*.dpkg-new>, \"security.ima\".* = 0" "$work/trace" |
			head -n 1 | cut -d: -f 1)
		[ "$signed" -lt "$renamed" ]
	done
	signed=$(grep -n 'fsetxattr(.*/tmp.ci/preinst>, "security.ima".* = 0' "$work/trace" | head -n 1 | cut -d: -f 1)
	renamed=$(grep -n 'execve("/var/lib/dpkg/tmp.ci/preinst"' "$work/trace" | head -n 1 | cut -d: -f 1)
	[ "$signed" -lt "$renamed" ]
	run ! grep -E 'openat.*(openssl.cnf|none.so)' "$work/trace"
	# Without the backend that is not so.
	strace -f -y -e trace=fsetxattr,rename,renameat,renameat2,execve -o "$work/trace" \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$system" dpkg -i /root/tool.deb
	run ! grep -q 'fsetxattr(.*dpkg-new>' "$work/trace"
}

@test "a changed file" {
	prepare_upgrade
	echo evil >>"$work/v2/usr/lib/tool/data"
	rebuild
	spoiled '/usr/lib/tool/data: digest-mismatch' untrusted
	[ -z "$(ima_of "$system/usr/lib/tool/data")" ]
	evm_accepts "$keys/ima.der" "$system/usr/bin/tool"
}

@test "a changed maintainer script is refused before anything is run" {
	prepare_upgrade
	echo 'touch /evil' >>"$work/v2/DEBIAN/preinst"
	rebuild
	cp "$deb" "$system/root/tool2.deb"
	settings '[install]' untrusted=refuse
	run -1 dpkg_in -i /root/tool2.deb
	[ ! -e "$system/evil" ]
	[[ $output != *"preinst 2"* && $output != *prerm* ]]
	spoiled 'DEBIAN/preinst: digest-mismatch' untrusted
	[ -e "$system/evil" ]
	[ -z "$(ima_of "$system/var/lib/dpkg/info/tool.preinst")" ]
	evm_accepts "$keys/ima.der" "$system/var/lib/dpkg/info/tool.postinst" "$system/usr/bin/tool"
}

@test "a package that was stripped of its manifest" {
	prepare_upgrade
	rm -f "$work/v2/DEBIAN/imasigs"
	dpkg-deb --root-owner-group -b "$work/v2" "$deb" >/dev/null
	spoiled 'unsigned: it has no manifest' unsigned
	[ -z "$(ima_of "$system/usr/bin/tool")" ]
}

@test "the manifest of another package" {
	prepare_upgrade
	local other
	other=$("$support/fetch-debs" hello)
	cp "$other" "$work/other.deb"
	sign --in-place "$work/other.deb"
	dpkg-deb -I "$work/other.deb" imasigs >"$work/imasigs"
	rebuild
	spoiled 'DEBIAN/preinst: unsigned' unsigned
	[[ $output == *'/usr/bin/tool: unsigned: the manifest has no entry for it'* ]]
	[ -z "$(ima_of "$system/usr/bin/tool")" ]
}

@test "signatures by an unknown key" {
	prepare_upgrade
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --in-place "$deb"
	spoiled 'DEBIAN/preinst: unknown-key' untrusted
	[[ $output == *'/usr/bin/tool: unknown-key'* ]]
	[ -z "$(ima_of "$system/usr/bin/tool")" ]
}

@test "a manifest that cannot be read" {
	prepare_upgrade
	echo garbage >>"$work/imasigs"
	rebuild
	spoiled 'bad-signature: manifest, line ' untrusted
}

@test "an enforcing machine refuses all of these, and what is unsigned, whatever the settings say" {
	prepare_upgrade
	enforcing
	settings '[install]' unsigned=allow untrusted=warn
	cp "$work/v2/DEBIAN/control" "$work/control"
	# No manifest, with scripts: before any of them runs.
	"$PKGIMA" strip --in-place "$deb"
	cp "$deb" "$system/root/tool2.deb"
	run -1 dpkg_in -i /root/tool2.deb
	[[ $output == *"it has no manifest"*"refused, since this system enforces signatures"* ]]
	still_version_1
	# No manifest, no scripts: the files.
	rm -f "$work/v2/DEBIAN/"{preinst,postinst,imasigs}
	dpkg-deb --root-owner-group -b "$work/v2" "$deb" >/dev/null
	cp "$deb" "$system/root/tool2.deb"
	run -1 dpkg_in -i /root/tool2.deb
	[[ $output == *"/usr/bin/tool: unsigned"*"refused, since this system enforces"* ]]
	still_version_1
	# Only files that count are looked at.
	settings '[apply]' select=exec
	rm -f "$work/v2/usr/bin/"*
	dpkg-deb --root-owner-group -b "$work/v2" "$deb" >/dev/null
	cp "$deb" "$system/root/tool2.deb"
	run -0 dpkg_in -i /root/tool2.deb
	settings
	# A changed file.
	dpkg_in -i /root/tool1.deb
	rm -rf "$work/v2"
	make_tool "$work/v2" 2
	echo evil >>"$work/v2/usr/lib/tool/data"
	rebuild
	cp "$deb" "$system/root/tool2.deb"
	run -1 dpkg_in -i /root/tool2.deb
	[[ $output == *"/usr/lib/tool/data: digest-mismatch"*"refused, since this system enforces"* ]]
	still_version_1
	# Our own failure: no trust store can be read.
	rm -rf "$work/v2"
	make_tool "$work/v2" 2
	rebuild
	cp "$deb" "$system/root/tool2.deb"
	mv "$system/etc/keys/ima" "$system/etc/keys/kept"
	touch "$system/etc/keys/ima"
	run -1 dpkg_in -i /root/tool2.deb
	[[ $output == *"failed"*"refused, since this system enforces"* ]]
	still_version_1
	rm "$system/run/pkgima/state"
	run -0 dpkg_in -i /root/tool2.deb
	[[ $output == *failed* ]]
	[ "$(in_root "$system" tool)" = "tool 2" ]
}

@test "a state that cannot be read enforces" {
	prepare_upgrade
	mkdir -p "$system/run/pkgima/state"
	"$PKGIMA" strip --in-place "$deb"
	cp "$deb" "$system/root/tool2.deb"
	run -1 dpkg_in -i /root/tool2.deb
	[[ $output == *"/run/pkgima/state"*"refused, since this system enforces"* ]]
	still_version_1
}

@test "diverted files, of others and of the diverting package; nothing is left of them when refused" {
	prepare_upgrade
	in_root "$system" dpkg-divert --local --rename --divert /usr/lib/tool/moved --add /usr/lib/tool/data
	cp "$deb" "$system/root/tool2.deb"
	dpkg_in -i /root/tool2.deb
	[ "$(cat "$system/usr/lib/tool/moved")" = "data 2" ]
	evm_accepts "$keys/ima.der" "$system/usr/lib/tool/moved"
	# Refused: dpkg itself would leave moved.dpkg-new.
	dpkg_in -i /root/tool1.deb
	echo evil >>"$work/v2/usr/bin/tool"
	rebuild
	cp "$deb" "$system/root/tool2.deb"
	settings '[install]' untrusted=refuse
	run -1 dpkg_in -i /root/tool2.deb
	[ "$(cat "$system/usr/lib/tool/moved")" = "data 1" ]
	no_leftovers
	evm_accepts "$keys/ima.der" "$system/usr/lib/tool/moved"
	# A package that diverts keeps the name.
	mkdir -p "$work/d/usr/lib/tool" "$work/d/DEBIAN"
	printf '#!/bin/sh\nset -e\n[ "$1" = upgrade ] || dpkg-divert --package divert --rename --divert /usr/bin/tool.real --add /usr/bin/tool\n' \
		>"$work/d/DEBIAN/preinst"
	chmod 755 "$work/d/DEBIAN/preinst"
	mkdir -p "$work/d/usr/bin"
	printf '#!/bin/sh\necho diverted\n' >"$work/d/usr/bin/tool"
	chmod 755 "$work/d/usr/bin/tool"
	make_deb "$work/d" divert
	sign --in-place "$work/divert.deb"
	cp "$work/divert.deb" "$system/root/divert.deb"
	dpkg_in -i /root/divert.deb
	[ "$(in_root "$system" tool)" = diverted ]
	dpkg_in -i /root/tool1.deb
	evm_accepts "$keys/ima.der" "$system/usr/bin/tool" "$system/usr/bin/tool.real"
	[ "$(in_root "$system" tool.real)" = "tool 1" ]
}

@test "conffiles: by the settings, executable ones always, behind a symbolic link, kept ones not" {
	local tree=$work/c
	mkdir -p "$tree/etc/conf" "$tree/DEBIAN"
	echo plain >"$tree/etc/conf/plain"
	printf '#!/bin/sh\n:\n' >"$tree/etc/conf/exec"
	chmod 755 "$tree/etc/conf/exec"
	echo linked >"$tree/etc/conf/linked"
	printf '/etc/conf/%s\n' plain exec linked >"$tree/DEBIAN/conffiles"
	make_deb "$tree" conf
	sign --in-place "$work/conf.deb"
	cp "$work/conf.deb" "$system/root/conf.deb"
	mkdir -p "$system/etc/conf" "$system/srv"
	echo mine >"$system/srv/real"
	ln -s ../../srv/real "$system/etc/conf/linked"
	settings '[apply]' conffiles=yes
	dpkg_in --force-confnew -i /root/conf.deb
	# dpkg puts the new version beside the link, or beside what it leads to.
	evm_accepts "$keys/ima.der" "$system"/etc/conf/{plain,exec} "$(grep -lx linked "$system"/srv/* "$system"/etc/conf/*)"
	settings
	echo edited >>"$system/etc/conf/plain"
	dpkg_in -P conf
	dpkg_in -i /root/conf.deb
	[ -z "$(ima_of "$system/etc/conf/plain")" ]
	evm_accepts "$keys/ima.der" "$system/etc/conf/exec"
}

@test "path-exclude, and another root, folder of the installation and of the database" {
	prepare_upgrade
	cp "$deb" "$system/root/tool2.deb"
	mkdir -p "$system/target" "$system/db"/{info,updates,triggers} "$system/inst"
	touch "$system/db/status" "$system/db/available"
	mkdir -p "$system/target/var/lib/dpkg"/{info,updates,triggers} "$system/target/etc/keys/ima"
	touch "$system/target/var/lib/dpkg/status"
	cp "$keys/ima.der" "$system/target/etc/keys/ima"
	run -0 dpkg_in --path-exclude=/usr/lib/tool/data -i /root/tool2.deb
	evm_accepts "$keys/ima.der" "$system/usr/bin/tool"
	# The trust store is the target's own. Its scripts would need a shell there.
	rm "$work/v2/DEBIAN/"p*
	make_deb "$work/v2" tool 2
	sign --in-place "$deb"
	cp "$deb" "$system/root/tool3.deb"
	run -0 dpkg_in --root=/target --force-not-root -i /root/tool3.deb
	evm_accepts "$keys/ima.der" "$system/target/usr/bin/tool"
	rm "$system/target/etc/keys/ima/ima.der"
	run -0 dpkg_in --root=/target -i /root/tool3.deb
	[[ $output == *unknown-key* ]]
	run -0 dpkg_in --instdir=/inst --admindir=/db -i /root/tool3.deb
	[[ $output == *unknown-key* ]]
	mkdir -p "$system/inst/etc/keys/ima"
	cp "$keys/ima.der" "$system/inst/etc/keys/ima"
	run -0 dpkg_in --instdir=/inst --admindir=/db -i /root/tool3.deb
	evm_accepts "$keys/ima.der" "$system/inst/usr/bin/tool"
	[[ $output != *dpkg-ima:* ]]
}

@test "a file that another architecture's package brought unsigned gets its signature" {
	in_root "$system" dpkg --add-architecture i386
	local architecture
	for architecture in amd64 i386; do
		mkdir -p "$work/$architecture/usr/share/same" "$work/$architecture/DEBIAN"
		echo same >"$work/$architecture/usr/share/same/file"
		printf 'Package: same\nVersion: 1\nArchitecture: %s\nMulti-Arch: same\nMaintainer: T <t@localhost>\nDescription: t\n' \
			"$architecture" >"$work/$architecture/DEBIAN/control"
		dpkg-deb --root-owner-group -b "$work/$architecture" "$system/root/same-$architecture.deb"
	done
	sign --in-place "$system/root/same-i386.deb"
	dpkg_in -i /root/same-amd64.deb
	[ -z "$(ima_of "$system/usr/share/same/file")" ]
	dpkg_in -i /root/same-i386.deb
	evm_accepts "$keys/ima.der" "$system/usr/share/same/file"
}

@test "names and long names, as dpkg takes them" {
	local tree=$work/n long
	long=$(printf 'd%.0s' {1..120})
	mkdir -p "$tree/opt/$long/$long" "$tree/opt/a b"
	echo one >"$tree/opt/$long/$long/file"
	echo two >"$tree/opt/a b/c d"
	echo three >"$tree/opt/back\\slash"
	: >"$tree/opt/empty"
	make_deb "$tree" names
	sign --in-place "$work/names.deb"
	cp "$work/names.deb" "$system/root/names.deb"
	run -0 dpkg_in -i /root/names.deb
	[[ $output != *dpkg-ima:* ]]
	evm_accepts "$keys/ima.der" "$system/opt/$long/$long/file" "$system/opt/a b/c d" "$system/opt/back\\slash" \
		"$system/opt/empty"
}

@test "anyone else's use of dpkg-deb is as ever" {
	local backend=/usr/libexec/dpkg-ima/bin/dpkg-deb
	make_tool "$work/v1" 1
	sign --in-place "$work/tool.deb"
	cp "$work/tool.deb" "$system/root/tool.deb"
	for arguments in "--info" "--contents" "--field" "--fsys-tarfile" "--show"; do
		cmp <(in_root "$system" "$backend" "$arguments" /root/tool.deb) \
			<(in_root "$system" /usr/bin/dpkg-deb "$arguments" /root/tool.deb)
	done
	in_root "$system" "$backend" --control /root/tool.deb /root/control
	[ -z "$(ima_of "$system/root/control/preinst")" ]
	run -2 in_root "$system" "$backend" --nonsense
	# A maintainer script, and dpkg's hooks, that use it.
	mkdir -p "$work/u/DEBIAN"
	printf '#!/bin/sh\nset -e\ndpkg-deb --fsys-tarfile /root/tool.deb | tar -t | grep -q usr/bin/tool\n' >"$work/u/DEBIAN/postinst"
	chmod 755 "$work/u/DEBIAN/postinst"
	make_deb "$work/u" user
	sign --in-place "$work/user.deb"
	cp "$work/user.deb" "$system/root/user.deb"
	run -0 dpkg_in --pre-invoke='dpkg-deb --fsys-tarfile /root/tool.deb | tar -t >/root/list' -i /root/user.deb
	grep -q usr/bin/tool "$system/root/list"
	# Where the real one is missing, and ours stands in its place, it says so and does not go round in circles.
	cp "$system$backend" "$system/usr/bin/dpkg-deb"
	run -2 timeout 20 chroot "$system" /usr/bin/dpkg-deb --version
	[[ $output == *"the real dpkg-deb is not there"* ]]
}

@test "a broken archive is dpkg's to report, and leaves nothing" {
	prepare_upgrade
	head -c -200 "$deb" >"$system/root/tool2.deb"
	run -1 dpkg_in -i /root/tool2.deb
	still_version_1
}

@test "status says whether apt and dpkg install with the backend" {
	run -1 in_root "$system" pkgima status
	[[ $output == *"ok         apt "* && $output == *"attention  dpkg "* && $output == *"ok         trust     1 certificate"* ]]
	in_root "$system" pkgima status --json >"$work/json" || [ $? -eq 1 ]
	[ "$(jq -r '.checks[] | select(.check == "apt").state' "$work/json")" = ok ]
	echo 'DPkg::Path "/usr/sbin:/usr/bin:/sbin:/bin";' >"$system/etc/apt/apt.conf"
	run -1 in_root "$system" pkgima status
	[[ $output == *"attention  apt       apt's DPkg::Path is /usr/sbin:/usr/bin:/sbin:/bin"* ]]
	settings '[apply]' select=some
	enforcing
	rm "$system/etc/keys/ima-ca/site.der"
	in_root "$system" dpkg -i "/root/divert/$(basename "$system"/root/divert/*.deb)"
	run -1 in_root "$system" pkgima status
	# Then whatever path there is leads to it.
	[[ $output == *"ok         apt "* && $output == *"ok         dpkg "* &&
		$output == *"attention  settings  /etc/pkgima.conf: unknown value"* ]]
	[[ $output == *"attention  trust     1 certificate; without a CA"* && $output == *"signatures are enforced"* ]]
	rm "$system/etc/keys/ima/site.der"
	run -1 in_root "$system" pkgima status
	[[ $output == *"missing    trust"* ]]
	in_root "$system" dpkg -P dpkg-ima-divert dpkg-ima
	run -1 in_root "$system" pkgima status
	[[ $output == *"missing    apt       there is no backend"* ]]
	run -2 in_root "$system" pkgima status now
}
