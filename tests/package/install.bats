#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Real packages of the Debian archive: signed, installed by apt and by dpkg, and judged by programs of others.

load helpers

real='coreutils libc6 dash hello iputils-ping openssh-client python3.11-minimal ca-certificates tzdata perl-base gzip zutils'

setup_file()
{
	require root mmdebstrap apt-ftparchive evmctl getfattr dpkg-buildpackage unshare
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system original=$BATS_FILE_TMPDIR/original
	make_keys "$keys"
	make_system "$system"
	mkdir "$original" "$system/repo"
	# shellcheck disable=SC2086,SC2046 # lists of names
	cp $("$support/fetch-debs" $real) "$original"
	# A package of thousands of files: kernel modules.
	cp "$("$TOP/tests/kernel/fetch-stock" 6.1)/package.deb" "$original/linux-image.deb"
	sign --out "$system/repo" "$original"
	make_repository "$system"
	# zutils diverts names of gzip: it has to be there before. Recommended packages are not what is tested.
	in_root "$system" apt-get install -y -q --no-install-recommends zutils
	# shellcheck disable=SC2086
	in_root "$system" apt-get install -y -q --no-install-recommends --reinstall --allow-downgrades $real
	in_root "$system" sh -c 'apt-get install -y -q --no-install-recommends linux-base kmod &&
		dpkg -i --force-depends /repo/linux-image.deb'
}

@test "what was installed is what was signed here" {
	local package
	for package in $real; do
		[ -n "$(find "$system/var/lib/dpkg/info" -name "$package.imasigs" -o -name "$package:amd64.imasigs")" ]
	done
}

@test "verify --payload says ok for every signed package, and unsigned for every original" {
	local package
	for package in "$system"/repo/*.deb; do
		"$PKGIMA" verify --payload --certs "$keys/ima.der" "$package"
	done
	for package in "$original"/*.deb; do
		run -1 "$PKGIMA" verify --certs "$keys/ima.der" "$package"
		[[ $output == *unsigned* ]]
	done
}

@test "dpkg-deb reads signed packages; the data member is the original's, byte for byte" {
	local package name member
	for package in "$original"/*.deb; do
		name=${package##*/}
		dpkg-deb -I "$system/repo/$name" >/dev/null
		cmp <(dpkg-deb -c "$package") <(dpkg-deb -c "$system/repo/$name")
		member=$(ar t "$package" | grep '^data\.tar')
		cmp <(ar p "$package" "$member") <(ar p "$system/repo/$name" "$member")
	done
	dpkg-deb -x "$system/repo/"hello_*.deb "$BATS_TEST_TMPDIR/hello"
	[ -x "$BATS_TEST_TMPDIR/hello/usr/bin/hello" ]
}

# Regular files of an original package as dpkg-deb lists them, and where dpkg says they are after diversions. Conffiles that
# are not executable are left out by default, and say so in pkgima.conf(5).
files_of()
{
	dpkg-deb --fsys-tarfile "$1" | tar -t --verbose --quoting-style=literal --show-transformed-names |
		sed -n 's/^\([-h][^ ]*\) \+[^ ]\+ \+[0-9]\+ [^ ]\+ [^ ]\+ \.\(.*\)$/\1 \2/p' | sed 's/ link to .*//' |
		while read -r mode path; do
			if [[ $mode != *x* ]] && dpkg-deb -I "$1" conffiles 2>/dev/null | grep -qxF "$path"; then
				continue
			fi
			printf '%s\n' "$path"
		done
}

