#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The plugin for rpm, as it was just built, in scratch roots: what it writes, what it refuses, what it leaves alone. The
# judges are rpm, getfattr and evmctl.

load helpers
load rpm

# Shared: $mix, a signed package of 6,000 files and whatever else a package may have; $small, signed, in two versions.
setup_file()
{
	require root rpmbuild rpm gcc pkg-config evmctl getfattr setfattr getcap strace
	# For fetch-debs, which looks below $HOME.
	export PKGIMA_CACHE=${PKGIMA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pkgima}
	export keys=$BATS_FILE_TMPDIR/keys plugins=$BATS_FILE_TMPDIR/plugins HOME=$BATS_FILE_TMPDIR/home
	export packages=$BATS_FILE_TMPDIR/packages edit=$BATS_FILE_TMPDIR/rpm-edit
	mkdir "$plugins" "$HOME" "$packages"
	cp "${PKGIMA_BUILD:-$TOP/build}/pkgima.so" "$plugins"
	make_keys "$keys"
	# shellcheck disable=SC2046 # flags
	gcc -std=gnu11 -D_GNU_SOURCE -o "$edit" "$support/rpm-edit.c" $(pkg-config --cflags --libs rpm)
	make_mix
	make_small 1 >"$BATS_FILE_TMPDIR/small-1.spec"
	make_small 2 >"$BATS_FILE_TMPDIR/small-2.spec"
	keep small-1 "$BATS_FILE_TMPDIR/small-1.spec"
	keep small-2 "$BATS_FILE_TMPDIR/small-2.spec"
	cp -r "$packages" "$BATS_FILE_TMPDIR/unsigned"
	sign --in-place "$packages" >/dev/null
}

# keep NAME SPEC: built, as $packages/NAME.rpm.
keep()
{
	cp "$(build_rpm "${@:2}" | grep -v '\.src\.rpm$')" "$packages/$1.rpm"
}

