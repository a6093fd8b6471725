#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# rpm.spec: the source archive, what rpmbuild makes of it, and what these packages do to a root when they come, are upgraded
# and go again. ima-init's boot from its .rpm is tests/kernel/ima-init-rpm.bats.
# shellcheck disable=SC2016 # scripts for other shells

load helpers
load rpm

setup_file()
{
	require root rpmbuild rpm rpm2cpio cpio rpmlint mmdebstrap unshare make evmctl getfattr
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system built version
	make_keys "$keys"
	built=$("$support/build-rpms")
	version=$(sed -n 's/^VERSION := //p' "$TOP/Makefile")
	"$support/base-root" "$system" debconf rpm mount
	mkdir -p "$system"/root/{1,2} "$system"/etc/keys/{ima,ima-ca}
	cp "$built"/1/*.rpm "$system/root/1"
	cp "$built"/2/*.rpm "$system/root/2"
	cp "$keys/ima.der" "$system/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$system/etc/keys/ima-ca/site.der"
}

setup()
{
	root=$BATS_TEST_TMPDIR/root
}

# A root of one's own, in which dracut and systemctl only say how they were called, in /called.
own_root()
{
	local name
	cp -a "$system" "$root"
	for name in dracut systemctl; do
		printf '#!/bin/sh\necho "%s $*" >>/called\n' "$name" >"$root/usr/bin/$name"
		chmod 755 "$root/usr/bin/$name"
	done
	: >"$root/called"
}

# rpm in that root. Its database knows of nothing that dpkg has installed there, and Debian's says what it thinks of that.
rpm_in()
{
	run in_root "$root" bash -o pipefail -c 'rpm "$@" 2>&1 | sed "/^rpm: /d"' bash "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

# called TOOL: how it was since the last time; nobody has called it: nothing.
called()
{
	sed -n "s/^$1 //p" "$root/called"
	sed -i "/^$1 /d" "$root/called"
}

# What is in the root, but for what rpm keeps itself, what the tests have put there, and the folder of licences, which
# belongs to no package here and does to one of a distribution's.
everything_in()
{
	(cd "$root" && find . -path ./proc -prune -o ! -path './var/lib/rpm*' ! -path './root*' ! -path ./called \
		! -path './tmp*' ! -path './run*' ! -path './var/tmp*' ! -path ./usr/share/licenses -print | sort)
}

@test "make dist: the same bytes from the tree, and from what was unpacked, by whoever with whatever umask" {
	local archive=$built/pkgima-$version.tar.gz tree=$BATS_TEST_TMPDIR/pkgima-$version
	tar -C "$BATS_TEST_TMPDIR" -xzf "$archive"
	[ -f "$tree/rpm.spec" ]
	[ -x "$tree/tests/run-one" ]
	(cd "$tree" && umask 077 && make -s dist O=elsewhere)
	cmp "$archive" "$tree/elsewhere/pkgima-$version.tar.gz"
	# What was built does not go in, also where git does not say so.
	(cd "$tree" && find . -type f -exec touch -d 2001-01-01 {} + && chmod -R go-rwx . && make -s dist O=elsewhere)
	cmp "$archive" "$tree/elsewhere/pkgima-$version.tar.gz"
	# A file more, and it is another one.
	touch "$tree/more"
	(cd "$tree" && make -s dist O=elsewhere)
	run ! cmp -s "$archive" "$tree/elsewhere/pkgima-$version.tar.gz"
}

@test "the versions of Makefile, rpm.spec and debian/changelog are the same; every package has it" {
	[ "$(sed -n 's/^Version: *//p' "$TOP/rpm.spec")" = "$version" ]
	[ "$(sed -n '1s/.*(\(.*\)).*/\1/p' "$TOP/debian/changelog")" = "$version" ]
	[ "$(query '%{NAME} %{VERSION} %{RELEASE} %{LICENSE}\n' "$built"/1/*.rpm)" = "$(
		for name in ima-init pkgima rpm-plugin-pkgima; do
			echo "$name $version 1 LGPL-2.1-or-later"
		done
	)" ]
	query '%{SOURCERPM}\n' "$built"/1/*.rpm | sort -u | grep -qx "pkgima-$version-1.src.rpm"
	[ -e "$built/pkgima-$version-1.src.rpm" ]
	# %check has run, with the one program that build-rpms asks for.
	grep -q '^Files=1,' "$built/log-1"
	grep -qx 'Result: PASS' "$built/log-1"
}

@test "rpmlint has nothing to say but what rpm.rpmlintrc has a reason for" {
	run rpmlint -r "$TOP/rpm.rpmlintrc" "$TOP/rpm.spec" "$built"/*.rpm
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *" 0 errors, 0 warnings"* ]]
}

# "MODE PATH" of all regular files, and of what no other package will make.
listed()
{
	query '[%{FILEMODES:perms} %{FILENAMES}\n]' "$@" | grep -E '^-' |
		grep -vE ' /usr/(share/(doc|licenses)|lib/\.build-id|lib/systemd/system-preset)/' | sort -k 2
}

@test "what is in the packages is what make installs, with its modes, but for what is Debian's only" {
	local made=$BATS_TEST_TMPDIR/made unpacked=$BATS_TEST_TMPDIR/unpacked path
	make -s -C "$TOP" O="${PKGIMA_BUILD:-$TOP/build}" install-command install-plugin install-init DESTDIR="$made" prefix=/usr \
		libexecdir=/usr/libexec systemunitdir=/usr/lib/systemd/system \
		zshcompletionsdir=/usr/share/zsh/site-functions >/dev/null
	rm -r "$made/usr/share/initramfs-tools"
	diff <(listed "$built"/1/*.rpm) <(cd "$made" && find . -type f -printf '%M %p\n' | sed 's/ \./ /' | sort -k 2)
	[ "$(listed "$built"/1/*.rpm | wc -l)" -gt 25 ]
	# And what is no program has the same bytes.
	mkdir "$unpacked"
	for path in "$built"/1/*.rpm; do
		(cd "$unpacked" && rpm2cpio "$path" | cpio -idm --quiet)
	done
	while read -r _ path; do
		case $path in
		/ima/* | */pkgima.so | /usr/bin/pkgima) [ "$(head -c 4 "$unpacked$path" | tail -c 3)" = ELF ] ;;
		*) cmp "$made$path" "$unpacked$path" ;;
		esac
	done < <(listed "$built"/1/*.rpm)
	# dpkg's side is neither built nor there.
	run ! grep -E 'dpkg-ima' <(listed "$built"/1/*.rpm)
	run ! grep -E 'dpkg-hook' "$built/log-1"
}

@test "the places are rpm's: plugin, macros, licences; nothing is %config, and no certificate or policy is in force" {
	listed "$built/1/rpm-plugin-pkgima.rpm" | grep -qF " $(rpm --eval '%{__plugindir}')/pkgima.so"
	listed "$built/1/rpm-plugin-pkgima.rpm" | grep -qF " $(rpm --eval '%{_rpmconfigdir}')/macros.d/macros.transaction_pkgima"
	listed "$built/1/pkgima.rpm" | grep -qF " $(rpm --eval '%{_rpmconfigdir}')/macros.d/macros.pkgima"
	for package in "$built"/1/*.rpm; do
		[ -z "$(rpm "${rpm_options[@]}" -qp --configfiles "$package")" ]
		rpm "${rpm_options[@]}" -qp --licensefiles "$package" | grep -q '/LICENSE$'
	done
	run ! grep -E '\.der$|/etc/ima/|/etc/ima-init/.' < <(rpm "${rpm_options[@]}" -qpl "$built"/1/*.rpm)
	# What it was built for is what it asks for.
	query '[%{REQUIRENAME} %{REQUIREVERSION}\n]' "$built/1/rpm-plugin-pkgima.rpm" |
		grep -qE "^rpm-libs.* $(pkg-config --modversion rpm | cut -d. -f1,2)$"
}

@test "without the C tests and without ima-init it builds, too" {
	run rpmspec -q --without ima_init --without check --define "_dbpath $BATS_TEST_TMPDIR/db" \
		--qf '%{NAME} [%{REQUIRENAME} ]\n' "$TOP/rpm.spec"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *ima-init* ]]
	run ! grep -E '%check|check-programs|ima-probe|install-init' < <(rpmspec -P --without ima_init --without check "$TOP/rpm.spec" |
		sed '/^%changelog/,$d')
	grep -q ' check-programs$' < <(rpmspec -P "$TOP/rpm.spec")
	# Where the interface is one that no header tells.
	grep -q ' RPM_PLUGIN_ABI=fd' < <(rpmspec -P --define 'rhel 9' "$TOP/rpm.spec")
	run ! grep RPM_PLUGIN_ABI < <(rpmspec -P --define 'rhel 10' "$TOP/rpm.spec")
}

@test "installed, upgraded and erased: each works, and nothing is left" {
	own_root
	everything_in >"$BATS_TEST_TMPDIR/before"
	rpm_in -i --nodeps /root/1/pkgima.rpm /root/1/rpm-plugin-pkgima.rpm /root/1/ima-init.rpm
	[ "$(in_root "$root" pkgima --version)" = "pkgima $version" ]
	run -0 in_root "$root" rpm -V --nodeps pkgima rpm-plugin-pkgima ima-init
	[ -z "$output" ]
	everything_in >"$BATS_TEST_TMPDIR/installed"
	[ "$(stat -c %a:%u:%g "$root/ima" "$root/ima/init" "$root/etc/keys/ima" | tr '\n' ' ')" = '755:0:0 755:0:0 755:0:0 ' ]
	rpm_in -U --nodeps /root/2/pkgima.rpm /root/2/rpm-plugin-pkgima.rpm /root/2/ima-init.rpm
	[ "$(in_root "$root" rpm -q --qf '%{RELEASE} ' pkgima rpm-plugin-pkgima ima-init)" = '1.2 1.2 1.2 ' ]
	# Those of build ids carry what changes with each build.
	diff <(grep -v /.build-id/ "$BATS_TEST_TMPDIR/installed") <(everything_in | grep -v /.build-id/)
	rpm_in -e pkgima rpm-plugin-pkgima ima-init
	diff "$BATS_TEST_TMPDIR/before" <(everything_in)
	[ -z "$(ls -A "$root/var/lib/rpm-state" 2>/dev/null)" ]
	rpm_in -i --nodeps --test /root/1/pkgima.rpm
	[[ $output != *pkgima.so* ]]
}

@test "rpm-plugin-pkgima: rpm, told nothing, loads it, verifies and sets signatures, and refuses; gone, rpm goes on without" {
	local file
	own_root
	"$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" --out "$root/root/signed" "$built/1/pkgima.rpm" >/dev/null
	rpm_in -i --nodeps /root/1/rpm-plugin-pkgima.rpm
	rpm_in -i --nodeps /root/signed/pkgima.rpm
	[[ $output == *"pkgima: 1 of 1 packages are signed, "*" signatures verified, none refused"* ]]
	for file in usr/bin/pkgima usr/share/man/man1/pkgima.1 usr/lib/rpm/macros.d/macros.pkgima; do
		evm_accepts "$keys/ima.der" "$root/$file"
	done
	rpm_in -e pkgima
	printf '[install]\nunsigned=refuse\n' >"$root/etc/pkgima.conf"
	run ! in_root "$root" rpm -i --nodeps /root/1/pkgima.rpm
	[[ $output == *"error: pkgima: "*"refused, since unsigned=refuse"* ]]
	[ ! -e "$root/usr/bin/pkgima" ]
	# Its own upgrade, by itself as it was loaded.
	"$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" --out "$root/root/signed" "$built/2/rpm-plugin-pkgima.rpm" \
		>/dev/null
	rpm_in -U --nodeps /root/signed/rpm-plugin-pkgima.rpm
	[[ $output == *"pkgima: 1 of 1 packages are signed"* ]]
	evm_accepts "$keys/ima.der" "$root$(rpm --eval '%{__plugindir}')/pkgima.so"
	rpm_in -e rpm-plugin-pkgima
	rpm_in -i --nodeps /root/1/pkgima.rpm
	[ -z "$output" ]
}

# site_rpm [LINE...]: a package of a site's, with a policy.
site_rpm()
{
	{
		write_spec site 1
		cat <<-END
			%install
			install -D -m 644 $TOP/pkg-ima-init/policies/exec %{buildroot}/etc/ima-init/policy
			%files
			/etc/ima-init/policy
		END
	} >"$BATS_TEST_TMPDIR/site.spec"
	cp "$(build_rpm "$BATS_TEST_TMPDIR/site.spec" | grep -v '\.src\.rpm$')" "$root/root/site.rpm"
}

# A package that brings a certificate.
key_rpm()
{
	{
		write_spec key 1
		cat <<-END
			%install
			install -D -m 644 $keys/rogue/ima.der %{buildroot}/etc/keys/ima/key.der
			%files
			/etc/keys/ima/key.der
		END
	} >"$BATS_TEST_TMPDIR/key.spec"
	build_rpm "$BATS_TEST_TMPDIR/key.spec" | grep -v '\.src\.rpm$'
}

@test "ima-init: installed alone it changes no boot; what its initramfs carries, and its own end, make dracut do all kernels" {
	local all='--force --regenerate-all'
	own_root
	site_rpm
	rpm_in -i --nodeps /root/1/ima-init.rpm
	[ -z "$(called dracut)" ]
	[ "$(called systemctl)" = '--no-reload preset ima-init-keys.path' ]
	[ "$(cat "$root/usr/lib/systemd/system-preset/85-ima-init.preset")" = 'enable ima-init-keys.path' ]
	[[ $output == *"not in the initramfs: there is no /etc/ima-init/policy"* ]]
	# A policy comes; the administrator's CA certificate is there already.
	rpm_in -i --nodeps /root/site.rpm
	[ "$(called dracut)" = "$all" ]
	rpm_in -U --replacepkgs --nodeps /root/site.rpm
	[ "$(called dracut)" = "$all" ]
	rpm_in -U --nodeps /root/2/ima-init.rpm
	[ "$(called dracut)" = "$all" ]
	[ -z "$(called systemctl)" ]
	# What it does not carry: a new key needs no new initramfs.
	cp "$(key_rpm)" "$root/root/key.rpm"
	rpm_in -i --nodeps /root/1/pkgima.rpm /root/key.rpm
	[ -z "$(called dracut)" ]
	rpm_in -e site
	[ "$(called dracut)" = "$all" ]
	rpm_in -e ima-init
	[ "$(called dracut)" = "$all" ]
	[ "$(called systemctl)" = '--no-reload disable --now ima-init-keys.path' ]
	# On a machine that waits for nothing but the package it goes in at once.
	rpm_in -i --nodeps /root/site.rpm
	[ -z "$(called dracut)" ]
	rpm_in -i --nodeps /root/1/ima-init.rpm
	[ "$(called dracut)" = "$all" ]
}

@test "ima-init: a dracut that fails, or none, fails no installation; in a run of --root nothing of this machine is asked" {
	own_root
	site_rpm
	printf '#!/bin/sh\nexit 1\n' >"$root/usr/bin/dracut"
	rpm_in -i --nodeps /root/1/ima-init.rpm /root/site.rpm
	[[ $output == *"dracut has not made all initramfs"* ]]
	rpm_in -e ima-init
	[[ $output == *"dracut has not made all initramfs"* ]]
	rm "$root"/usr/bin/{dracut,systemctl}
	run -0 unshare --mount --pid --fork --kill-child rpm --root="$root" --define '_dbpath /var/lib/rpm' -i --nodeps \
		--noplugins "$built/1/ima-init.rpm"
	[ -x "$root/ima/init" ]
	run -0 unshare --mount --pid --fork --kill-child rpm --root="$root" --define '_dbpath /var/lib/rpm' --noplugins -e ima-init
	[ ! -e "$root/ima" ]
}

# As pkgima enforce makes them.
link_boot_entries()
{
	mkdir -p "$root/etc/grub.d" "$root/etc/kernel/install.d"
	ln -s /usr/share/ima-init/boot/grub "$root/etc/grub.d/42_ima-init"
	ln -s /usr/share/ima-init/boot/kernel-install "$root/etc/kernel/install.d/95-ima-init.install"
}

# They are, and the folders are empty.
boot_entries_are_gone()
{
	rmdir "$root/etc/grub.d" "$root/etc/kernel/install.d"
}

# It is not erased from a machine that is started with init=/ima/init.
stays_where_it_starts_the_machine()
{
	echo 'root=/dev/vda init=/ima/init quiet' >"$root/root/cmdline"
	mkdir -p "$root/run/pkgima"
	echo mode=enforce >"$root/run/pkgima/state"
	run ! in_root "$root" sh -c 'mount --bind /root/cmdline /proc/cmdline && rpm -e ima-init'
	[[ $output == *"without the package it would not start"* ]]
	[ -x "$root/ima/init" ]
	in_root "$root" rpm -q ima-init
	echo started=kernel >"$root/run/pkgima/state"
	run ! in_root "$root" rpm -e ima-init
	[[ $output == *"without the package it would not start"* ]]
	in_root "$root" rpm -q ima-init
	rm -r "$root/run/pkgima"
}

@test "ima-init stays where the machine would not start without it, unless it is said twice" {
	own_root
	rpm_in -i --nodeps /root/1/ima-init.rpm
	stays_where_it_starts_the_machine
	mkdir -p "$root/run/pkgima"
	echo mode=enforce >"$root/run/pkgima/state"
	# An upgrade is no removal.
	run -0 in_root "$root" sh -c 'mount --bind /root/cmdline /proc/cmdline && rpm -U --nodeps /root/2/ima-init.rpm'
	run -0 in_root "$root" sh -c 'mount --bind /root/cmdline /proc/cmdline && PKGIMA=warn rpm -e ima-init'
	[ ! -e "$root/ima" ]
}

# site_init FROM NAME [OPTION...]: a site's ima-init from the one that is installed in the root FROM; $root/root/NAME.rpm.
site_init()
{
	local out=$BATS_TEST_TMPDIR/out-$2
	"$PKGIMA" mkinit --root "$1" --ca-cert "$keys/ca.pem" --cert "$keys/ima.pem" --key "$keys/ima.key" \
		--policy "$TOP/pkg-ima-init/policies/exec" --out "$out" "${@:3}"
	cp "$out"/*.rpm "$root/root/$2.rpm"
}

@test "a site's ima-init from that of dpkg: its .rpm does what the scripts of the .deb do, and leaves nothing" {
	local all='--force --regenerate-all' from=$BATS_TEST_TMPDIR/from
	cp -a "$system" "$from"
	cp "$("$support/build-packages")"/ima-init_*.deb "$from/root/ima-init.deb"
	in_root "$from" dpkg -i /root/ima-init.deb
	own_root
	rm -r "$root/etc/keys"
	# As the others: it says how it was called.
	sed 's/dracut/pkgima/' "$root/usr/bin/dracut" >"$root/usr/bin/pkgima"
	chmod 755 "$root/usr/bin/pkgima"
	site_init "$from" site1
	site_init "$from" site2 --revision 2
	everything_in >"$BATS_TEST_TMPDIR/before"
	rpm_in -i --nodeps /root/site1.rpm
	[ "$(called dracut)" = "$all" ]
	[ "$(called pkgima)" = 'keys load' ]
	[ "$(called systemctl)" = '--no-reload enable ima-init-keys.path' ]
	run -0 in_root "$root" rpm -V --nodeps ima-init
	[ -z "$output" ]
	cmp "$root/ima/init" "$from/ima/init"
	cmp "$root/etc/ima-init/policy" "$TOP/pkg-ima-init/policies/exec"
	[ -d "$root/usr/lib/dracut/modules.d/95ima-init" ]
	everything_in >"$BATS_TEST_TMPDIR/installed"
	link_boot_entries
	rpm_in -U --nodeps /root/site2.rpm
	[ "$(in_root "$root" rpm -q --qf '%{EPOCH}:%{VERSION}' ima-init)" = "1:$version+site2" ]
	[ "$(called dracut)" = "$all" ]
	[ "$(called pkgima)" = 'keys load' ]
	[ -z "$(called systemctl)" ]
	diff "$BATS_TEST_TMPDIR/installed" <(everything_in | grep -vE '^\./etc/(grub\.d|kernel/install\.d)(/|$)')
	[ -L "$root/etc/grub.d/42_ima-init" ]
	stays_where_it_starts_the_machine
	[ -z "$(cat "$root/called")" ]
	rpm_in -e ima-init
	[ "$(called dracut)" = "$all" ]
	[ -z "$(called pkgima)" ]
	[ "$(called systemctl)" = '--no-reload disable --now ima-init-keys.path' ]
	boot_entries_are_gone
	diff "$BATS_TEST_TMPDIR/before" <(everything_in)
	# With tools that fail, and without any.
	printf '#!/bin/sh\nexit 1\n' | tee "$root"/usr/bin/{pkgima,dracut} >"$root/usr/bin/systemctl"
	rpm_in -i --nodeps /root/site1.rpm
	[[ $output != *scriptlet* ]]
	rpm_in -e ima-init
	[[ $output != *scriptlet* ]]
	rm "$root"/usr/bin/{pkgima,dracut,systemctl}
	rpm_in -i --nodeps /root/site1.rpm
	[ -z "$output" ]
	rpm_in -e ima-init
	[ -z "$output" ]
}

@test "a site's ima-init from that of rpm: it comes over it as an upgrade, with scriptlets and triggers, and leaves nothing" {
	local all='--force --regenerate-all' section
	own_root
	rm -r "$root/etc/keys/ima"
	everything_in >"$BATS_TEST_TMPDIR/before"
	rpm_in -i --nodeps /root/1/ima-init.rpm
	[ -z "$(called dracut)" ]
	called systemctl
	site_init "$root" site1
	site_init "$root" site2 --revision 2
	for section in --scripts --filetriggers; do
		diff <(in_root "$root" rpm -q $section ima-init) \
			<(rpm "${rpm_options[@]}" -qp --nosignature $section "$root/root/site1.rpm")
	done
	rpm_in -U --nodeps /root/site1.rpm
	[ "$(called dracut)" = "$all" ]
	[ -z "$(called systemctl)" ]
	[ "$(in_root "$root" rpm -q --qf '%{EPOCH}:%{VERSION}-%{RELEASE}\n' ima-init)" = "1:$version-1+site1" ]
	run -0 in_root "$root" rpm -V --nodeps ima-init
	[ -z "$output" ]
	cmp "$root/etc/ima-init/policy" "$TOP/pkg-ima-init/policies/exec"
	link_boot_entries
	rpm_in -U --nodeps /root/site2.rpm
	[ "$(called dracut)" = "$all" ]
	# A key's package is no business of its triggers.
	cp "$(key_rpm)" "$root/root/key.rpm"
	rpm_in -i --nodeps /root/key.rpm
	[ -z "$(called dracut)" ]
	stays_where_it_starts_the_machine
	rpm_in -e key
	[ -z "$(called dracut)" ]
	rpm_in -e ima-init
	[ "$(called dracut)" = "$all" ]
	[ "$(called systemctl)" = '--no-reload disable --now ima-init-keys.path' ]
	boot_entries_are_gone
	diff "$BATS_TEST_TMPDIR/before" <(everything_in)
	[ -z "$(ls -A "$root/var/lib/rpm-state" 2>/dev/null)" ]
	# At once, where the administrator's word is there.
	rpm_in -i --nodeps /root/site2.rpm
	[ "$(called dracut)" = "$all" ]
}