@test "every regular file of every package carries a signature that evmctl accepts" {
	local package path true total=0
	local -a files
	for package in "$original"/*.deb; do
		files=()
		while read -r path; do
			true=$path
			if grep -qxF "$path" "$system/var/lib/dpkg/diversions"; then
				[[ $package == */zutils_* ]] || true=$(in_root "$system" dpkg-divert --truename "$path")
			fi
			[ -f "$system$true" ] || { echo "$package: $true is not there"; return 1; }
			[ -n "$(ima_of "$system$true")" ] || { echo "$package: $true is not signed"; return 1; }
			files+=("$system$true")
		done < <(files_of "$package")
		total=$((total + ${#files[@]}))
		evm_accepts "$keys/ima.der" "${files[@]}"
	done
	echo "$total files"
	[ "$total" -gt 3000 ]
}

@test "maintainer scripts in dpkg's database are signed" {
	local script count=0
	for script in "$system"/var/lib/dpkg/info/{dash,libc6:amd64,openssh-client,ca-certificates,tzdata}.{preinst,postinst,prerm,postrm,config}; do
		[ -e "$script" ] || continue
		evm_accepts "$keys/ima.der" "$script"
		count=$((count + 1))
	done
	[ "$count" -gt 10 ]
}

@test "a diverted file is signed where it stands, the diverting package's at the name" {
	grep -qx /bin/zcat "$system/var/lib/dpkg/diversions"
	evm_accepts "$keys/ima.der" "$system/bin/zcat" "$system/bin/zcat.gzip"
	run ! cmp -s "$system/bin/zcat" "$system/bin/zcat.gzip"
}

@test "dpkg's status is clean, and its own verification finds nothing" {
	[ -z "$(in_root "$system" dpkg --audit)" ]
	# shellcheck disable=SC2086
	run in_root "$system" dpkg --verify $real
	[[ -z $output ]]
}

@test "a second apply has nothing to do" {
	run -0 in_root "$system" pkgima apply --all
	[[ $output == *": 0 files signed,"* ]]
	run -0 in_root "$system" pkgima apply coreutils libc6
	[[ $output == "2 packages: 0 files signed,"* ]]
}

@test "lost signatures come back with apply, from outside the root too" {
	setfattr -x security.ima "$system/bin/ls"
	setfattr -x security.ima "$system/bin/cat"
	run -0 "$PKGIMA" apply --root "$system" coreutils
	[[ $output == *": 2 files signed,"* ]]
	evm_accepts "$keys/ima.der" "$system/bin/ls" "$system/bin/cat"
}

@test "Multi-Arch: same for two architectures: each file signed, and stable" {
	local packages
	in_root "$system" dpkg --add-architecture i386
	mkdir -p "$system/multi" "$BATS_TEST_TMPDIR/multi"
	packages=$("$support/fetch-debs" gcc-12-base gcc-12-base:i386 libgcc-s1:i386 libc6:i386 zlib1g zlib1g:i386)
	# shellcheck disable=SC2086
	sign --out "$system/multi" $packages
	# ECDSA signatures differ each time, so instances of one file do.
	"$PKGIMA" keygen --type ima --name EC --algo p256 --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" \
		--out "$BATS_TEST_TMPDIR/ec"
	"$PKGIMA" sign --key "$BATS_TEST_TMPDIR/ec/ima.key" --cert "$BATS_TEST_TMPDIR/ec/ima.der" --in-place \
		"$system/multi/"gcc-12-base*
	cp "$BATS_TEST_TMPDIR/ec/ima.der" "$system/etc/keys/ima/ec.der"
	in_root "$system" sh -c 'dpkg -i /multi/*.deb'
	[ -e "$system/var/lib/dpkg/info/zlib1g:i386.imasigs" ]
	[ -e "$system/var/lib/dpkg/info/zlib1g:amd64.imasigs" ]
	evm_accepts "$keys/ima.der" "$system/lib/i386-linux-gnu/libz.so.1.2.13" \
		"$system/lib/x86_64-linux-gnu/libz.so.1.2.13" "$system/usr/share/doc/zlib1g/copyright"
	evm_accepts "$BATS_TEST_TMPDIR/ec/ima.der" "$system/usr/share/doc/gcc-12-base/copyright"
	run -0 in_root "$system" pkgima apply --all
	[[ $output == *": 0 files signed,"* ]]
}

@test "signed packages install on a machine that knows nothing of pkgima" {
	local plain=$BATS_TEST_TMPDIR/plain
	"$support/base-root" "$plain"
	cp "$system"/repo/{hello,coreutils,dash,tzdata}_*.deb "$plain/root"
	in_root "$plain" sh -c 'dpkg -i /root/*.deb'
	in_root "$plain" hello
	[ -z "$(in_root "$plain" dpkg --audit)" ]
	[ -z "$(ima_of "$plain/usr/bin/hello")" ]
}

@test "strip gives back control files equal to the original's, and no manifest" {
	local package copy=$BATS_TEST_TMPDIR/package.deb
	for package in "$original"/{coreutils,openssh-client,libc6,tzdata}_*.deb; do
		cp "$system/repo/${package##*/}" "$copy"
		"$PKGIMA" strip --in-place "$copy"
		rm -rf "$BATS_TEST_TMPDIR"/{a,b}
		dpkg-deb -e "$package" "$BATS_TEST_TMPDIR/a"
		dpkg-deb -e "$copy" "$BATS_TEST_TMPDIR/b"
		diff -r "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
		cmp <(cd "$BATS_TEST_TMPDIR/a" && find . -printf '%p %m %t\n' | sort) \
			<(cd "$BATS_TEST_TMPDIR/b" && find . -printf '%p %m %t\n' | sort)
	done
}

@test "RSA: the same input and key give the same bytes, also when signed again" {
	local once=$BATS_TEST_TMPDIR/once
	sign --out "$once" -j 1 "$original"/{coreutils,tzdata}_*.deb
	cmp "$once"/coreutils_*.deb "$system"/repo/coreutils_*.deb
	sign --in-place "$once"/coreutils_*.deb
	cmp "$once"/coreutils_*.deb "$system"/repo/coreutils_*.deb
	cmp "$once"/tzdata_*.deb "$system"/repo/tzdata_*.deb
}
