#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The program ima-init as a file, its table of failures against ima-init(8), the policies, and what make installs.

load ../support/require

setup()
{
	TOP=${TOP:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
	PKGIMA_BUILD=${PKGIMA_BUILD:-$TOP/build}
	init=$PKGIMA_BUILD/ima-init policies=$TOP/pkg-ima-init/policies
	export LC_ALL=C
}

# make as a person would call it.
clean_make()
{
	env -i PATH="${PATH//"$BATS_LIBEXEC":/}" HOME="$HOME" make --no-print-directory -s -C "$TOP" "$@" 3>&-
}

@test "ima-init(8) has the table of failures that the program has" {
	require mandoc
	"$init" --failures >"$BATS_TEST_TMPDIR/program"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/program")" -ge 25 ]
	sed -n 's/^\.It \(.*\) Ta \(.*\) Ta \(.*\)$/\1\t\2\t\3/p' "$TOP/man/ima-init.8" | grep -v '^Sy ' |
		diff "$BATS_TEST_TMPDIR/program" -
	# And it is what a reader sees.
	mandoc -T ascii -O width=200 "$TOP/man/ima-init.8" | sed 's/.\x08//g; s/^ *//; s/   */\t/g' >"$BATS_TEST_TMPDIR/page"
	while IFS= read -r row; do
		grep -qxF -- "$row" "$BATS_TEST_TMPDIR/page"
	done < <(sed 's/\t/\n/g' "$BATS_TEST_TMPDIR/program" | paste - - - | sed 's/   */\t/g')
}

@test "every failure has its place in the code" {
	while read -r id; do
		echo "$id"
		# What a signal ends is the one that no function reports.
		[ "$id" = FAULT ] || grep -qw "FAILURE_$id" "$TOP"/pkg-ima-init/*.c
	done < <(sed -n 's/^\trow(\([A-Z_]*\),.*/\1/p' "$TOP/pkg-ima-init/failures.h")
	grep -q 'fault in ima-init itself: signal' "$TOP/pkg-ima-init/report.c"
}

@test "every failure is provoked by a kernel test" {
	while IFS= read -r text; do
		echo "$text"
		grep -qF -- "$text" "$TOP"/tests/kernel/ima-init*.bats
	done < <(sed -n 's/^\trow(.*, "\(.*\)").*/\1/p' "$TOP/pkg-ima-init/failures.h")
}

@test "static and small, with musl or with the system's C library; what does nothing has less than a page or three" {
	require readelf nm musl-gcc
	local other=$BATS_TEST_TMPDIR/build
	clean_make O="$other" MUSL_GCC= "$other/ima-init"
	[ "$(stat -c %s "$init")" -lt $((128 << 10)) ]
	[ "$(stat -c %s "$other/ima-init")" -lt $((1 << 20)) ]
	diff <("$init" --failures) <("$other/ima-init" --failures)
	[ "$(stat -c %s "$PKGIMA_BUILD/ima-probe")" -lt 12288 ]
	for program in "$init" "$other/ima-init" "$PKGIMA_BUILD/ima-probe"; do
		run ! grep -E '\((NEEDED|RPATH|RUNPATH|TEXTREL)\)' <(readelf -dW "$program")
		run ! grep INTERP <(readelf -lW "$program")
		readelf -lW "$program" | grep -qE ' GNU_STACK .* RW +0x'
	done
	for program in "$init" "$other/ima-init"; do
		readelf -hW "$program" | grep -q 'Type: *DYN '
		readelf -dW "$program" | grep -q 'FLAGS_1.*\bPIE\b'
		readelf -lW "$program" | grep -q ' GNU_RELRO '
		run ! grep -aE 'OpenSSL|libcrypto' "$program"
	done
	run -0 "$PKGIMA_BUILD/ima-probe"
	for name in clang no-such-program; do
		run ! clean_make O="$other" MUSL_GCC=$name "$other/ima-init"
		[[ $output == *"MUSL_GCC=$name: no script that names musl-gcc.specs"* ]]
	done
}

@test "when it is not the first process: help, version, nothing else" {
	run -0 "$init" --help
	[[ $output == *"init=/ima/init"*"ima-init(8)"* ]]
	run -0 "$init" --version
	[ "$output" = "ima-init $(sed -n 's/^VERSION := //p' "$TOP/Makefile")" ]
	for arguments in '' --nothing '--help more'; do
		# shellcheck disable=SC2086 # words
		run -2 "$init" $arguments
		[[ $output == Usage:* ]]
	done
}

@test "the other build says that it is one; the choice is not mixed up" {
	local other=$BATS_TEST_TMPDIR/build
	clean_make O="$other" INIT_RECOVERY=no "$other/ima-init"
	run -0 "$other/ima-init" --version
	[[ $output == *", takes no word that weakens it" ]]
	clean_make O="$other" "$other/ima-init"
	run -0 "$other/ima-init" --version
	[[ $output != *weakens* ]]
}

