#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The plugin as built for versions of rpm that are not here: driven as they do, and kept away from a librpm it does not fit.

load helpers
load rpm

setup_file()
{
	require root rpmbuild rpm rpm2cpio cpio gcc evmctl getfattr
	export keys=$BATS_FILE_TMPDIR/keys HOME=$BATS_FILE_TMPDIR/home package=$BATS_FILE_TMPDIR/small.rpm
	mkdir "$HOME"
	make_keys "$keys"
	{
		write_spec small 1
		cat <<-'END'
			%install
			mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/small %{buildroot}/etc
			printf '#!/bin/sh\n' >%{buildroot}/usr/bin/small
			ln -s small %{buildroot}/usr/bin/link
			ln %{buildroot}/usr/bin/small %{buildroot}/usr/bin/again
			echo text >%{buildroot}/usr/share/small/text
			echo other >%{buildroot}/usr/share/small/other
			echo setting >%{buildroot}/etc/small.conf
			%files
			%attr(755,root,root) /usr/bin/small
			%attr(755,root,root) /usr/bin/again
			/usr/bin/link
			/usr/share/small
			%config /etc/small.conf
		END
	} >"$BATS_FILE_TMPDIR/small.spec"
	cp "$(build_rpm "$BATS_FILE_TMPDIR/small.spec" | grep -v '\.src\.rpm$')" "$package"
	sign --in-place "$package"
	(cd "$TOP" && build_for nofd 417)
	(cd "$TOP" && build_for fd 416 -DRPM_PLUGIN_ABI=ABI_fd)
	(cd "$TOP" && build_for header 420 -Itests/support/rpm-4.20)
}