make_mix()
{
	{
		write_spec mix 1
		cat <<-'END'
			%install
			mkdir -p %{buildroot}/usr/bin %{buildroot}/etc/cron.daily %{buildroot}/usr/lib/mix %{buildroot}/usr/share/mix
			printf '#!/bin/sh\necho mix\n' >%{buildroot}/usr/bin/mix
			cp /bin/true %{buildroot}/usr/bin/capable
			cp /bin/false %{buildroot}/usr/bin/private
			cp %{_libdir}/libz.so.1 %{buildroot}/usr/lib/mix/libmix.so.1
			for i in 2 3 4; do ln %{buildroot}/usr/bin/mix %{buildroot}/usr/bin/mix-$i; done
			ln -s mix %{buildroot}/usr/bin/mix-link
			echo setting >%{buildroot}/etc/mix.conf
			printf '#!/bin/sh\n' >%{buildroot}/etc/cron.daily/mix
			: >%{buildroot}/usr/share/mix/empty
			echo text >'%{buildroot}/usr/share/mix/with space'
			for i in $(seq 6000); do echo $i >%{buildroot}/usr/share/mix/$i; done
			%files
			%attr(755,root,root) /usr/bin/mix
			%attr(755,root,root) /usr/bin/mix-2
			%attr(755,root,root) /usr/bin/mix-3
			%attr(755,root,root) /usr/bin/mix-4
			/usr/bin/mix-link
			%attr(4755,root,root) %caps(cap_net_raw=p) /usr/bin/capable
			%attr(700,root,root) /usr/bin/private
			%attr(644,root,root) /usr/lib/mix/libmix.so.1
			%config(noreplace) %attr(644,root,root) /etc/mix.conf
			%config %attr(755,root,root) /etc/cron.daily/mix
			%dir /usr/share/mix
			/usr/share/mix/*
			%ghost /var/log/mix.log
		END
	} >"$BATS_FILE_TMPDIR/mix.spec"
	keep mix "$BATS_FILE_TMPDIR/mix.spec" --define "_libdir /lib/$(gcc -print-multiarch)"
}

make_small()
{
	write_spec small "$1"
	cat <<-END
		%pre -p <lua>
		io.open("/small-pre", "w"):close()
		%install
		mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/small %{buildroot}/etc
		printf '#!/bin/sh\necho $1\n' >%{buildroot}/usr/bin/small
		printf '#!/bin/sh\necho $1\n' >%{buildroot}/usr/share/small/script
		echo $1 >%{buildroot}/usr/share/small/text
		echo same >%{buildroot}/usr/share/small/same
		echo $1 >%{buildroot}/etc/small.conf
		%files
		%attr(755,root,root) /usr/bin/small
		%attr(644,root,root) /usr/share/small/*
		%config(noreplace) %attr(644,root,root) /etc/small.conf
	END
}

setup()
{
	cd "$BATS_TEST_TMPDIR" || return 1
	# In memory: rpm waits for the disk after each package.
	mount -t tmpfs none .
	cd "$BATS_TEST_TMPDIR"
	root=$BATS_TEST_TMPDIR/root
	new_root "$root"
}

teardown()
{
	[ -z "${mounted-}" ] || umount "$mounted"
	cd /
	umount "$BATS_TEST_TMPDIR"
}

# new_root DIR: empty, but that it trusts $keys.
new_root()
{
	mkdir -p "$1/etc/keys/ima" "$1/etc/keys/ima-ca" "$1/run/pkgima" "$1/tmp"
	cp "$keys/ima.der" "$1/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$1/etc/keys/ima-ca/site.der"
}

# Where rpm's plugins are looked for is all that is said otherwise; the name of our macro is that of the installed one.
our_plugin=(--define "__plugindir $BATS_FILE_TMPDIR/plugins" --load "$TOP/rpm-plugin/macros.transaction_pkgima")

# rpm_in_root ARGUMENT...: rpm on $root, with our plugin.
rpm_in_root()
{
	rpm --root "$root" --dbpath /var/lib/rpm "${our_plugin[@]}" --force-debian --nodeps --nosignature "$@"
}

settings()
{
	printf '%s\n' "$@" >"$root/etc/pkgima.conf"
}

enforcing()
{
	echo mode=enforce >"$root/run/pkgima/state"
}

# Every security.ima in $root, "HEX PATH" a line; but for the trust store, where the test put things.
values_in_root()
{
	getfattr -R -h --absolute-names -n security.ima -e hex "$root" 2>/dev/null |
		awk -v root="$root" '
			sub(/^# file: /, "") { path = substr($0, length(root) + 1); gsub(/\\040/, " ", path) }
			sub(/^security.ima=0x/, "") { print $0, path }' | sort
}

# expected_of PACKAGE...: what there should be, by the header as rpm reads it: regular files (0100000) but for ghosts (64),
# and configuration (1) only with an x bit.
expected_of()
{
	query '[%{FILEFLAGS:hex} %{FILEMODES} %{FILESIGNATURES} %{FILENAMES}\n]' "$@" |
		while read -r flags mode hex path; do
			((mode >> 12 == 8)) || continue
			(((0x$flags & 64) == 0)) || continue
			(((0x$flags & 1) == 0 || (mode & 0111) != 0)) || continue
			echo "$hex $path"
		done | sort
}

# Everything in $root that has a signature is accepted by evmctl with this certificate; there are COUNT of them.
evm_accepts_in_root() # CERTIFICATE COUNT
{
	values_in_root | sed "s|^[^ ]* |$root|" | tr '\n' '\0' >files
	xargs -0 evmctl ima_verify --key "$1" <files >verified 2>&1
	[ "$(grep -c 'verification is OK$' verified)" -eq "$2" ]
}

nothing_installed()
{
	[ -z "$(rpm --root "$root" --dbpath /var/lib/rpm -qa)" ]
	[ ! -e "$root/usr" ]
	[ ! -e "$root/small-pre" ]
}

@test "6,000 files, hard links, configuration, ghosts, symbolic links, capabilities: each value is the header's" {
	run -0 rpm_in_root -i "$packages/mix.rpm"
	[ "$output" = "$(printf '%s\n' \
		'pkgima: 1 of 1 packages are signed, 6011 signatures verified, none refused' \
		'pkgima: 6007 files signed, 1 left out (/etc/pkgima.conf)')" ]
	expected_of "$packages/mix.rpm" >expected
	[ "$(wc -l <expected)" -eq 6010 ]
	diff expected <(values_in_root)
	evm_accepts_in_root "$keys/ima.der" 6010
	[ "$(stat -c %h "$root/usr/bin/mix")" -eq 4 ]
	[ "$(stat -c %a "$root/usr/bin/capable")" = 4755 ]
	getcap "$root/usr/bin/capable" | grep -q cap_net_raw
	[ -z "$(ima_of "$root/etc/mix.conf")" ]
	[ -n "$(ima_of "$root/etc/cron.daily/mix")" ]
	# rpm finds nothing changed, and what it removes is gone.
	rpm --root "$root" --dbpath /var/lib/rpm -V --nodeps mix
	run -0 rpm_in_root -e mix
	[ -z "$output" ]
	[ ! -e "$root/usr/bin/mix" ]
	[ ! -e "$root/usr/share/mix" ]
}

@test "upgrade: new signatures; an edited configuration stays unsigned, and so does what is put beside it" {
	rpm_in_root -i "$packages/small-1.rpm"
	echo edited >"$root/etc/small.conf"
	run -0 rpm_in_root -U "$packages/small-2.rpm"
	[[ $output == *"/etc/small.conf.rpmnew"* ]]
	diff <(expected_of "$packages/small-2.rpm") <(values_in_root)
	evm_accepts_in_root "$keys/ima.der" 4
	[ "$(cat "$root/etc/small.conf")" = edited ]
	[ -e "$root/etc/small.conf.rpmnew" ]
	# And back, with conffiles=yes: the new version is a file like others, the edited one is not.
	settings '[apply]' 'conffiles=yes'
	rpm_in_root -U --oldpackage "$packages/small-1.rpm"
	[ "$(ima_of "$root/etc/small.conf.rpmnew")" = "$(signatures_of "$packages/small-1.rpm" |
		sed -n 's| /etc/small.conf$||p')" ]
	[ -z "$(ima_of "$root/etc/small.conf")" ]
	evm_accepts_in_root "$keys/ima.der" 5
}

@test "packages of the archive, made into .rpm by alien" {
	require alien
	local deb name
	for deb in $("$support/fetch-debs" coreutils iputils-ping perl-base hello); do
		cp "$(from_deb "$deb")" .
	done
	sign --in-place ./*.rpm >/dev/null
	settings '[install]' 'unsigned=refuse' 'untrusted=refuse'
	# alien knows nothing of the folders that packages share.
	run -0 rpm_in_root -i --replacefiles --noscripts ./*.rpm
	[[ $output == *"pkgima: 4 of 4 packages are signed, "*", none refused"* ]]
	expected_of ./*.rpm | sort -u >expected
	[ "$(wc -l <expected)" -gt 500 ]
	diff expected <(values_in_root)
	evm_accepts_in_root "$keys/ima.der" "$(wc -l <expected)"
	for name in coreutils iputils-ping perl-base hello; do
		rpm --root "$root" --dbpath /var/lib/rpm -q "$name"
	done
}

@test "P-256, RSA-4096 and packages of many: signatures of other lengths" {
	"$PKGIMA" keygen --type ima --algo p256 --name EC --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out ec
	"$PKGIMA" keygen --type ima --algo rsa4096 --name R --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out rsa
	cp ec/ima.der "$root/etc/keys/ima/ec.der"
	cp rsa/ima.der "$root/etc/keys/ima/rsa.der"
	"$PKGIMA" sign --key ec/ima.key --cert ec/ima.der --out ec-signed "$packages/small-1.rpm"
	"$PKGIMA" sign --key rsa/ima.key --cert rsa/ima.der --hash sha256 --out rsa-signed "$packages/small-2.rpm"
	rpm_in_root -i ec-signed/small-1.rpm
	diff <(expected_of ec-signed/small-1.rpm) <(values_in_root)
	evm_accepts_in_root ec/ima.der 4
	rpm_in_root -U rsa-signed/small-2.rpm
	diff <(expected_of rsa-signed/small-2.rpm) <(values_in_root)
	evm_accepts_in_root rsa/ima.der 4
}

# One line for each file of a package, its signature in hexadecimal or none.
lines_of()
{
	query '[%{FILESIGNATURES}\n]' "$1"
}

# flawed NAME HOW: a copy of small-1 as NAME.rpm with a fault. /usr/bin/small is its second file.
flawed()
{
	local list=$1.list
	cp "$packages/small-1.rpm" "$1.rpm"
	lines_of "$1.rpm" >"$list"
	case $2 in
	stripped) cp "$BATS_FILE_TMPDIR/unsigned/small-1.rpm" "$1.rpm" ;;
	rogue) "$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --in-place "$1.rpm" ;;
	corrupt) sed -i '2{s/0$/1/;t;s/.$/0/}' "$list" ;;
	partial) sed -i '2s/.*//' "$list" ;;
	short) sed -i '2s/^\(.\{40\}\).*/\1/' "$list" ;;
	count) sed -i '$d' "$list" ;;
	odd) sed -i '2s/.$//' "$list" ;;
	no-hex) sed -i '2s/^..../zzzz/' "$list" ;;
	esac
	[[ $2 == @(stripped|rogue) ]] || "$edit" "$1.rpm" 265 <"$list"
}

