#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# pkgima sign --root where rpm has installed packages without signatures: some made by alien of Debian's, some for a rule.
# Judged by evmctl, getfattr and rpm.

load helpers
load rpm

setup_file()
{
	local name
	require root rpm rpmbuild alien evmctl getfattr dpkg-deb perl
	export HOME=$BATS_FILE_TMPDIR/home keys=$BATS_FILE_TMPDIR/keys packages=$BATS_FILE_TMPDIR/packages arch
	arch=$(rpm --eval '%_arch')
	mkdir "$HOME" "$packages"
	make_keys "$keys"
	for name in $("$support/fetch-debs" hello dash); do
		cp "$(from_deb "$name")" "$packages"
	done
	make_tool 1
	make_tool 2
	sign --out "$BATS_FILE_TMPDIR/signed" "$packages/tool-1-1.$arch.rpm"
}

setup()
{
	root=$BATS_TEST_TMPDIR/root
	manifests=$root/var/lib/pkgima/rpm
	mkdir -p "$root/etc/keys/ima" "$root/etc/keys/ima-ca"
	cp "$keys/ima.der" "$root/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$root/etc/keys/ima-ca/site.der"
}

# make_tool VERSION: $packages/tool-VERSION-1.$arch.rpm
make_tool()
{
	local spec=$BATS_FILE_TMPDIR/tool.spec
	{
		write_spec tool "$1"
		cat <<-END
			%install
			mkdir -p %{buildroot}/usr/bin %{buildroot}/etc
			echo "one $1" >%{buildroot}/usr/bin/one
			echo "two $1" >%{buildroot}/usr/bin/two
			echo setting >%{buildroot}/etc/tool.conf
			%files
			/usr/bin/one
			/usr/bin/two
			%config(noreplace) /etc/tool.conf
			%ghost /var/lib/tool
		END
	} >"$spec"
	build_rpm "$spec" | grep -v "\.src\.rpm$" | xargs -I{} cp {} "$packages"
}

in_database()
{
	rpm --root "$root" --dbpath /var/lib/rpm "$@" 2> >(grep -v '^rpm: ' >&2)
}

install()
{
	in_database -U --noplugins --nodeps --noscripts --ignorearch "$@"
}

# What a root has of rpm's database, byte for byte.
database_state()
{
	(cd "$root/var/lib/rpm" && find . -type f ! -name '*-shm' ! -name .rpm.lock -exec sha256sum {} + | sort -k 2)
}

@test "all packages are signed, applied and audited; rpm's database stays as it is" {
	local before
	install "$packages"/{hello,dash}-*.rpm "$packages/tool-1-1.$arch.rpm"
	before=$(database_state)
	run sign --root "$root"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"tool-1-1.$arch: signed, 3 files"* ]]
	[[ $output == *"3 packages signed, "* ]]
	[ "$(find "$manifests" -type f | wc -l)" -eq 3 ]
	[ "$(database_state)" = "$before" ]
	run "$PKGIMA" apply --root "$root" --all
	[ "$status" -eq 0 ]
	evm_accepts "$keys/ima.der" "$root/usr/bin/hello" "$root/bin/dash" "$root/usr/bin/one"
	run "$PKGIMA" audit --root "$root"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"3 packages, 0 of them unsigned; "* ]]
	in_database -V --nodeps tool
	run sign --root "$root"
	[ "$status" -eq 0 ]
	[[ $output == *"0 packages signed, 0 files; 3 were signed already"* ]]
	# A lost attribute is mended from the manifest.
	setfattr -x security.ima "$root/usr/bin/one"
	run "$PKGIMA" audit --root "$root" --repair
	evm_accepts "$keys/ima.der" "$root/usr/bin/one"
}

@test "what is not as it was installed is named and not signed" {
	install "$packages/tool-1-1.$arch.rpm" "$packages"/hello-*.rpm
	echo changed >>"$root/usr/bin/one"
	echo edited >>"$root/etc/tool.conf"
	mv "$root/usr/bin/hello" "$BATS_TEST_TMPDIR"
	ln -s "$BATS_TEST_TMPDIR/hello" "$root/usr/bin/hello"
	run sign --root "$root"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"tool-1-1.$arch: /usr/bin/one: digest-mismatch: its content is not what rpm recorded (sha256)"* ]]
	[[ $output == *"tool-1-1.$arch: /etc/tool.conf: digest-mismatch: an edited conffile: "* ]]
	[[ $output == *"hello-"*": /usr/bin/hello: missing-file: something else than a regular file is there"* ]]
	[ "$(grep -hc '^sha256 ' "$manifests"/*.imasigs | sort | head -n 1)" -eq 1 ]
	run "$PKGIMA" apply --root "$root" --all
	[ "$status" -eq 1 ]
	[ -z "$(ima_of "$root/usr/bin/one")" ]
	[ -z "$(ima_of "$BATS_TEST_TMPDIR/hello")" ]
	evm_accepts "$keys/ima.der" "$root/usr/bin/two"
}

