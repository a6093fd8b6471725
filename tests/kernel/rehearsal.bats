#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# doc/from-stock-to-enforced.md, word by word: from a stock Debian 12 system to one that enforces, gets packages and updates,
# changes its key, and is booted again. rehearsal.bash says how. The tests go on where the one before has ended.
# Under 6.12 all ten steps are done; under 6.1 the first nine, and a package is installed.
# shellcheck disable=SC2016,SC2154 # scripts for other shells; variables of the files loaded

load helpers
load ../package/helpers
load ima-init-boot
load rehearsal

setup_file()
{
	require_kernel 6.1
	require mmdebstrap apt-ftparchive gpg dpkg-buildpackage unshare getfattr mount e2fsck
	export stock=$BATS_FILE_TMPDIR/stock home=$BATS_FILE_TMPDIR/home bin=$BATS_FILE_TMPDIR/bin
	export states=$BATS_FILE_TMPDIR/states updates=$BATS_FILE_TMPDIR/updates guide=$BATS_FILE_TMPDIR/guide support
	split_guide "$TOP/doc/from-stock-to-enforced.md" "$guide"
	echo 0 >"$BATS_FILE_TMPDIR/done"
	signing_programs
	cp "$("$support/build-packages")"/{pkgima,dpkg-ima,ima-init}_*.deb "$home"
	make_stock
}

teardown_file()
{
	# It was started by gpg, and goes on.
	gpgconf --homedir "$BATS_FILE_TMPDIR/home/gnupg" --kill gpg-agent || :
}

setup()
{
	image=$BATS_FILE_TMPDIR/6.12.img
}

@test "the first eight steps, and what takes them back" {
	rehearse_here
	# What is refused on the way says so by its exit status.
	run ! grep -E '^(error|E): ' "$guide"/*.out
	[ "$(sed 's/^[0-9]*-//' "$BATS_FILE_TMPDIR/done")" = 8.machine ]
	mkdir "$states"
	make_image "$image"
	cp --sparse=always "$image" "$BATS_FILE_TMPDIR/6.1.img"
	# What has one kernel less is done sooner.
	on_image "$image" bash -euc 'with_grub in_root "$stock" sh -c "apt-get purge linux-image-6.1.*"'
}

@test "6.12: a boot that logs, and the word to enforce" {
	segment_script >"$BATS_TEST_TMPDIR/script"
	start 6.12 "$image" "$BATS_TEST_TMPDIR/script"
	as_guided 2
	[ -z "$(denials "$audit")" ]
}

@test "6.12: enforced: a login, a service, a new key, and an upgrade of what all depends on" {
	local again name
	segment_script >"$BATS_TEST_TMPDIR/script"
	again=$guide/$(cat "$BATS_FILE_TMPDIR/done")
	{
		in_part "$again"
		checks
	} >>"$BATS_TEST_TMPDIR/script"
	start 6.12 "$image" "$BATS_TEST_TMPDIR/script" 2400
	as_guided 4
	enforces 6.12
	grep -qx 'PART 0' "$out"
	[ "$(grep -c '^Unpacking .* over' "$out")" -eq 24 ]
	for name in libc6 dpkg systemd bash coreutils; do
		grep -q "^Unpacking $name.* (.*+u1) over" "$out"
	done
	rest_here "$image" "$again"
}

@test "6.12: enforced: the old key is retired" {
	{
		segment_script
		checks
	} >"$BATS_TEST_TMPDIR/script"
	start 6.12 "$image" "$BATS_TEST_TMPDIR/script"
	as_guided 1
	enforces 6.12
}

@test "6.12: booted again, with the new key only" {
	sign_anew "$image"
	{
		segment_script
		checks
	} >"$BATS_TEST_TMPDIR/script"
	start 6.12 "$image" "$BATS_TEST_TMPDIR/script"
	as_guided 1
	enforces 6.12
	[ "$(grep -c '^key=' "$out")" -eq 1 ]
}

@test "6.1: enforced: a login, and a service" {
	image=$BATS_FILE_TMPDIR/6.1.img
	enforce_at_once "$image"
	{
		echo 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive; cd /root; exec </dev/null 2>&1'
		echo 'echo "SYSTEM $(systemctl is-system-running --wait) $(systemctl is-active multi-user.target)"'
		echo 'apt-get update; apt-get install nginx'
		checks
	} >"$BATS_TEST_TMPDIR/script"
	start 6.1 "$image" "$BATS_TEST_TMPDIR/script"
	enforces 6.1
}