# What is wrong, what the settings say against it, and what is said.
@test "refused, with nothing done, under --test and for real: stripped, corrupt, unknown key, partial; installed with warn" {
	id=$(openssl x509 -inform DER -in "$keys/rogue/ima.der" -noout -ext subjectKeyIdentifier | tail -n 1 |
		tr -d ' :\n' | tail -c 8 | tr A-F a-f)
	while read -r how setting what; do
		rm -rf "$root" flawed.rpm
		new_root "$root"
		flawed flawed "$how"
		for option in --test ''; do
			settings '[install]' "$setting=refuse"
			# shellcheck disable=SC2086 # none, or one word
			run ! rpm_in_root -i $option "$packages/mix.rpm" flawed.rpm
			echo "$how: $output"
			[[ $output == *"warning: pkgima: small-1-1."*": ${what//KEYID/$id}"* ]]
			[[ $output == *"error: pkgima: small-1-1."*": refused, since $setting=refuse"* ]]
			[[ $output == *"error: pkgima: the run is refused because of 1 package; nothing was changed"* ]]
			nothing_installed
			# An override, which says so.
			[ -z "$option" ] || PKGIMA=warn rpm_in_root -i --test flawed.rpm
		done
		settings '[install]' "$setting=warn"
		run -0 rpm_in_root -i flawed.rpm
		echo "$how: $output"
		[[ $output == *"warning: pkgima: small-1-1."*": ${what//KEYID/$id}"* ]]
		[ -e "$root/usr/bin/small" ]
		[ -z "$(ima_of "$root/usr/bin/small")" ]
		[ -e "$root/small-pre" ]
	done <<-END
		stripped unsigned unsigned: it has no file signatures, or none that rpm takes
		rogue untrusted /usr/bin/small: unknown-key: key id KEYID
		corrupt untrusted /usr/bin/small: bad-signature: 
		partial unsigned /usr/bin/small: unsigned: 
		short untrusted /usr/bin/small: bad-signature: 
		count unsigned unsigned: it has no file signatures, or none that rpm takes
		odd unsigned unsigned: it has no file signatures, or none that rpm takes
		no-hex untrusted /usr/bin/small: bad-signature: 
	END
}

