#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# rpmbuild signs what it builds: the macro file that comes with pkgima, in a root of its own.
# shellcheck disable=SC2016 # scripts for other shells

load helpers
load rpm

# Shared: $system, in which rpmbuild has the macros and no key; /root/tool.spec makes packages tool and tool-doc.
setup_file()
{
	require root rpmbuild rpmsign mmdebstrap unshare evmctl make gpg
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system
	make_keys "$keys"
	"$support/base-root" "$system" debconf rpm mount
	make -s -C "$TOP" O="${PKGIMA_BUILD:-$TOP/build}" install-command DESTDIR="$system" prefix=/usr >/dev/null
	cp -r "$keys" "$system/root/keys"
	{
		write_spec tool 1
		cat <<-'END'
			%package doc
			Summary: test
			%description doc
			test
			%install
			mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/doc/tool
			printf '#!/bin/sh\necho tool\n' >%{buildroot}/usr/bin/tool
			echo text >%{buildroot}/usr/share/doc/tool/text
			%files
			%attr(755,root,root) /usr/bin/tool
			%files doc
			/usr/share/doc/tool
		END
	} >"$system/root/tool.spec"
}

# build [OPTION...]: rpmbuild -ba in there.
build()
{
	rm -rf "$system/root/rpmbuild"
	run in_root "$system" rpmbuild -ba "$@" /root/tool.spec
	echo "$output"
}

# packages: those that were built, without the source package.
packages()
{
	find "$system/root/rpmbuild/RPMS" -name '*.rpm' | sort
}

# Every package has a signature of each file, by the site's key.
all_signed()
{
	[ "$(packages | wc -l)" -eq 2 ]
	# shellcheck disable=SC2046 # names without spaces
	"$PKGIMA" verify --payload --certs "$keys/ima.der" $(packages)
	[ "$(packages | while read -r package; do signatures_of "$package"; done | wc -l)" -eq 2 ]
}

with_key=(--define 'pkgima_key /root/keys/ima.key' --define 'pkgima_cert /root/keys/ima.pem')

@test "with no key defined nothing happens" {
	build
	[ "$status" -eq 0 ]
	run ! grep -E 'pkgima|Executing "' <<<"$output"
	[ -z "$(packages | while read -r package; do signatures_of "$package"; done)" ]
	[ -z "$(in_root "$system" rpm --eval '%{?_build_pkgcheck}%{?_nonzero_exit_pkgcheck_terminate_build}')" ]
}

@test "with key and certificate each binary package is signed, the source package is not; file by file as pkgima sign does" {
	build "${with_key[@]}"
	[ "$status" -eq 0 ]
	all_signed
	[ -z "$(signatures_of "$system/root/rpmbuild/SRPMS/tool-1-1.src.rpm")" ]
	# What is installed from it evmctl accepts.
	rpm --root="$BATS_TEST_TMPDIR/root" --define '_dbpath /var/lib/rpm' --noplugins -i --nodeps "$(packages | grep 'tool-1')"
	"$PKGIMA" show "$(packages | grep 'tool-1')" | grep -F /usr/bin/tool
	setfattr -n security.ima -v "0x$(signatures_of "$(packages | grep 'tool-1')" | cut -d ' ' -f 1)" \
		"$BATS_TEST_TMPDIR/root/usr/bin/tool"
	evm_accepts "$keys/ima.der" "$BATS_TEST_TMPDIR/root/usr/bin/tool"
	# Once more: the packages differ in nothing but their times.
	cp "$(packages | grep 'tool-1')" "$BATS_TEST_TMPDIR/first.rpm"
	build "${with_key[@]}"
	[ "$(signatures_of "$BATS_TEST_TMPDIR/first.rpm")" = "$(signatures_of "$(packages | grep 'tool-1')")" ]
}

