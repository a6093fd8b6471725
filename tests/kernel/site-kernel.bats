#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# certs/kernel.md, to the letter: Debian's configuration becomes that of a kernel with the site's CA, and of one with
# ima-init in its image. Nothing is compiled here; uml.config, which has the same options, is built and booted.

load helpers

TOP=${TOP:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
page=$TOP/certs/kernel.md

setup_file()
{
	require_kernel 6.1
	# It is made from the same source.
	require_kernel uml
	require make gcc bison flex cpio busybox
	export src=$BATS_FILE_TMPDIR/src
	mkdir "$src"
	tar -xJf /usr/src/linux-source-6.1.tar.xz -C "$src" --strip-components=1 --wildcards \
		'*/Kconfig*' '*/Makefile' '*/Makefile.*' '*/Kbuild*' '*/scripts/*' '*/arch/x86/*' '*/usr/*'
	dpkg-deb --fsys-tarfile "$("$kernel_tests/fetch-stock" 6.1)/package.deb" |
		tar -x -C "$BATS_FILE_TMPDIR" --wildcards './boot/config-*'
	cp "$TOP/certs/kernel.config" "$src"
	echo certificate >"$src/ca.pem"
}

setup()
{
	require_kernel 6.1
}

# steps WORD: the lines of the page's block that has WORD in it.
steps()
{
	awk -v word="$1" '/^    / { block = block substr($0, 5) "\n"; next }
		{ if (index(block, word)) printf "%s", block; block = "" }' "$page"
}

# Runs the steps on standard input as they are, but for what compiles the kernel.
take()
{
	sed -e "s#/boot/config-\$(uname -r)#$BATS_FILE_TMPDIR/boot/config-*#" -e '/^make -j/d' -e '/^make$/d' >"$BATS_TEST_TMPDIR/steps"
	cat "$BATS_TEST_TMPDIR/steps"
	(cd "$src" && env -i PATH="$PATH" HOME="$HOME" LC_ALL=C sh -e "$BATS_TEST_TMPDIR/steps") >"$BATS_TEST_TMPDIR/log" 2>&1 ||
		[ "${1-}" = "$?" ] || { tail "$BATS_TEST_TMPDIR/log"; return 1; }
}

@test "Kconfig keeps all of the fragment on top of Debian's configuration" {
	local count
	count=$(steps merge_config | wc -l)
	[ "$count" -eq 6 ]
	# grep finds nothing, and says so.
	steps merge_config | take 1
	run ! grep '^CONFIG_' "$BATS_TEST_TMPDIR/log"
	grep -qxF 'CONFIG_SYSTEM_TRUSTED_KEYS="ca.pem"' "$src/.config"
	grep -qx 'CONFIG_IMA_APPRAISE_SIGNED_INIT=y' "$src/.config"
	# What was not asked for is Debian's.
	grep -qx 'CONFIG_MODULE_SIG=y' "$src/.config"
	# It can find something: an option that this kernel does not have.
	echo CONFIG_NO_SUCH_OPTION=y >>"$src/kernel.config"
	steps merge_config | take
	grep -qx CONFIG_NO_SUCH_OPTION=y "$BATS_TEST_TMPDIR/log"
}

@test "the kernel's own script makes an initramfs of the list, with ima-init and what it reads" {
	local site=$BATS_TEST_TMPDIR/site
	mkdir "$site"
	for file in ima.der ca.der policy policy.sig; do
		echo "$file" >"$site/$file"
	done
	[ -e "$src/.config" ] || cp "$BATS_FILE_TMPDIR"/boot/config-* "$src/.config"
	{
		steps INITRAMFS_SOURCE | sed -e "s#SITE=…#SITE=$site#" -e "s#EMBEDDED=…#EMBEDDED=$TOP#" \
			-e "s#/ima/init#${PKGIMA_BUILD:-$TOP/build}/ima-init#"
		# What make does then (usr/Makefile).
		cat <<-'END'
			cc -o usr/gen_init_cpio usr/gen_init_cpio.c
			usr/gen_initramfs.sh -o usr/initramfs_data.cpio "$(sed -n 's/^CONFIG_INITRAMFS_SOURCE="\(.*\)"/\1/p' .config)"
		END
	} | take
	cpio -t --quiet <"$src/usr/initramfs_data.cpio" >"$BATS_TEST_TMPDIR/files"
	for file in init bin/busybox etc/keys/x509_ima.der ima-init/init ima-init/policy ima-init/policy.sig ima-init/ca/site.der; do
		grep -qx "/*$file" "$BATS_TEST_TMPDIR/files"
	done
}