@test "unsigned packages on a machine that says nothing of them: installed, and one line" {
	run -0 rpm_in_root -i "$BATS_FILE_TMPDIR/unsigned/small-1.rpm"
	[ "$output" = "pkgima: 0 of 1 packages are signed, 0 signatures verified, none refused" ]
	[ -z "$(values_in_root)" ]
}

@test "a machine that enforces refuses whatever the settings say; PKGIMA=warn overrides, and is logged" {
	settings '[install]' 'unsigned=allow' 'untrusted=warn'
	enforcing
	run ! rpm_in_root -i "$BATS_FILE_TMPDIR/unsigned/small-1.rpm"
	[[ $output == *": refused, since this system enforces signatures"* ]]
	nothing_installed
	flawed rogue rogue
	run ! rpm_in_root -i rogue.rpm
	nothing_installed
	run -0 env PKGIMA=warn strace -f -e trace=sendto,sendmsg,connect -s 300 -o trace \
		rpm --root "$root" --dbpath /var/lib/rpm "${our_plugin[@]}" --force-debian --nodeps -i rogue.rpm
	[[ $output == *"would be refused, since this system enforces signatures; PKGIMA=warn overrides it"* ]]
	# There is nobody who listens, maybe; but it was tried.
	grep -q /dev/log trace
	[ -e "$root/usr/bin/small" ]
	[ -z "$(ima_of "$root/usr/bin/small")" ]
}

@test "lines about one package are limited" {
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --out . "$packages/mix.rpm"
	settings '[install]' 'untrusted=refuse'
	run ! rpm_in_root -i mix.rpm
	[ "$(grep -c unknown-key <<<"$output")" -eq 10 ]
	[[ $output == *"mix-1-1."*": and 6000 more"* ]]
	nothing_installed
}