# build_for NAME VERSION [OPTION...]: the plugin, and what drives it, for this rpm. The library is the same.
build_for()
{
	local out=$BATS_FILE_TMPDIR/$1 flags
	flags=$(make --no-print-directory -s CFLAGS= CPPFLAGS= print-flags)
	mkdir "$out"
	# shellcheck disable=SC2046,SC2086 # lists
	gcc $flags -O1 -UPKGIMA_RPM_VERSION "-DPKGIMA_RPM_VERSION=$2" "${@:3}" -shared -Wl,-z,defs -o "$out/pkgima.so" \
		rpm-plugin/*.c "${PKGIMA_BUILD:-build}/libpkgima.a" $(pkg-config --libs libcrypto libkeyutils inih rpm)
	# shellcheck disable=SC2046,SC2086
	gcc $flags -O1 -UPKGIMA_RPM_VERSION "-DPKGIMA_RPM_VERSION=$2" "${@:3}" "-DDRIVE_VERSION=\"$((${2} / 100)).$((${2} % 100)).1\"" \
		-rdynamic -o "$out/drive" tests/support/plugin-drive.c $(pkg-config --libs rpm) -ldl
}

setup()
{
	cd "$BATS_TEST_TMPDIR" || return 1
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/etc/keys/ima" "$root/etc/keys/ima-ca"
	cp "$keys/ima.der" "$root/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$root/etc/keys/ima-ca/site.der"
	(cd "$root" && rpm2cpio "$package" | cpio -idm --quiet)
	# The database of the root, where rpm will look for it: %_dbpath is below $HOME.
	echo '%_dbpath /var/lib/rpm' >"$HOME/.rpmmacros"
	rpm --root "$root" --initdb
}

drive()
{
	"$BATS_FILE_TMPDIR/$1/drive" "$BATS_FILE_TMPDIR/$1/pkgima.so" "$root" "$package"
}

@test "a package whose certificates cannot be read, where the program opens none for librpm, is named as well" {
	"$PKGIMA" keygen --type ima --name Second --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out second
	{
		write_spec key 1
		cat <<-END
			%install
			install -D -m 644 $PWD/second/ima.der %{buildroot}/etc/keys/ima/second.der
			%files
			/etc/keys/ima/second.der
		END
	} >key.spec
	key=$(build_rpm key.spec | grep -v '\.src\.rpm$')
	sign --in-place "$key"
	"$PKGIMA" sign --key second/ima.key --cert second/ima.der --out . "$package"
	printf '[install]\nuntrusted=refuse\n' >"$root/etc/pkgima.conf"
	run -1 "$BATS_FILE_TMPDIR/fd/drive" "$BATS_FILE_TMPDIR/fd/pkgima.so" "$root" small.rpm "$key"
	echo "$output"
	[[ $output == *"/usr/bin/small: unknown-key: no certificate has the key id "*"; key-1-1."*" of the same run brings certificates that could not be read: install that one first"* ]]
	# It is no answer where nothing is asked.
	run -0 "$BATS_FILE_TMPDIR/fd/drive" "$BATS_FILE_TMPDIR/fd/pkgima.so" "$root" "$package"
}

@test "every interface: the files get their signatures, links and configuration do not" {
	for shape in nofd fd header; do
		echo "$shape"
		run -0 drive $shape
		echo "$output"
		[[ $output == *"pkgima: 1 of 1 packages are signed, 5 signatures verified, none refused"* ]]
		[[ $output == *"pkgima: 4 files signed, 1 left out (/etc/pkgima.conf)" ]]
		evm_accepts "$keys/ima.der" "$root"/usr/bin/{small,again} "$root"/usr/share/small/{text,other}
		[ -z "$(ima_of "$root/etc/small.conf")" ]
		setfattr -x security.ima "$root"/usr/bin/small
		setfattr -x security.ima "$root"/usr/share/small/text
	done
}

@test "by path: what is not the package's content is not signed, and no link is followed" {
	echo changed >"$root/usr/share/small/text"
	cp "$root/usr/share/small/other" "$root/victim"
	ln -sf /victim "$root/usr/share/small/other"
	run -0 drive nofd
	echo "$output"
	[[ $output == *"/usr/share/small/text: digest-mismatch: the content is not what was signed"* ]]
	[[ $output == *"/usr/share/small/other: failed: cannot read it: "* ]]
	[ -z "$(ima_of "$root/usr/share/small/text")" ]
	[ -z "$(ima_of "$root/victim")" ]
	evm_accepts "$keys/ima.der" "$root/usr/bin/small"
	printf '[install]\nuntrusted=refuse\n' >"$root/etc/pkgima.conf"
	run -1 drive nofd
	[[ $output == *": refused, since untrusted=refuse"* ]]
	# A FIFO is not opened for reading.
	rm "$root/etc/pkgima.conf" "$root/usr/share/small/text"
	mkfifo "$root/usr/share/small/text"
	run -0 timeout 20 "$BATS_FILE_TMPDIR/nofd/drive" "$BATS_FILE_TMPDIR/nofd/pkgima.so" "$root" "$package"
	[[ $output == *"/usr/share/small/text: failed: "* ]]
}

# What a policy with FILE_CHECK rules does to one that opens a file without a signature for reading.
unreadable()
{
	strace -f -o "$BATS_TEST_TMPDIR/trace" -P /usr/share/small/text -e trace=openat2,fsetxattr,fremovexattr \
		-e inject=openat2:error=EACCES:when=1 "$BATS_FILE_TMPDIR/nofd/drive" "$BATS_FILE_TMPDIR/nofd/pkgima.so" "$root" "$package"
}

@test "a file that nobody may read without a signature gets it first, and loses it if the content is another" {
	require strace
	run -0 unreadable
	grep -q INJECTED trace
	[[ $output == *"pkgima: 4 files signed"* ]]
	evm_accepts "$keys/ima.der" "$root/usr/share/small/text"
	setfattr -x security.ima "$root/usr/share/small/text"
	echo changed >"$root/usr/share/small/text"
	run -0 unreadable
	grep -q INJECTED trace
	[[ $output == *"/usr/share/small/text: digest-mismatch: the content is not what was signed"* ]]
	[ -z "$(ima_of "$root/usr/share/small/text")" ]
}

@test "loaded by a librpm that it was not built for, it does nothing and says so; a machine that enforces refuses" {
	rm -r "${root:?}/usr"
	for shape in nofd fd; do
		run -0 rpm --root "$root" --define "__plugindir $BATS_FILE_TMPDIR/$shape" \
			--load "$TOP/rpm-plugin/macros.transaction_pkgima" --force-debian --nodeps -i "$package"
		[[ $output == *"warning: pkgima: it was built for another version of rpm, and does nothing"* ]]
		[ -e "$root/usr/bin/small" ]
		[ -z "$(ima_of "$root/usr/bin/small")" ]
		rpm --root "$root" --force-debian --noplugins --nodeps -e small
		mkdir -p "$root/run/pkgima"
		echo mode=enforce >"$root/run/pkgima/state"
		run ! rpm --root "$root" --define "__plugindir $BATS_FILE_TMPDIR/$shape" \
			--load "$TOP/rpm-plugin/macros.transaction_pkgima" --force-debian --nodeps -i "$package"
		[ ! -e "$root/usr/bin/small" ]
		rm -r "$root/run/pkgima"
	done
	# One that was built for 4.20 fits 4.18.
	run -0 rpm --root "$root" --define "__plugindir $BATS_FILE_TMPDIR/header" \
		--load "$TOP/rpm-plugin/macros.transaction_pkgima" --force-debian --nodeps -i "$package"
	[[ $output == *"pkgima: 3 files signed"* ]]
}
