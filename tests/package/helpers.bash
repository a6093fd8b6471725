# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# For the bats files of this folder: "load helpers". Everything happens in scratch roots under $BATS_FILE_TMPDIR.

load ../support/require

TOP=${TOP:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
PKGIMA=${PKGIMA:-$TOP/build/pkgima}
support=$TOP/tests/support
PATH=$PATH:/usr/sbin:/sbin
export TOP PKGIMA LC_ALL=C.UTF-8

# For base-root: what a machine has that builds packages, and what tests of that need.
# shellcheck disable=SC2034 # for those who load this
building=(rpm debconf mount debhelper build-essential fakeroot apt-utils ima-evm-utils openssl softhsm2
	libengine-pkcs11-openssl)

# make_keys DIR: a site CA, an IMA certificate by it, and one by a CA of which nobody knows.
make_keys()
{
	"$PKGIMA" keygen --type ca --name 'Site CA' --out "$1"
	"$PKGIMA" keygen --type ima --name 'Site IMA' --ca-cert "$1/ca.pem" --ca-key "$1/ca.key" --out "$1"
	"$PKGIMA" keygen --type ca --name 'Rogue CA' --out "$1/rogue"
	"$PKGIMA" keygen --type ima --name 'Rogue IMA' --ca-cert "$1/rogue/ca.pem" --ca-key "$1/rogue/ca.key" \
		--out "$1/rogue"
}

sign()
{
	"$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" "$@"
}

# in_root DIR COMMAND...: chrooted, in mount and process namespaces of its own.
in_root()
{
	# shellcheck disable=SC2016 # the inner shell's
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
		unshare --mount --pid --fork --kill-child sh -c \
		'root=$1; shift; mount -t proc proc "$root/proc"; exec chroot "$root" "$@"' sh "$@"
}

# make_system DIR: a Debian system that has pkgima and dpkg-ima installed from their packages, and trusts $keys. The
# package of the diversion lies in /root/divert.
make_system()
{
	local packages
	packages=$("$support/build-packages")
	"$support/base-root" "$1"
	cp /etc/resolv.conf "$1/etc/resolv.conf"
	mkdir -p "$1/etc/keys/ima" "$1/etc/keys/ima-ca" "$1/root/packages" "$1/root/divert"
	cp "$keys/ima.der" "$1/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$1/etc/keys/ima-ca/site.der"
	cp "$packages"/{pkgima,dpkg-ima,dpkg-ima-divert}_*.deb "$1/root/packages"
	mv "$1"/root/packages/dpkg-ima-divert_*.deb "$1/root/divert"
	in_root "$1" sh -c 'apt-get install -y -q /root/packages/*.deb'
}

# make_repository ROOT: what is in ROOT/repo is what apt in there prefers.
make_repository()
{
	(cd "$1/repo" && apt-ftparchive packages . >Packages)
	echo 'deb [trusted=yes] file:/repo ./' >"$1/etc/apt/sources.list.d/local.list"
	printf 'Package: *\nPin: origin ""\nPin-Priority: 1001\n' >"$1/etc/apt/preferences.d/local"
	in_root "$1" apt-get update -q -o Dir::Etc::sourcelist=sources.list.d/local.list \
		-o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
}

# make_deb DIR NAME [VERSION]: builds DIR (made by the test, with the files of the package) into NAME.deb beside it.
make_deb()
{
	mkdir -p "$1/DEBIAN"
	printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Test <test@localhost>\nDescription: test\n' \
		"$2" "${3:-1}" >"$1/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$1" "$(dirname "$1")/$2.deb" >/dev/null
}

# Value of security.ima in hexadecimal, or nothing.
ima_of()
{
	getfattr -h --absolute-names -n security.ima -e hex "$1" 2>/dev/null | sed -n 's/^security.ima=0x//p'
}

# evm_accepts CERT FILE...: each is signed by it, in the judgement of evmctl.
evm_accepts()
{
	local cert=$1 file
	shift
	for file; do
		evmctl ima_verify --key "$cert" "$file" >"$BATS_TEST_TMPDIR/evmctl" 2>&1 || {
			echo "evmctl does not accept $file:" >&2
			cat "$BATS_TEST_TMPDIR/evmctl" >&2
			return 1
		}
	done
}
