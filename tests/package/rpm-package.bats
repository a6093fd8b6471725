#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The package rpm-plugin-pkgima as a machine has it: installed from its .deb beside dpkg-ima and Debian's rpm, which is told
# nothing. And what dpkg may do to it.

load helpers
load rpm

# Shared: $system, which has it; $rpms, packages first and second, signed, and other, unsigned.
setup_file()
{
	require root mmdebstrap apt-ftparchive evmctl getfattr dpkg-buildpackage unshare rpmbuild lintian
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system rpms=$BATS_FILE_TMPDIR/rpms
	mkdir "$rpms"
	make_keys "$keys"
	make_system "$system"
	cp "$("$support/build-packages")"/rpm-plugin-pkgima_*.deb "$system/root/packages"
	in_root "$system" sh -c 'apt-get install -y -q --no-install-recommends rpm /root/packages/rpm-plugin-pkgima_*.deb'
	make_simple first '%post' 'dpkg -r rpm-plugin-pkgima >/removed'
	make_simple second
	make_simple other
	make_simple plain
	cp "$rpms/other.rpm" "$BATS_FILE_TMPDIR"
	sign --in-place "$rpms"/*.rpm
	mv "$BATS_FILE_TMPDIR/other.rpm" "$rpms"
	cp -r "$rpms" "$system/rpms"
}

# make_simple NAME [LINE...]: a package with /usr/bin/NAME and these lines in the spec, as $rpms/NAME.rpm.
make_simple()
{
	{
		write_spec "$1" 1
		printf '%s\n' "${@:2}"
		cat <<-'END'
			%install
			mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/%{name}
			printf '#!/bin/sh\necho %{name}\n' >%{buildroot}/usr/bin/%{name}
			for i in $(seq 50); do echo $i >%{buildroot}/usr/share/%{name}/$i; done
			%files
			%attr(755,root,root) /usr/bin/%{name}
			/usr/share/%{name}
		END
	} >"$BATS_FILE_TMPDIR/$1.spec"
	cp "$(build_rpm "$BATS_FILE_TMPDIR/$1.spec" | grep -v '\.src\.rpm$')" "$rpms/$1.rpm"
}

# Each file of these packages has the value that the header has, and evmctl accepts it.
signed_as_header()
{
	local hex path package
	for package; do
		while read -r hex path; do
			[ "$(ima_of "$system$path")" = "$hex" ] || { echo "$path: not what the header says"; return 1; }
			evm_accepts "$keys/ima.der" "$system$path"
		done < <(signatures_of "$rpms/$package.rpm")
	done
}

@test "lintian finds nothing" {
	packages=$("$support/build-packages")
	run -0 lintian --fail-on error,warning "$packages"/rpm-plugin-pkgima_*.deb
	echo "$output"
	run ! grep -E '^[EW]:' <<<"$output"
}

@test "rpm -i, told nothing: the signatures are set; of the plugins only this one is loaded" {
	[ "$(ls "$system$(in_root "$system" rpm --eval '%{__plugindir}')")" = pkgima.so ]
	# rpm's own are there, where it does not look.
	[ -n "$(ls "$system"/usr/lib/*/rpm-plugins/ima.so)" ]
	run -0 in_root "$system" env LD_DEBUG=files LD_DEBUG_OUTPUT=/loaded rpm -i /rpms/second.rpm
	[[ $output == *"pkgima: 1 of 1 packages are signed, 51 signatures verified, none refused"* ]]
	[[ $output == *"pkgima: 51 files signed"* ]]
	grep -h 'dynamically loaded' "$system"/loaded.* | grep -o 'file=[^ ]*plugins/[^ ]*' | sort -u >"$BATS_TEST_TMPDIR/loaded"
	[ "$(cat "$BATS_TEST_TMPDIR/loaded")" = "file=$(rpm --eval '%{__plugindir}')/pkgima.so" ]
	signed_as_header second
	[ "$(in_root "$system" second)" = second ]
	run -0 in_root "$system" rpm -e second
	[[ $output != *pkgima* ]]
	[ ! -e "$system/usr/bin/second" ]
	run -0 in_root "$system" rpm -ivv --noplugins /rpms/second.rpm
	[[ $output != *pkgima* ]]
	[ -z "$(ima_of "$system/usr/bin/second")" ]
	run -0 in_root "$system" rpm -Uvv --replacepkgs /rpms/second.rpm
	run ! grep -E 'Plugin: calling hook .* in .* plugin' <(grep -v ' in pkgima plugin' <<<"$output")
	signed_as_header second
	in_root "$system" rpm -e second
}

