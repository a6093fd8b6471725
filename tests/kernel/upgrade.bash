# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2016 # scripts for other shells
# For upgrade.bats: "load upgrade", behind both helpers. A Debian system that is signed throughout, as one image; what
# its machines are to do; and what must be so afterwards.

# The package "tool" in a version of its own, as $root/repo/tool_VERSION.deb: a program, its library, a script; and
# maintainer scripts that run them. preinst is a program itself.
make_tool()
{
	local tree=$BATS_FILE_TMPDIR/tool$1
	mkdir -p "$tree/usr/lib/tool" "$tree/usr/bin" "$tree/DEBIAN"
	echo "const char *version(void) { return \"$1\"; }" >"$tree.version.c"
	cat >"$tree.c" <<-'END'
		#include <stdio.h>
		const char *version(void);
		int main(int argc, char **argv)
		{
			return printf("%s %s, version %s\n", argv[0], argc > 1 ? argv[1] : "", version()) < 0;
		}
	END
	gcc -shared -fPIC -Wl,-soname,libown.so -o "$tree/usr/lib/tool/libown.so" "$tree.version.c"
	gcc -o "$tree/usr/lib/tool/program" "$tree.c" -L "$tree/usr/lib/tool" -lown -Wl,-rpath,/usr/lib/tool
	gcc -o "$tree/DEBIAN/preinst" "$tree.c" "$tree.version.c"
	printf '#!/bin/sh\nset -e\n/usr/lib/tool/program "$@"\n' >"$tree/usr/bin/tool"
	printf '#!/bin/sh\nset -e\n/usr/bin/tool "${0##*/} $*"\n/usr/lib/tool/program "${0##*/} $*"\n' |
		tee "$tree/DEBIAN/postinst" >"$tree/DEBIAN/prerm"
	printf '#!/bin/sh\nset -e\necho "postrm $*, version %s"\n' "$1" >"$tree/DEBIAN/postrm"
	chmod 755 "$tree/usr/bin/tool" "$tree"/DEBIAN/p*
	make_deb "$tree" tool "$1"
	mv "$BATS_FILE_TMPDIR/tool.deb" "$root/repo/tool_$1.deb"
}

# The package "NAME" with its files in FOLDER: COUNT ones that differ with each version, one of them a program.
make_files()
{
	local name=$1 folder=$2 count=$3 version=$4 tree=$BATS_FILE_TMPDIR/$1$4 file
	mkdir -p "$tree$folder" "$tree/DEBIAN"
	printf '#!/bin/sh\necho "%s, version %s"\n' "$name" "$version" >"$tree$folder/$name"
	printf '#!/bin/sh\nset -e\n%s/%s\n' "$folder" "$name" >"$tree/DEBIAN/postinst"
	chmod 755 "$tree$folder/$name" "$tree/DEBIAN/postinst"
	for ((file = 1; file < count; file++)); do
		{
			echo "$version"
			head -c $((file * 7919 % 50000)) /dev/urandom
		} >"$tree$folder/$file"
	done
	make_deb "$tree" "$name" "$version"
	mv "$BATS_FILE_TMPDIR/$name.deb" "$root/repo/${name}_$version.deb"
}

# The package "asks": debconf runs its script config ahead of dpkg, from a folder of its own, and again for postinst.
make_asks()
{
	local tree=$BATS_FILE_TMPDIR/asks.d
	mkdir -p "$tree/DEBIAN"
	printf 'Template: asks/value\nType: string\nDefault: none\nDescription: a value\n' >"$tree/DEBIAN/templates"
	printf '#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\necho "$0" >>/run/asked\ndb_set asks/value given\n' \
		>"$tree/DEBIAN/config"
	printf '#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\ndb_get asks/value\necho "$RET" >/run/answer\n' \
		>"$tree/DEBIAN/postinst"
	chmod 755 "$tree/DEBIAN/config" "$tree/DEBIAN/postinst"
	make_deb "$tree" asks
	mv "$BATS_FILE_TMPDIR/asks.deb" "$root/repo/asks_1.deb"
}