# signed_root DIR PLUGIN PACKAGE: installed into a new root by one of rpm's own plugins, and no other.
with_rpms_ima()
{
	local folder=$BATS_TEST_TMPDIR/rpms
	mkdir -p "$folder"
	cp "$(dirname "$(rpm --eval '%{_libdir}')")/lib/$(gcc -print-multiarch)/rpm-plugins/ima.so" "$folder"
	rpm --root "$1" --dbpath /var/lib/rpm --define "__plugindir $folder" --define '__transaction_ima %{__plugindir}/ima.so' \
		--force-debian --nodeps --nosignature -i "$2"
}

@test "rpm's own plugin ima applies our signatures, with the same bytes" {
	rpm_in_root -i "$packages/mix.rpm"
	values_in_root >ours
	[ "$(wc -l <ours)" -eq 6010 ]
	root=$BATS_TEST_TMPDIR/other
	new_root "$root"
	with_rpms_ima "$root" "$packages/mix.rpm"
	diff ours <(values_in_root)
}

@test "a header as rpmsign writes it, with values that evmctl made: applied, with the same bytes as by rpm's plugin" {
	local path tree=$BATS_TEST_TMPDIR/tree
	mkdir "$tree"
	cp "$BATS_FILE_TMPDIR/unsigned/mix.rpm" rpmsign.rpm
	(cd "$tree" && rpm2cpio ../rpmsign.rpm | cpio -idm --quiet)
	cp "$keys/ima.key" key.pem
	# As evmctl signs, which names the key by the Subject Key Identifier of the certificate.
	(cd "$tree" && find . -type f ! -path './usr/share/mix/*[0-9]' -print0 |
		xargs -0 -n 1 evmctl ima_sign --hashalgo sha256 --key ../key.pem --keyid-from-cert "$keys/ima.pem") >/dev/null
	query '[%{FILENAMES}\n]' rpmsign.rpm | while read -r path; do
		if [ -L "$tree$path" ]; then echo; else ima_of "$tree$path" | grep . || echo; fi
	done >lines
	[ "$(grep -c . lines)" -eq 11 ]
	"$edit" rpmsign.rpm 265 <lines
	rpmkeys "${rpm_options[@]}" -K rpmsign.rpm
	run -0 rpm_in_root -i rpmsign.rpm
	[[ $output == *"1 of 1 packages are signed, 11 signatures verified, none refused"* ]]
	values_in_root >ours
	evm_accepts_in_root "$keys/ima.der" 10
	root=$BATS_TEST_TMPDIR/other
	new_root "$root"
	with_rpms_ima "$root" rpmsign.rpm
	diff ours <(values_in_root)
}

@test "both plugins: a warning, and the same result" {
	cp "$plugins/pkgima.so" .
	with_rpms_ima "$root" "$packages/small-1.rpm"
	cp rpms/ima.so .
	run -0 rpm_in_root --define "__plugindir $PWD" -U "$packages/small-2.rpm"
	[[ $output == *"warning: pkgima: rpm's own plugin ima is there too, and writes signatures that nobody has verified"* ]]
	diff <(expected_of "$packages/small-2.rpm") <(values_in_root)
	# It is said where it matters.
	run -0 rpm_in_root --define "__plugindir $PWD" -U --oldpackage "$BATS_FILE_TMPDIR/unsigned/small-1.rpm"
	[[ $output != *"own plugin"* ]]
}

# key_package CERTIFICATE PATH: package key as $packages/../key.rpm, with that certificate, signed.
key_package()
{
	{
		write_spec key 1
		cat <<-END
			%install
			install -D -m 644 $1 %{buildroot}$2
			%files
			$2
		END
	} >key.spec
	cp "$(build_rpm key.spec | grep -v '\.src\.rpm$')" key.rpm
	sign --in-place key.rpm
}

@test "a certificate and what it signs in one run: the package with the certificate is named; in two runs it is fine" {
	"$PKGIMA" keygen --type ima --name Second --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out second
	key_package "$PWD/second/ima.der" /etc/keys/ima/second.der
	"$PKGIMA" sign --key second/ima.key --cert second/ima.der --out . "$packages/small-1.rpm"
	enforcing
	for order in "key.rpm small-1.rpm" "small-1.rpm key.rpm"; do
		for option in --test ''; do
			# shellcheck disable=SC2086 # words
			run ! rpm_in_root -i $option $order
			[[ $output == *"/usr/bin/small: unknown-key: key id "*" comes with key-1-1."*" in the same run: install that one first"* ]]
			nothing_installed
			[ ! -e "$root/etc/keys/ima/second.der" ]
		done
	done
	# Which key it is, is read from the package: with another one it does not help.
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --in-place small-1.rpm
	run ! rpm_in_root -i small-1.rpm key.rpm
	[[ $output == *"unknown-key: key id "*" is not in the trust store"* && $output != *"install that one first"* ]]
	"$PKGIMA" sign --key second/ima.key --cert second/ima.der --in-place small-1.rpm
	# Nothing is loaded into this kernel for another root.
	run -0 strace -f -o trace -e trace=add_key,keyctl rpm --root "$root" --dbpath /var/lib/rpm "${our_plugin[@]}" \
		--force-debian --nodeps -i key.rpm
	run ! grep -E 'add_key|keyctl' trace
	evm_accepts "$keys/ima.der" "$root/etc/keys/ima/second.der"
	run -0 rpm_in_root -i small-1.rpm
	[[ $output == *", 5 signatures verified, none refused"* ]]
	evm_accepts second/ima.der "$root/usr/bin/small"
}

