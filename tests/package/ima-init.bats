#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The package ima-init: what it brings, whose word it takes for a CA certificate, and what it gives to an initramfs. That
# initramfs boot is tests/kernel/ima-init-boot.bats.
# shellcheck disable=SC2016 # scripts for other shells

load helpers

setup_file()
{
	require root mmdebstrap dpkg-buildpackage unshare openssl getfattr setfattr rpmbuild
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system packages site
	make_keys "$keys"
	packages=$("$support/build-packages")
	site=$(fingerprint "$keys/ca.der")
	"$support/base-root" "$system" debconf rpm mount
	cp "$packages"/ima-init_*.deb "$system/root/ima-init.deb"
	in_root "$system" dpkg -i /root/ima-init.deb
}

setup()
{
	root=$BATS_TEST_TMPDIR/root
	cp -a "$system" "$root"
}

fingerprint()
{
	sha256sum <"$1" | cut -c 1-64
}

# The package once more: apt and dpkg do that with each new version.
upgrade()
{
	run in_root "$root" dpkg -i /root/ima-init.deb
	echo "$output"
	[ "$status" -eq 0 ]
}

# ships NAME PATH FILE: the package NAME, which is installed, has a copy of FILE as PATH.
ships()
{
	local tree=$BATS_TEST_TMPDIR/$1
	mkdir -p "$tree${2%/*}"
	cp "$3" "$tree$2"
	make_deb "$tree" "$1"
	cp "$BATS_TEST_TMPDIR/$1.deb" "$root/root"
	in_root "$root" dpkg -i "/root/$1.deb"
}

trusted()
{
	find "$root/etc/keys/ima-ca" -type f 2>/dev/null | sort
}

answer()
{
	echo "ima-init ima-init/trust multiselect $1" | in_root "$root" debconf-set-selections
}