# $root, in which every file of a package carries its signature: all of its packages are installed once more, signed,
# by dpkg with the backend. In /repo is what its machines install.
make_signed_root()
{
	local packages names version all=$root/all
	make_system "$root"
	packages=$("$support/build-packages")
	names=$(in_root "$root" dpkg-query -W -f '${Package}\n' | grep -vxE 'pkgima|dpkg-ima')
	mkdir "$all" "$root/repo" "$root/more"
	# shellcheck disable=SC2046,SC2086 # lists of names
	sign --out "$all" $("$support/fetch-debs" $names) "$packages"/{pkgima,dpkg-ima,dpkg-ima-divert}_*.deb
	mv "$all"/dpkg-ima-divert_*.deb "$root/repo"
	in_root "$root" sh -c 'PATH=/usr/libexec/dpkg-ima/bin:$PATH dpkg --force-unsafe-io -i /all/*.deb'
	mv "$all"/{libc6,libselinux1,dash,tar,dpkg,coreutils,pkgima,dpkg-ima}_*.deb "$root/repo"
	for version in 1 2; do
		make_tool $version
		make_files many /usr/share/many 150 $version
		make_files data /opt/data 20 $version
	done
	make_asks
	# With it apt has debconf ask in advance.
	# shellcheck disable=SC2046 # a list of names
	sign --out "$root/repo" $("$support/fetch-debs" apt-utils)
	sign --in-place "$root"/repo/{tool,many,data,asks}_*.deb
	# Not for apt.
	mv "$root"/repo/many_*.deb "$root/more"
	in_root "$root" sh -c 'PATH=/usr/libexec/dpkg-ima/bin:$PATH dpkg --force-unsafe-io -i /more/many_1.deb'
	# apt is to know nothing else: reading the lists of a whole distribution takes such machines minutes.
	rm -rf "$all" "$root"/root/* "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
		"$root"/etc/apt/sources.list*
	mkdir "$root/etc/apt/sources.list.d"
	make_repository "$root"
}

# $image, of $root and with what the machines' init loads; all that is opened under appraise_tcb is signed.
make_image()
{
	mkdir -p "$root"/test/{keys,ca} "$root/ima" "$root/opt/planted"
	cp "$keys/ima.der" "$root/test/keys/site.der"
	cp "$keys/ca.der" "$root/test/ca/site.der"
	cp "$keys/ima.der" "$root/etc/keys/x509_ima.der"
	cp "$(boot --print-init)" "$root/ima/init"
	echo /bin/true >"$root/test/latch"
	cat >"$root/test/policy" <<-'END'
		dont_appraise fsmagic=0x9fa0
		dont_appraise fsmagic=0x62656572
		dont_appraise fsmagic=0x73636673
		appraise func=BPRM_CHECK appraise_type=imasig
		appraise func=MMAP_CHECK mask=MAY_EXEC appraise_type=imasig
		appraise func=MODULE_CHECK appraise_type=imasig
	END
	sign --xattr "$root/ima/init" "$root"/test/{latch,policy,keys/site.der,ca/site.der} "$root/etc/keys/x509_ima.der"
	# The same program without its signature.
	cp "$root/bin/true" "$root/opt/planted/true"
	mke2fs -q -F -t ext4 -m 0 -d "$root" "$image" "$(($(du -sm "$root" | cut -f1) * 5 / 4 + 200))M"
}

# What all scripts for the machines begin with.
prelude()
{
	cat <<-'END'
		export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
		backend=/usr/libexec/dpkg-ima/bin
		apt() { apt-get -q -y -o Dpkg::Use-Pty=0 "$@"; }
		step() { what=$1; shift; "$@" </dev/null; echo "STEP $what: $?"; }
		planted() { step planted /opt/planted/true; }
		works() { tool works && tool works | grep -q ", version $1\$"; }
		consistent() { audit=$(dpkg --audit) && [ -z "$audit" ]; }
	END
}

# steps FILE: what the machine has done and how each step ended, from its output.
steps()
{
	sed -n 's/^STEP //p' "$1"
}

# all_well FILE COUNT: as many steps were taken, and of them failed only what was planted, which is denied.
all_well()
{
	[ "$(steps "$1" | grep -c .)" -eq "$2" ]
	run ! grep -vE '^planted: 126$|: 0$' < <(steps "$1")
	run ! grep dpkg-ima:.*fail "$1"
}

# denials FILE: the audit lines that deny something else than the planted program.
denials()
{
	grep -E 'type=1800 .* res=0' "$1" | grep -v 'name="/opt/planted/true"' || :
}

# Nothing was denied but the planted program, and that as often as it was tried.
only_planted_denied()
{
	denials "$1"
	[ -z "$(denials "$1")" ]
	[ "$(grep -cE 'type=1800 .*cause=IMA-signature-required .*name="/opt/planted/true".* res=0' "$1")" -eq "$2" ]
}

# Prints, of the files below FOLDER that carry a signature, those whose content is not what was signed.
spoiled_signatures()
{
	local list=$BATS_TEST_TMPDIR/signed
	find "$1" -xdev -type f -print0 | xargs -0 getfattr -h --absolute-names -n security.ima 2>/dev/null |
		sed -n 's/^# file: //p' >"$list"
	# All those of the system, not just some: else nothing would be shown.
	[ "$(wc -l <"$list")" -gt 4000 ] || echo "only $(wc -l <"$list") files carry a signature"
	xargs -d '\n' evmctl ima_verify --key "$keys/ima.der" <"$list" 2>&1 | grep -v -e ': verification is OK' \
		-e "^key [0-9]*: " || :
}