@test "from a file of macros, as a build machine has it; packages that are built at once; and -bb" {
	mkdir -p "$system/etc/rpm"
	printf '%%pkgima_key /root/keys/ima.key\n%%pkgima_cert /root/keys/ima.der\n%%_smp_build_ncpus 4\n' \
		>"$system/etc/rpm/macros.site"
	rm -rf "$system/root/rpmbuild"
	run -0 in_root "$system" rpmbuild -bb /root/tool.spec
	rm "$system/etc/rpm/macros.site"
	all_signed
}

@test "a package that cannot be signed ends the build: no such key, another's certificate, no certificate" {
	build --define 'pkgima_key /root/keys/none.key' --define 'pkgima_cert /root/keys/ima.pem'
	[ "$status" -ne 0 ]
	[[ $output == *"Package check"*"failed"* ]]
	[[ $output == *"/root/keys/none.key"* ]]
	build --define 'pkgima_key /root/keys/ima.key' --define 'pkgima_cert /root/keys/rogue/ima.pem'
	[ "$status" -ne 0 ]
	build --define 'pkgima_key /root/keys/ima.key'
	[ "$status" -ne 0 ]
	[[ $output == *"pkgima_key is defined, and pkgima_cert is not"* ]]
	[ -z "$(packages | while read -r package; do signatures_of "$package"; done)" ]
}

@test "so does a pkgima that is killed, or is not there" {
	mv "$system/usr/bin/pkgima" "$system/usr/bin/pkgima.kept"
	printf '#!/bin/sh\nkill -KILL $$\n' >"$system/usr/bin/pkgima"
	chmod 755 "$system/usr/bin/pkgima"
	build "${with_key[@]}"
	killed=$status
	rm "$system/usr/bin/pkgima"
	build "${with_key[@]}"
	mv "$system/usr/bin/pkgima.kept" "$system/usr/bin/pkgima"
	[ "$killed" -ne 0 ]
	[ "$status" -ne 0 ]
}

@test "names with spaces and what a URI of a token has in it reach pkgima as they are" {
	mkdir -p "$system/root/my keys"
	cp "$keys/ima.pem" "$system/root/my keys/ima.pem"
	mv "$system/usr/bin/pkgima" "$system/usr/bin/pkgima.kept"
	printf '#!/bin/sh\nprintf "<%%s>" "$@" >>/called\n' >"$system/usr/bin/pkgima"
	chmod 755 "$system/usr/bin/pkgima"
	build --define 'pkgima_key pkcs11:token=my%%20site;object=a?pin-source=file:/x' --define 'pkgima_cert /root/my keys/ima.pem'
	mv "$system/usr/bin/pkgima.kept" "$system/usr/bin/pkgima"
	[ "$status" -eq 0 ]
	tr '\n' ' ' <"$system/called" | grep -F '<sign><--in-place><--key><pkcs11:token=my%20site;object=a?pin-source=file:/x><--cert></root/my keys/ima.pem></root/rpmbuild/RPMS/'
	[ "$(grep -o '<sign>' "$system/called" | wc -l)" -eq 2 ]
}

@test "an OpenPGP signature that is made afterwards is valid, and leaves those of the files; what was signed before stays, too" {
	local home=$BATS_TEST_TMPDIR/gnupg package db=$BATS_TEST_TMPDIR/db
	mkdir -m 700 "$home"
	gpg --homedir "$home" --batch --quiet --passphrase '' --quick-generate-key 'Test <test@localhost>' rsa2048 sign never
	gpg --homedir "$home" --armor --export >"$BATS_TEST_TMPDIR/public.asc"
	rpm --dbpath "$db" --import "$BATS_TEST_TMPDIR/public.asc"
	build "${with_key[@]}"
	[ "$status" -eq 0 ]
	# shellcheck disable=SC2046 # names without spaces
	GNUPGHOME=$home rpmsign "${rpm_options[@]}" --define "_gpg_name test@localhost" --define "_gpg_path $home" \
		--define "__gpg $(command -v gpg)" --addsign $(packages) >/dev/null
	gpgconf --homedir "$home" --kill all
	all_signed
	for package in $(packages); do
		rpm --dbpath "$db" -K "$package" | grep -q 'signatures OK'
	done
}