@test "a manifest belongs to one build of a package: after an upgrade it counts no more, and goes with the next run" {
	local old
	install "$packages/tool-1-1.$arch.rpm"
	sign --root "$root"
	"$PKGIMA" apply --root "$root" tool
	old=$(echo "$manifests"/*.imasigs)
	install "$packages/tool-2-1.$arch.rpm"
	run "$PKGIMA" apply --root "$root" tool
	[ "$status" -eq 1 ]
	[[ $output == *"tool: unsigned: "* ]]
	run "$PKGIMA" audit --root "$root"
	[ "$status" -eq 1 ]
	[[ $output == *"1 of them unsigned"* ]]
	sign --root "$root"
	[ ! -e "$old" ]
	"$PKGIMA" apply --root "$root" tool
	evm_accepts "$keys/ima.der" "$root/usr/bin/one"
	in_database -e --nodeps --noscripts tool
	run sign --root "$root"
	[ "$status" -eq 0 ]
	run find "$manifests" -type f
	[ -z "$output" ]
}

@test "signatures that came with a package stay; --resign makes a manifest that goes before them" {
	install "$BATS_FILE_TMPDIR/signed/tool-1-1.$arch.rpm"
	run sign --root "$root"
	[ "$status" -eq 0 ]
	[[ $output == *"tool-1-1.$arch: signed already"* ]]
	run "$PKGIMA" sign --root "$root" --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der"
	[ "$status" -eq 0 ]
	[[ $output == *"tool-1-1.$arch: signed by another key, left as it is"* ]]
	run find "$manifests" -type f
	[ -z "$output" ]
	"$PKGIMA" sign --root "$root" --resign --hash sha512 --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der"
	"$PKGIMA" apply --root "$root" --certs "$keys/rogue/ima.der" tool
	evm_accepts "$keys/rogue/ima.der" "$root/usr/bin/one"
	[ "$(ima_of "$root/usr/bin/one" | cut -c 5-6)" = 06 ]
}

@test "the same version, installed again with signatures: these count, and the manifest goes" {
	install "$packages/tool-1-1.$arch.rpm"
	"$PKGIMA" sign --root "$root" --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der"
	run "$PKGIMA" apply --root "$root" --all
	[ "$status" -eq 1 ]
	[[ $output == *"unknown-key"* ]]
	install --replacepkgs "$BATS_FILE_TMPDIR/signed/tool-1-1.$arch.rpm"
	run "$PKGIMA" apply --root "$root" --all
	echo "$output"
	[ "$status" -eq 0 ]
	evm_accepts "$keys/ima.der" "$root/usr/bin/one"
	sign --root "$root"
	run find "$manifests" -type f
	[ -z "$output" ]
}

# Holds the lock that rpm takes, until standard input ends.
hold_lock()
{
	perl -MFcntl -e 'open my $f, "+>", $ARGV[0] or die; my $lock = pack "ssx![q]qqix![q]", F_WRLCK, 0, 0, 0, 0;
		fcntl $f, F_SETLK, $lock or die; open my $said, ">", $ARGV[1]; close $said; readline STDIN' "$1" "$2"
}

@test "a root in which rpm is at work is left alone" {
	local pid
	install "$packages/tool-1-1.$arch.rpm"
	mkfifo "$BATS_TEST_TMPDIR/end"
	hold_lock "$root/var/lib/rpm/.rpm.lock" "$BATS_TEST_TMPDIR/held" <"$BATS_TEST_TMPDIR/end" 3>&- &
	pid=$!
	exec 8>"$BATS_TEST_TMPDIR/end"
	while kill -0 "$pid" && [ ! -e "$BATS_TEST_TMPDIR/held" ]; do :; done
	run sign --root "$root"
	exec 8>&-
	wait "$pid"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"rpm's database is in use by process "* ]]
	[ ! -e "$manifests" ]
	sign --root "$root"
}

@test "the folder of manifests may be no link, and a damaged manifest is an error" {
	install "$packages/tool-1-1.$arch.rpm" "$packages"/hello-*.rpm
	mkdir -p "$BATS_TEST_TMPDIR/outside"
	ln -s "$BATS_TEST_TMPDIR/outside" "$root/var/lib/pkgima"
	run sign --root "$root"
	[ "$status" -eq 3 ]
	run find "$BATS_TEST_TMPDIR/outside" -mindepth 1
	[ -z "$output" ]
	rm "$root/var/lib/pkgima"
	sign --root "$root"
	for file in "$manifests"/*; do
		grep -q ' /usr/bin/one$' "$file" && sed -i '2s/^sha256/sha999/' "$file"
	done
	run "$PKGIMA" apply --root "$root" --all
	[ "$status" -ne 0 ]
	[[ $output == *"tool-1-1.$arch: "* ]]
	[ -z "$(ima_of "$root/usr/bin/one")" ]
	evm_accepts "$keys/ima.der" "$root/usr/bin/hello"
	run sign --root "$root"
	[ "$status" -eq 3 ]
	run sign --root "$root" --resign
	[ "$status" -eq 0 ]
	"$PKGIMA" apply --root "$root" --all
	evm_accepts "$keys/ima.der" "$root/usr/bin/one"
}