@test "a CA certificate that a package of rpm's or dpkg's has brought closes the trust store" {
	key_package "$keys/ca.der" /etc/keys/ima-ca/package.der
	rpm_in_root -i key.rpm
	run -0 rpm_in_root -i --test "$packages/small-1.rpm"
	[[ $output == *"5 signatures verified"* ]]  # the administrator's is there still
	rm "$root/etc/keys/ima-ca/site.der"
	run -0 rpm_in_root -i --test "$packages/small-1.rpm"
	[[ $output == *"unknown-key"*" 0 signatures verified"* ]]
	rpm_in_root -e key
	cp "$keys/ca.der" "$root/etc/keys/ima-ca/site.der"
	run -0 rpm_in_root -i --test "$packages/small-1.rpm"
	[[ $output == *"5 signatures verified"* ]]
	mkdir -p "$root/var/lib/dpkg/info"
	printf '/.\n/etc\n/etc/keys\n/etc/keys/ima-ca\n/etc/keys/ima-ca/site.der\n' >"$root/var/lib/dpkg/info/evil.list"
	printf 'Package: evil\nStatus: install ok installed\nVersion: 1\n' >"$root/var/lib/dpkg/status"
	run -0 rpm_in_root -i --test "$packages/small-1.rpm"
	[[ $output == *"unknown-key"*" 0 signatures verified"* ]]
}

@test "select=exec: what is executed or loaded, scripts found by their content; a file that is wanted and unsigned ends it" {
	settings '[apply]' 'select=exec'
	run -0 rpm_in_root -i "$packages/small-1.rpm" "$packages/mix.rpm"
	values_in_root | sed 's/^[^ ]* //' >found
	diff <(printf '%s\n' /etc/cron.daily/mix /usr/bin/{capable,mix,mix-2,mix-3,mix-4,private,small} \
		/usr/lib/mix/libmix.so.1 /usr/share/small/script | sort) <(sort found)
	# The script has no signature: the header does not tell that it is one.
	cp "$packages/small-1.rpm" partial.rpm
	lines_of partial.rpm | sed '4s/.*//' >lines
	"$edit" partial.rpm 265 <lines
	rm -rf "$root"
	new_root "$root"
	settings '[apply]' 'select=exec'
	enforcing
	run ! rpm_in_root -i partial.rpm
	[[ $output == *"/usr/share/small/script: unsigned: there is no signature"* ]]
	[[ $output == *"refused, since this system enforces signatures"* ]]
	[ -z "$(rpm --root "$root" --dbpath /var/lib/rpm -qa)" ]
	[ -z "$(find "$root/usr" ! -type d)" ]
	# A text is not wanted.
	lines_of "$packages/small-1.rpm" | sed '5s/.*//' >lines
	"$edit" partial.rpm 265 <lines
	run -0 rpm_in_root -i partial.rpm
	[ -n "$(ima_of "$root/usr/share/small/script")" ]
	[ -z "$(ima_of "$root/usr/share/small/text")" ]
}