@test "lintian finds nothing; no key, CA certificate or policy is in force with it" {
	require lintian
	run lintian --allow-root --fail-on error,warning,info "$packages"/ima-init_*.deb
	echo "$output"
	[ "$status" -eq 0 ]
	run dpkg-deb -c "$packages"/ima-init_*.deb
	[[ $output == *./ima/init* ]]
	[[ $output != *.der* ]]
	[[ $output != *./etc/ima-init/policy* ]]
	[[ $output != *./etc/ima/* ]]
	# Nothing that dpkg would keep as the administrator's.
	[ -z "$(dpkg-deb -I "$packages"/ima-init_*.deb conffiles 2>/dev/null)" ]
}

@test "a CA certificate that a package brings is not trusted without the administrator's word" {
	ships site /usr/share/ima-init/ca/site.der "$keys/ca.der"
	upgrade
	[ -z "$(trusted)" ]
	# It was asked about, once.
	run -0 in_root "$root" debconf-show ima-init
	[[ $output == *"ima-init/offered: $site"* ]]
	[[ $output == *"ima-init/trust:"* ]]
}

@test "with a preseeded fingerprint it is; another fingerprint, or none, does nothing and is said" {
	local wrong
	ships site /usr/share/ima-init/ca/site.der "$keys/ca.der"
	wrong=$(fingerprint "$keys/ima.der")
	answer "$wrong, not-a-fingerprint, ../../../x"
	upgrade
	[ -z "$(trusted)" ]
	[[ $output == *"no certificate in /usr/share/ima-init/ca has the fingerprint $wrong"* ]]
	[[ $output == *"no fingerprint of 64 hexadecimal digits"* ]]
	answer "${site^^}"
	upgrade
	[ "$(trusted)" = "$root/etc/keys/ima-ca/${site:0:32}.der" ]
	cmp "$(trusted)" "$keys/ca.der"
	[ "$(stat -c %a:%u "$(trusted)")" = 644:0 ]
	# The certificate comes later than the answer.
	answer "$(fingerprint "$keys/rogue/ca.der")"
	upgrade
	[[ $output == *"no certificate in /usr/share/ima-init/ca has the fingerprint"* ]]
	ships late /usr/share/ima-init/ca/late.der "$keys/rogue/ca.der"
	upgrade
	[ "$(trusted | wc -l)" -eq 2 ]
}

@test "an answer counts once: what the administrator takes away does not come back" {
	ships site /usr/share/ima-init/ca/site.der "$keys/ca.der"
	answer "$site"
	upgrade
	[ -n "$(trusted)" ]
	rm "$(trusted)"
	upgrade
	upgrade
	[ -z "$(trusted)" ]
}

@test "no word makes a certificate trusted through a link" {
	ships site /usr/share/ima-init/ca/site.der "$keys/ca.der"
	mkdir -p "$root/srv/elsewhere"
	ln -s ../../srv/elsewhere "$root/etc/keys/ima-ca"
	answer "$site"
	upgrade
	[ -z "$(ls "$root/srv/elsewhere")" ]
	[[ $output == *"reached through a link"* ]]
}

# collect: what would go into an initramfs, in $root/made; what is said about it.
collect()
{
	rm -rf "$root/made"
	run in_root "$root" sh -c 'set -e; . /usr/share/ima-init/initramfs/collect; ima_init_wanted && ima_init_collect /made'
	echo "$output"
}

# As an administrator puts it there.
site_files()
{
	mkdir -p "$root/etc/keys/ima-ca" "$root/etc/ima-init"
	cp "$keys/ca.der" "$root/etc/keys/ima-ca/site.der"
	cp "$keys/ima.der" "$root/etc/keys/ima/site.der"
	cp "$root/usr/share/ima-init/policies/exec" "$root/etc/ima-init/policy"
}

@test "for an initramfs: nothing without a policy, or without a CA certificate of the administrator's" {
	collect
	[ "$status" -eq 1 ]
	[[ $output == *"there is no /etc/ima-init/policy"* ]]
	site_files
	rm "$root/etc/keys/ima-ca/site.der"
	collect
	[ "$status" -eq 1 ]
	[[ $output == *"there is no CA certificate of yours in /etc/keys/ima-ca"* ]]
	[ ! -e "$root/made" ]
	ships owned /etc/keys/ima-ca/owned.der "$keys/ca.der"
	collect
	[ "$status" -eq 1 ]
	[[ $output == *"/etc/keys/ima-ca/owned.der: ignored, it belongs to a package"* ]]
}

@test "for an initramfs: CA certificates, policy, its signature, settings, program, and the kernel's certificate" {
	site_files
	mkdir "$root/etc/keys/evm-ca"
	cp "$keys/rogue/ca.der" "$root/etc/keys/evm-ca/evm.der"
	collect
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	cmp "$root/made/usr/lib/ima-init/init" "$root/ima/init"
	cmp "$root/made/usr/lib/ima-init/ca/site.der" "$keys/ca.der"
	cmp "$root/made/usr/lib/ima-init/evm-ca/evm.der" "$keys/rogue/ca.der"
	cmp "$root/made/usr/lib/ima-init/policy" "$root/etc/ima-init/policy"
	cmp "$root/made/etc/keys/x509_ima.der" "$keys/ima.der"
	[ ! -e "$root/made/usr/lib/ima-init/policy.sig" ]
	[ ! -e "$root/made/usr/lib/ima-init/init.conf" ]
	# No leaf certificate but the one for the kernel.
	[ "$(find "$root/made" -name '*.der' | wc -l)" -eq 3 ]
	# Its signature, from the attribute and from the file beside it.
	sign --xattr "$root/etc/ima-init/policy"
	echo 'kexec=keep' >"$root/etc/ima-init/init.conf"
	cp "$keys/rogue/ima.der" "$root/etc/keys/x509_ima.der"
	collect
	[ "$(od -An -tx1 "$root/made/usr/lib/ima-init/policy.sig" | tr -d ' \n')" = "$(ima_of "$root/etc/ima-init/policy")" ]
	cmp "$root/made/usr/lib/ima-init/init.conf" "$root/etc/ima-init/init.conf"
	cmp "$root/made/etc/keys/x509_ima.der" "$keys/rogue/ima.der"
	echo signature >"$root/etc/ima-init/policy.sig"
	collect
	cmp "$root/made/usr/lib/ima-init/policy.sig" "$root/etc/ima-init/policy.sig"
	# A machine without a certificate is warned.
	rm "$root/etc/keys/x509_ima.der" "$root/etc/keys/ima/site.der"
	collect
	[ "$status" -eq 0 ]
	[[ $output == *"there is no certificate in /etc/keys/ima: a boot with this initramfs will stop"* ]]
}

# ignored NAME: the CA certificate of that name is left out, and that is said; the site's is in.
ignored()
{
	collect
	[ "$status" -eq 0 ]
	[[ $output == *"/etc/keys/ima-ca/$1: ignored, $2"* ]]
	[ "$(ls -A "$root/made/usr/lib/ima-init/ca")" = site.der ]
}

@test "for an initramfs: no CA certificate of a package, under whatever path, and none behind a link" {
	site_files
	# The name that its package gives it.
	ships plain /etc/keys/ima-ca/plain.der "$keys/rogue/ca.der"
	ignored plain.der 'it belongs to a package'
	in_root "$root" dpkg -P plain
	# A name with what dpkg takes for a pattern.
	ships pattern '/etc/keys/ima-ca/a[b]*\?.der' "$keys/rogue/ca.der"
	ignored 'a[b]*\?.der' 'it belongs to a package'
	in_root "$root" dpkg -P pattern
	# Another name of the same folder.
	ln -s ../etc/keys/ima-ca "$root/srv/other"
	ships other /srv/other/other.der "$keys/rogue/ca.der"
	[ -e "$root/etc/keys/ima-ca/other.der" ]
	ignored other.der 'it belongs to a package'
	in_root "$root" dpkg -P other
	# A package's file that another one has diverted to there.
	in_root "$root" dpkg-divert --package someone --no-rename --divert /etc/keys/ima-ca/diverted.der --add /srv/diverted.der
	ships diverted /srv/diverted.der "$keys/rogue/ca.der"
	[ -e "$root/etc/keys/ima-ca/diverted.der" ]
	ignored diverted.der 'it belongs to a package'
	in_root "$root" dpkg -P diverted
	# A conffile that its package has no more.
	mkdir -p "$BATS_TEST_TMPDIR/was/DEBIAN"
	echo /etc/keys/ima-ca/was.der >"$BATS_TEST_TMPDIR/was/DEBIAN/conffiles"
	ships was /etc/keys/ima-ca/was.der "$keys/rogue/ca.der"
	rm "$BATS_TEST_TMPDIR/was/DEBIAN/conffiles" "$BATS_TEST_TMPDIR/was/etc/keys/ima-ca/was.der"
	make_deb "$BATS_TEST_TMPDIR/was" was 2
	cp "$BATS_TEST_TMPDIR/was.deb" "$root/root"
	in_root "$root" dpkg -i /root/was.deb
	[ -e "$root/etc/keys/ima-ca/was.der" ]
	ignored was.der 'it belongs to a package'
	in_root "$root" dpkg -P was
	rm -f "$root/etc/keys/ima-ca/was.der"
	# Links, and what is no file.
	mkdir -p "$root/srv"
	cp "$keys/rogue/ca.der" "$root/srv/linked.der"
	ln -s /srv/linked.der "$root/etc/keys/ima-ca/linked.der"
	ignored linked.der 'no regular file'
	rm "$root/etc/keys/ima-ca/linked.der"
	mkfifo "$root/etc/keys/ima-ca/fifo.der"
	ignored fifo.der 'no regular file'
	rm "$root/etc/keys/ima-ca/fifo.der"
	# And with none of them nothing is said.
	collect
	[ -z "$output" ]
}

@test "for an initramfs: no CA certificate that rpm's database knows" {
	site_files
	cp "$keys/rogue/ca.der" "$root/root/ca.der"
	cat >"$root/root/owned.spec" <<-'END'
		Name: owned
		Version: 1
		Release: 1
		Summary: test
		License: none
		BuildArch: noarch
		%description
		test
		%install
		install -D -m 644 %{certificate} %{buildroot}/etc/keys/ima-ca/rpm.der
		%files
		/etc/keys/ima-ca/rpm.der
	END
	rpmbuild -bb --quiet --define "_topdir $BATS_TEST_TMPDIR/rpm" --define "certificate $keys/rogue/ca.der" \
		"$root/root/owned.spec"
	cp "$BATS_TEST_TMPDIR"/rpm/RPMS/noarch/owned-1-1.noarch.rpm "$root/root/owned.rpm"
	in_root "$root" rpm --force-debian --nodeps -i /root/owned.rpm
	ignored rpm.der 'it belongs to a package'
}

# fake PATH: a program in the root that tells how it was called, in /called.
fake()
{
	printf '#!/bin/sh\necho "${0##*/} $*" >>/called\n' >"$root$1"
	chmod 755 "$root$1"
	: >"$root/called"
}

# called: how it was since the last time; nobody has called it: nothing.
called()
{
	cat "$root/called"
	: >"$root/called"
}

# comes_and_goes NEW: what comes and goes with packages, and is in an initramfs, has all of them made anew, once: called is
# then NEW.
comes_and_goes()
{
	local new=$1
	# The policy, and what is beside it.
	ships policy /etc/ima-init/policy "$root/usr/share/ima-init/policies/exec"
	[ "$(called)" = "$new" ]
	ships settings /etc/ima-init/init.conf "$keys/ima.pem"
	[ "$(called)" = "$new" ]
	# The certificate that the kernel itself looks for; both in one package, once.
	ships kernel /etc/keys/x509_ima.der "$keys/ima.der"
	[ "$(called)" = "$new" ]
	in_root "$root" dpkg -r policy
	[ "$(called)" = "$new" ]
	in_root "$root" dpkg -r settings kernel
	[ "$(called)" = "$new" ]
	mkdir -p "$BATS_TEST_TMPDIR/both/etc/ima-init"
	cp "$root/usr/share/ima-init/policies/exec" "$BATS_TEST_TMPDIR/both/etc/ima-init/policy"
	ships both /etc/keys/x509_ima.der "$keys/ima.der"
	[ "$(called)" = "$new" ]
	# Its new version.
	cp "$root/usr/share/ima-init/policies/all" "$BATS_TEST_TMPDIR/both/etc/ima-init/policy"
	ships both /etc/keys/x509_ima.der "$keys/ima.der"
	[ "$(called)" = "$new" ]
	# A new key is none of it: it stays in the root.
	ships key /etc/keys/ima/key.der "$keys/rogue/ima.der"
	in_root "$root" dpkg -r key
	# Nor is a package's CA certificate, in whatever folder: it is nobody's word.
	ships ca /usr/share/ima-init/ca/ca.der "$keys/ca.der"
	ships owned /etc/keys/ima-ca/owned.der "$keys/rogue/ca.der"
	in_root "$root" dpkg -r owned
	[ -z "$(called)" ]
	# With the administrator's word it is.
	answer "$site"
	upgrade
	[ -n "$(trusted)" ]
	[ "$(called)" = "$new" ]
	in_root "$root" dpkg -r both
	[ "$(called)" = "$new" ]
	in_root "$root" dpkg -r ima-init
	[ "$(called)" = "$new" ]
	# Nobody is left to be told.
	ships both /etc/keys/x509_ima.der "$keys/ima.der"
	[ -z "$(called)" ]
	# Where policy and CA certificate are there already it goes in at once, and else not.
	in_root "$root" dpkg -i /root/ima-init.deb
	[ "$(called)" = "$new" ]
	in_root "$root" dpkg -r both
	in_root "$root" dpkg -P ima-init
	called
	in_root "$root" dpkg -i /root/ima-init.deb
	[ -z "$(called)" ]
}

@test "what an initramfs carries has update-initramfs make those of all kernels anew, once; a new key does not" {
	fake /usr/sbin/update-initramfs
	comes_and_goes 'update-initramfs -u -k all'
}

@test "with dracut, its package is told instead, which makes those of all kernels" {
	local tree=$BATS_TEST_TMPDIR/dracut
	# As Debian's: by a trigger.
	mkdir -p "$tree/DEBIAN"
	echo 'interest-noawait update-initramfs' >"$tree/DEBIAN/triggers"
	printf '#!/bin/sh\n[ "$1" != triggered ] || echo "all by dracut: $2" >>/called\n' >"$tree/DEBIAN/postinst"
	chmod 755 "$tree/DEBIAN/postinst"
	ships dracut /usr/bin/dracut /bin/true
	: >"$root/called"
	comes_and_goes 'all by dracut: update-initramfs'
}

@test "removed and purged it leaves nothing; not from a machine that would not start without it" {
	echo 'root=/dev/vda init=/ima/init quiet' >"$root/root/cmdline"
	# As an older one has left it; in a container there is no state, whatever the command line is.
	mkdir -p "$root/run/pkgima"
	in_root "$root" sh -c 'mount --bind /root/cmdline /proc/cmdline && sh /usr/share/ima-init/removal'
	printf '%s\n' mode=enforce policy=/etc/ima-init/policy >"$root/run/pkgima/state"
	run in_root "$root" sh -c 'mount --bind /root/cmdline /proc/cmdline && dpkg -r ima-init'
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"started with init=/ima/init; without the package it would not start"* ]]
	[ -x "$root/ima/init" ]
	[ "$(in_root "$root" dpkg-query -W -f '${db:Status-Status}' ima-init)" = installed ]
	# Another word, and what is no word of its own.
	echo 'root=/dev/vda rd.init=/ima/init init=/ima/initial' >"$root/root/cmdline"
	in_root "$root" sh -c 'mount --bind /root/cmdline /proc/cmdline && sh /usr/share/ima-init/removal'
	# Within the kernel's image; and in an initramfs that nobody here makes.
	rm -f "$root"/usr/{s,}bin/{update-initramfs,dracut}
	for started in kernel initramfs; do
		printf '%s\n' mode=off policy= "started=$started" >"$root/run/pkgima/state"
		run ! in_root "$root" dpkg -r ima-init
		[[ $output == *"ima-init: this machine's $started has ima-init in it, "*"; without the package it would not start."* ]]
		[ -x "$root/ima/init" ]
		in_root "$root" env PKGIMA=warn sh /usr/share/ima-init/removal
	done
	echo started=root >"$root/run/pkgima/state"
	run ! in_root "$root" dpkg -r ima-init
	[[ $output == *"started with init=/ima/init; without the package it would not start"* ]]
	echo started=initramfs >"$root/run/pkgima/state"
	fake /usr/sbin/update-initramfs
	in_root "$root" dpkg -r ima-init
	in_root "$root" dpkg -P ima-init
	[ ! -e "$root/ima" ]
	[ ! -e "$root/usr/share/ima-init" ]
	[ ! -e "$root/etc/ima-init" ]
	[ -z "$(find "$root/etc/systemd" -name '*ima-init*')" ]
	[ -z "$(in_root "$root" debconf-show ima-init 2>/dev/null)" ]
}