@test "pkgima status says whether rpm finds the plugin, and nothing where it is not installed" {
	run in_root "$system" pkgima status
	[[ $output == *"ok         rpm       rpm installs with the plugin"* ]]
	mkdir -p "$system/etc/rpm"
	echo '%__plugindir /opt/plugins' >"$system/etc/rpm/macros"
	run -1 in_root "$system" pkgima status
	mkdir -p "$system/opt/plugins"
	echo 'no plugin' >"$system/opt/plugins/pkgima.so"
	in_root "$system" pkgima status >"$BATS_TEST_TMPDIR/bad" || :
	grep -q '^attention  rpm       rpm cannot load the plugin, and installs nothing: /opt/plugins/pkgima.so: ' "$BATS_TEST_TMPDIR/bad"
	rm -r "$system/opt/plugins"
	rm "$system/etc/rpm/macros"
	[[ $output == *"attention  rpm       rpm loads plugins from where there is no /opt/plugins/pkgima.so"*"-> put a link there"* ]]
	mv "$system/usr/lib/rpm/macros.d/macros.transaction_pkgima" "$system/root"
	run in_root "$system" pkgima status
	mv "$system/root/macros.transaction_pkgima" "$system/usr/lib/rpm/macros.d"
	run ! grep -w rpm <<<"$output"
}

@test "refused without a word to rpm: settings of the machine" {
	printf '[install]\nunsigned=refuse\n' >"$system/etc/pkgima.conf"
	run ! in_root "$system" rpm -i /rpms/other.rpm
	rm "$system/etc/pkgima.conf"
	[[ $output == *"error: pkgima: other-1-1."*": refused, since unsigned=refuse"* ]]
	[ ! -e "$system/usr/bin/other" ]
	run -1 in_root "$system" rpm -q other
}

@test "rpm and dpkg side by side: one trust store, each its own words, and neither touches the other's signatures" {
	cp "$("$support/fetch-debs" hello)" "$BATS_TEST_TMPDIR/hello.deb"
	sign --in-place "$BATS_TEST_TMPDIR/hello.deb"
	cp "$BATS_TEST_TMPDIR/hello.deb" "$system/root/hello.deb"
	run -0 in_root "$system" apt-get install -y -q /root/hello.deb
	[[ $output == *"dpkg-ima: 1 of 1 packages are signed"* ]]
	run ! grep -E '(^| )pkgima: ' <<<"$output"
	run -0 in_root "$system" rpm -i /rpms/plain.rpm
	[[ $output != *dpkg-ima* ]]
	# dpkg's trigger, when something else comes, and when it looks at everything.
	make_tree
	run -0 in_root "$system" apt-get install -y -q /root/filler.deb
	[[ $output != *plain* ]]
	in_root "$system" /usr/libexec/dpkg-ima/trigger --all
	signed_as_header plain
	evm_accepts "$keys/ima.der" "$system/usr/bin/hello"
	in_root "$system" rpm -V --nodeps plain
	[ -z "$(in_root "$system" dpkg --audit)" ]
	[ -z "$(in_root "$system" dpkg --verify hello)" ]
	in_root "$system" rpm -e plain
	[ -e "$system/usr/bin/hello" ]
	[ ! -e "$system/usr/bin/plain" ]
}

make_tree()
{
	mkdir -p "$BATS_TEST_TMPDIR/tree/usr/share/filler"
	echo filler >"$BATS_TEST_TMPDIR/tree/usr/share/filler/filler"
	make_deb "$BATS_TEST_TMPDIR/tree" filler
	cp "$BATS_TEST_TMPDIR/filler.deb" "$system/root"
}