# As a first process it survives what it can meet where nothing is as it should be: here, in a namespace of its own, in
# which it may mount nothing. It never ends by itself.
@test "as PID 1 of a container without rights: it says why, and stays" {
	require root unshare timeout
	local root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/ima"
	cp "$init" "$root/ima/init"
	# shellcheck disable=SC2016 # the inner shell's
	run timeout --signal=KILL 20 unshare --pid --fork --kill-child --mount sh -c '
		mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec chroot "$1" /ima/init' sh "$root"
	echo "$output"
	[ "$status" -eq 137 ]
	# Said, and said again.
	[ "$(grep -c 'ima-init: cannot mount /proc: .*; the boot stops' <<<"$output")" -ge 2 ]
}

@test "a fault is said, and does not end it" {
	require root unshare timeout
	local root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/ima"
	cp "$init" "$root/ima/init"
	# It gets a signal that its own fault would raise, once it waits; before that a first process does not see it.
	# shellcheck disable=SC2016 # the inner shell's
	run timeout --signal=KILL 12 unshare --pid --fork --kill-child --mount sh -c '
		mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"
		(for _ in 1 2 3 4; do sleep 2; kill -SEGV 1; done) & exec chroot "$1" /ima/init' sh "$root"
	echo "$output"
	[ "$status" -eq 137 ]
	grep -q 'ima-init: fault in ima-init itself: signal 11; the boot stops' <<<"$output"
}

# Rules of a policy, without comments.
rules()
{
	grep '^[^#]' "$policies/$1"
}

@test "policies: what a policy has to have, and must not have" {
	[ "$(find "$policies" -type f | wc -l)" -eq 6 ]
	for policy in log exec all log-measure exec-measure all-measure; do
		[[ $(rules "$policy" | head -n 1) =~ ^(audit|appraise)" func=POLICY_CHECK" ]]
		[ "$(tail -c 1 "$policies/$policy" | od -An -tx1)" = " 0a" ]
		# tmpfs, ramfs, rootfs by number or by name.
		run ! grep -iE '0x0*1021994|0x858458f6|fsname=' <(rules "$policy")
		# Nothing is exempted but from FILE_CHECK.
		run ! grep -v func=FILE_CHECK <(rules "$policy" | grep dont_)
		grep -qi 'leaves open' "$policies/$policy"
	done
	for policy in log log-measure; do
		run ! grep -E appraise <(rules "$policy")
	done
	for func in POLICY_CHECK BPRM_CHECK 'MMAP_CHECK mask=MAY_EXEC' MODULE_CHECK FIRMWARE_CHECK KEXEC_KERNEL_CHECK \
		KEXEC_INITRAMFS_CHECK; do
		for policy in exec all exec-measure all-measure; do
			rules "$policy" | grep -qxF "appraise func=$func appraise_type=imasig"
		done
		rules log | grep -qxF "audit func=$func"
	done
	rules all | grep -qx 'appraise func=FILE_CHECK fowner=0'
	grep -q 'FOR THE LAB' "$policies/all" "$policies/all-measure"
}

@test "policies: what measures does all that its sibling does, and measures" {
	for policy in log exec all; do
		diff <(rules "$policy") <(rules "$policy-measure" | grep -v '^measure ')
		for func in POLICY_CHECK BPRM_CHECK 'MMAP_CHECK mask=MAY_EXEC' MODULE_CHECK KEXEC_CMDLINE \
			'KEY_CHECK keyrings=_ima|_ca|.ima'; do
			rules "$policy-measure" | grep -qxF "measure func=$func"
		done
	done
}

@test "make install-init and uninstall-init: all in its place, and nothing left" {
	local to=$BATS_TEST_TMPDIR/to
	clean_make O="$PKGIMA_BUILD" install-init DESTDIR="$to"
	diff <(cd "$to" && find . ! -type d | sort) <({
		printf './%s\n' ima/init ima/latch ima/proof
		printf './lib/systemd/system/%s\n' ima-init-keys.path ima-init-keys.service
		printf './usr/lib/dracut/modules.d/95ima-init/%s\n' cleanup.sh module-setup.sh switch-root.conf
		for policy in "$policies"/*; do echo "./usr/share/ima-init/policies/${policy##*/}"; done
		printf './usr/share/ima-init/boot/%s\n' grub kernel-install
		printf './usr/share/ima-init/initramfs/%s\n' carry collect
		printf './usr/share/initramfs-tools/%s\n' hooks/ima-init scripts/init-bottom/ima-init
		printf './usr/share/%s\n' ima-init/removal man/man8/ima-init.8
	} | sort)
	[ "$(stat -c %a "$to/ima/init" "$to/usr/share/ima-init/policies/log" | xargs)" = "755 644" ]
	cmp "$to/ima/latch" "$to/ima/proof"
	[ "$(stat -c %i "$to/ima/latch")" != "$(stat -c %i "$to/ima/proof")" ]
	touch "$to/ima/other"
	clean_make O="$PKGIMA_BUILD" uninstall-init DESTDIR="$to"
	[ "$(cd "$to" && find . ! -type d)" = ./ima/other ]
	[ ! -e "$to/usr/share/ima-init" ]
}

@test "the kernel's configuration that we give advice on is the one that the tests boot" {
	grep '^CONFIG_' "$TOP/certs/kernel.config" >"$BATS_TEST_TMPDIR/lines"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/lines")" -ge 30 ]
	run ! grep -vxF -f "$TOP/tests/kernel/uml.config" "$BATS_TEST_TMPDIR/lines"
}