# splice A B: A with the payload of B.
splice()
{
	head -c "$(payload_at "$1")" "$1"
	tail -c "+$(($(payload_at "$2") + 1))" "$2"
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

@test "content that rpm was told not to compare is compared here" {
	splice "$packages/small-1.rpm" "$packages/small-2.rpm" >spliced.rpm
	# rpm itself finds it.
	run ! rpm_in_root -i --nodigest spliced.rpm
	[ -z "$(rpm --root "$root" --dbpath /var/lib/rpm -qa)" ]
	run -0 rpm_in_root -i --nodigest --nofiledigest spliced.rpm
	[[ $output == *"/usr/bin/small: digest-mismatch: the content is not what was signed"* ]]
	[[ $output == *"pkgima: 1 file signed, 1 left out (/etc/pkgima.conf), 3 without a good signature"* ]]
	[ "$(values_in_root | sed 's/^[^ ]* //')" = /usr/share/small/same ]
	rpm_in_root -e small
	settings '[install]' 'untrusted=refuse'
	run ! rpm_in_root -i --nodigest --nofiledigest spliced.rpm
	[[ $output == *"small-1-1."*": refused, since untrusted=refuse"* ]]
	[ -z "$(rpm --root "$root" --dbpath /var/lib/rpm -qa)" ]
	[ -z "$(find "$root/usr" ! -type d)" ]
	# What is as it should be gets its signatures all the same.
	run -0 rpm_in_root -i --nofiledigest "$packages/small-1.rpm"
	diff <(expected_of "$packages/small-1.rpm") <(values_in_root)
}

@test "files that stay as they are (minimize_writes) get their signature, if they are what was signed" {
	rpm_in_root -i --noplugins "$packages/small-1.rpm"
	[ -z "$(values_in_root)" ]
	inode=$(stat -c %i "$root/usr/share/small/same")
	run -0 rpm_in_root --define '_minimize_writes 1' -U "$packages/small-2.rpm"
	[ "$(stat -c %i "$root/usr/share/small/same")" = "$inode" ]
	diff <(expected_of "$packages/small-2.rpm") <(values_in_root)
	[[ $output == *"pkgima: 4 files signed, 1 left out"* ]]
	run -0 rpm_in_root --define '_minimize_writes 1' -U --replacepkgs "$packages/small-2.rpm"
	[[ $output == *"pkgima: 0 files signed, 4 unchanged, 1 left out"* ]]
	diff <(expected_of "$packages/small-2.rpm") <(values_in_root)
}

@test "--noplugins, --justdb, --restore, paths that are left out" {
	run -0 rpm_in_root -i --noplugins "$packages/small-1.rpm"
	[ -z "$output" ]
	[ -z "$(values_in_root)" ]
	rpm_in_root -e --noplugins small
	flawed rogue rogue
	settings '[install]' 'untrusted=refuse'
	run -0 rpm_in_root -i --justdb rogue.rpm
	[ -z "$output" ]
	[ -z "$(find "$root/usr" ! -type d)" ]
	rpm_in_root -e --justdb small
	# The last of the hard links, which has the content, is one of those that are left out.
	run -0 rpm_in_root -i --excludepath /usr/bin/mix-4 --excludepath /usr/share/mix "$packages/mix.rpm"
	diff <(expected_of "$packages/mix.rpm" | grep -vE ' (/usr/bin/mix-4|/usr/share/mix/.*)$') <(values_in_root)
	[ ! -e "$root/usr/bin/mix-4" ]
	values_in_root >before
	chmod 700 "$root/usr/bin/mix"
	rpm_in_root --restore mix
	[ "$(stat -c %a "$root/usr/bin/mix")" = 755 ]
	diff before <(values_in_root)
}

@test "a header that changes after it was verified is verified again" {
	{
		write_spec swap 1
		printf '%s\n' '%pretrans -p <lua>' 'os.rename("/other.rpm", "/small.rpm")' '%files'
	} >swap.spec
	cp "$(build_rpm swap.spec | grep -v '\.src\.rpm$')" swap.rpm
	flawed corrupt corrupt
	for setting in refuse warn; do
		rm -rf "$root"
		new_root "$root"
		settings '[install]' "untrusted=$setting"
		cp "$packages/small-1.rpm" "$root/small.rpm"
		cp corrupt.rpm "$root/other.rpm"
		run rpm_in_root -i swap.rpm "$root/small.rpm"
		cmp corrupt.rpm "$root/small.rpm"
		[[ $output == *"5 signatures verified, none refused"*"small-1-1."*"/usr/bin/small: bad-signature: "* ]]
		if [ $setting = refuse ]; then
			[ "$status" -ne 0 ]
			[ "$(rpm --root "$root" --dbpath /var/lib/rpm -qa)" = "$(query '%{NVRA}' swap.rpm)" ]
			[ -z "$(find "$root/usr" ! -type d)" ]
		else
			[ "$status" -eq 0 ]
			[ -z "$(ima_of "$root/usr/bin/small")" ]
			[ -n "$(ima_of "$root/usr/share/small/text")" ]
		fi
	done
}

@test "where security.ima cannot be set: one line with the number, or refused where the settings say so" {
	mount_later "$root/usr" ramfs
	run -0 rpm_in_root --ignoresize -i "$packages/small-1.rpm"
	[ "$(grep -c 'warning: pkgima: 4 files are where security.ima cannot be set' <<<"$output")" -eq 1 ]
	[ "$(grep -c pkgima <<<"$output")" -eq 3 ]
	settings '[apply]' 'unsupported-fs=ignore'
	run -0 rpm_in_root --ignoresize -U "$packages/small-2.rpm"
	[[ $output != *"cannot be set"* ]]
	settings '[apply]' 'unsupported-fs=refuse'
	run ! rpm_in_root --ignoresize -U --oldpackage "$packages/small-1.rpm"
	[[ $output == *"/usr/bin/small: unsupported-fs: "*"small-1-1."*": refused, since unsupported-fs=refuse"* ]]
	[ "$(cat "$root/usr/share/small/text")" = 2 ]
}

@test "in a user namespace: installed, and one line with the number" {
	run -0 unshare --user --map-root-user bash -c "$(declare -f rpm_in_root); $(declare -p our_plugin root)
		rpm_in_root -i '$packages/small-1.rpm'"
	[[ $output == *"warning: pkgima: 4 files are where security.ima cannot be set"* ]]
	[ -e "$root/usr/bin/small" ]
	[ -z "$(values_in_root)" ]
}

mount_later()
{
	mkdir -p "$1"
	mount -t "$2" none "$1"
	mounted=$1
}

@test "a failure of our own: refused on a machine that enforces, else rpm goes on" {
	for i in $(seq 1100); do
		: >"$root/etc/keys/ima/$i.der"
	done
	run -0 rpm_in_root -i "$packages/small-1.rpm"
	[[ $output == *"warning: pkgima: the run: failed: "* ]]
	[ -e "$root/usr/bin/small" ]
	[ -z "$(values_in_root)" ]
	rpm_in_root -e small
	enforcing
	run ! rpm_in_root -i "$packages/small-1.rpm"
	[[ $output == *"error: pkgima: the run: refused, since this system enforces signatures"* ]]
	[ -z "$(rpm --root "$root" --dbpath /var/lib/rpm -qa)" ]
}

@test "dnf, from a repository" {
	require dnf createrepo_c
	mkdir repo log
	cp "$packages"/small-1.rpm repo/
	cp "$packages"/mix.rpm repo/
	createrepo_c -q repo
	# As a machine's configuration would have it.
	printf '%%__plugindir %s\n%s\n' "$plugins" "$(grep -v '^#' "$TOP/rpm-plugin/macros.transaction_pkgima")" >"$HOME/.rpmmacros"
	dnf=(dnf -y -q --installroot "$root" --releasever 1 --repofrompath "local,file://$PWD/repo" --repo local
		--setopt=reposdir=/dev/null --setopt=varsdir=/dev/null --setopt="cachedir=$PWD/cache" --setopt="logdir=$PWD/log"
		--setopt="persistdir=$PWD/persist" --setopt=gpgcheck=0 --setopt=keepcache=1 --setopt=pluginpath=/dev/null)
	"${dnf[@]}" install mix small >log1 2>&1 || { cat log1; return 1; }
	cat log1
	{
		expected_of "$packages/mix.rpm"
		expected_of "$packages/small-1.rpm"
	} | sort >expected
	diff expected <(values_in_root)
	cp "$packages"/small-2.rpm repo/
	createrepo_c -q repo
	"${dnf[@]}" --refresh upgrade >log2 2>&1 || { cat log2; return 1; }
	[ "$(cat "$root/usr/share/small/text")" = 2 ]
	"${dnf[@]}" remove mix >log3 2>&1 || { cat log3; return 1; }
	diff <(expected_of "$packages/small-2.rpm") <(values_in_root)
	# Refused before it begins.
	settings '[install]' 'untrusted=refuse'
	flawed corrupt corrupt
	rm repo/*.rpm
	"${dnf[@]}" remove small >log4 2>&1
	cp corrupt.rpm repo/
	createrepo_c -q repo
	run ! "${dnf[@]}" --refresh install small
	echo "$output"
	[ ! -e "$root/usr/bin/small" ]
	[[ $output == *"/usr/bin/small: bad-signature: "* ]]
	rm "$HOME/.rpmmacros"
}
