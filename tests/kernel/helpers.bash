# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# For the bats files of this folder: "load helpers".
#
# Nothing here uses pkgima: certificates are made by openssl and signatures by
# evmctl, so that what a test says about a kernel does not rest on us.

load ../support/require

kernel_tests=$BATS_TEST_DIRNAME

# require_kernel KERNEL: skips where something that its boot needs is missing.
require_kernel()
{
	require root mke2fs debugfs openssl evmctl setfattr busybox gcc flock timeout
	case $1 in
	uml) require make flex bison bc xz ;;
	*) require qemu-system-x86_64 cpio apt-get dpkg-deb objcopy xz ;;
	esac
	[ "$1" != uml ] || [ -r /usr/src/linux-source-6.1.tar.xz ] || require linux-source-6.1
}

boot()
{
	"$kernel_tests/run" "$@"
}

# make_leaf NAME [CA.pem CA.key]: NAME.key .pem .der, an IMA certificate;
# self-signed where there is no CA.
make_leaf()
{
	local -a issuer=()
	[ $# -lt 3 ] || issuer=(-CA "$2" -CAkey "$3" -CAcreateserial)
	[ $# -ge 3 ] || issuer=(-signkey "$1.key")
	openssl req -new -newkey rsa:2048 -nodes -subj "/CN=${1##*/}" \
		-keyout "$1.key" -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -days 3650 -sha256 -out "$1.pem" \
		"${issuer[@]}" -CAserial "$1.srl" -extfile <(
		echo 'basicConstraints = critical, CA:FALSE'
		echo 'keyUsage = critical, digitalSignature'
		echo 'subjectKeyIdentifier = hash'
		echo 'authorityKeyIdentifier = keyid'
	) 2>/dev/null
	openssl x509 -in "$1.pem" -outform DER -out "$1.der"
}

# evmctl_sign LEAF FILE...: sets security.ima.
evmctl_sign()
{
	local leaf=$1 file
	for file in "${@:2}"; do
		evmctl ima_sign --hashalgo sha256 --key "$leaf.key" \
			--keyid-from-cert "$leaf.pem" "$file" >/dev/null
	done
}

# make_root DIR: busybox as sh, and DIR/WORD/echo, a busybox of its own (by
# that name it is echo), for each further WORD. Nothing is signed.
make_root()
{
	local dir=$1 word
	mkdir -p "$dir/bin" "$dir/etc/keys" "$dir/test"
	for word in bin "${@:2}"; do
		mkdir -p "$dir/$word"
		cp "$(command -v busybox)" "$dir/$word/echo"
	done
	mv "$dir/bin/echo" "$dir/bin/busybox"
	for word in sh cat sleep seq mount kill; do
		ln -s busybox "$dir/bin/$word"
	done
}

# The table of SECURITY.md, "NAME|OUTCOME".
bypass_table()
{
	sed -n '/^| What root does/,/^$/s/^| \([^|]*[^ |]\) *| \(denied\|open\) *|.*|$/\1|\2/p' "$TOP/SECURITY.md"
}

# came_out OUTCOME SAID: what was said on a machine is what an outcome of that table looks like.
came_out()
{
	case $1 in
	denied)
		[[ $2 =~ (Permission|not\ permitted|not\ available|rejected\ by|Text\ file\ busy|failed\ to\ map|Directory\ nonexistent|never) ]]
		[[ $2 != *ran!* && $2 != *" ran "* && $2 != "ran "* ]]
		;;
	open) [[ $2 == ran* ]] ;;
	*) false ;;
	esac
}