@test "a CA certificate that a package of dpkg's has brought does not count for rpm either" {
	mkdir -p "$BATS_TEST_TMPDIR/evil/etc/keys/ima-ca" "$BATS_TEST_TMPDIR/evil/etc/keys/ima"
	cp "$keys/rogue/ca.der" "$BATS_TEST_TMPDIR/evil/etc/keys/ima-ca/evil.der"
	cp "$keys/rogue/ima.der" "$BATS_TEST_TMPDIR/evil/etc/keys/ima/evil.der"
	make_deb "$BATS_TEST_TMPDIR/evil" evil
	cp "$BATS_TEST_TMPDIR/evil.deb" "$system/root"
	in_root "$system" dpkg -i /root/evil.deb
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --out "$system/rogue" "$rpms/plain.rpm"
	run -0 in_root "$system" rpm -i --test /rogue/plain.rpm
	[[ $output == *"unknown-key"*" 0 signatures verified"* ]]
	run -0 in_root "$system" rpm -i --test /rpms/plain.rpm
	[[ $output == *" 51 signatures verified, none refused"* ]]
	in_root "$system" dpkg -P evil
}

@test "removed by dpkg in the middle of rpm's run: the run ends as it began, and rpm goes on working without" {
	run -0 in_root "$system" rpm -i --nodeps /rpms/first.rpm /rpms/second.rpm
	echo "$output"
	grep -q 'Removing rpm-plugin-pkgima' "$system/removed"
	[ ! -e "$system/usr/lib64/rpm-plugins/pkgima.so" ]
	[[ $output == *"pkgima: 102 files signed"* ]]
	signed_as_header first second
	run -0 in_root "$system" rpm -e --noscripts first second
	run -0 in_root "$system" rpm -i /rpms/plain.rpm
	[ -z "$output" ] || [[ $output != *pkgima* && $output != *error* ]]
	[ -z "$(ima_of "$system/usr/bin/plain")" ]
	in_root "$system" rpm -e plain
}

@test "unpacked, configured, installed again, removed: rpm works at each step, with the plugin as soon as it is there" {
	deb=$(cd "$system" && echo root/packages/rpm-plugin-pkgima_*.deb)
	in_root "$system" dpkg --unpack "/$deb"
	run -0 in_root "$system" rpm -i --test /rpms/plain.rpm
	[[ $output == *"51 signatures verified"* ]]
	in_root "$system" dpkg --configure rpm-plugin-pkgima
	# rpm runs again and again meanwhile.
	in_root "$system" sh -c 'while [ ! -e /stop ]; do
			rpm -i --test /rpms/plain.rpm >>/rpm.log 2>&1 || echo FAILED >>/rpm.log; done' &
	loop=$!
	for _ in 1 2 3; do
		in_root "$system" dpkg -i "/$deb"
	done
	in_root "$system" dpkg -r rpm-plugin-pkgima
	in_root "$system" dpkg -i "/$deb"
	touch "$system/stop"
	wait "$loop"
	[ "$(grep -c '51 signatures verified' "$system/rpm.log")" -gt 3 ]
	run ! grep -E 'FAILED|error' "$system/rpm.log"
	in_root "$system" dpkg -P rpm-plugin-pkgima
	[ -z "$(find "$system/usr" -name '*pkgima*' -path '*rpm*' ! -name macros.pkgima)" ]
	in_root "$system" dpkg -i "/$deb"
}

@test "what it is linked with cannot be missing: not before it is unpacked, nor removed while it is there" {
	deb=$(cd "$system" && echo root/packages/rpm-plugin-pkgima_*.deb)
	for library in libinih1 libkeyutils1 librpm9 librpmio9 libssl3; do
		run ! in_root "$system" dpkg -r "$library"
		[[ $output == *" rpm-plugin-pkgima depends on $library"* || $output == *" rpm-plugin-pkgima pre-depends on $library"* ]]
	done
	bare=$BATS_TEST_TMPDIR/bare
	"$support/base-root" "$bare"
	cp "$system/$deb" "$bare/root"
	in_root "$bare" dpkg -r --force-depends libinih1
	run ! in_root "$bare" sh -c 'dpkg --unpack /root/rpm-plugin-pkgima_*.deb'
	[[ $output == *"pre-dependency problem"* ]]
	[ ! -e "$bare/usr/lib64/rpm-plugins/pkgima.so" ]
	# And one for another rpm is not what it depends on.
	dpkg-deb -f "$system/$deb" Depends | grep -qE 'rpm-common \(>= [0-9]+\.[0-9]+\)'
}
