#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Does "run" tell the truth? Each test would fail if the kernel let pass what
# it has to deny, or if the runner took one outcome for another.

load helpers

setup_file()
{
	export dir=$BATS_FILE_TMPDIR
	export leaf=$dir/leaf rogue=$dir/rogue plain=$dir/plain
	command -v openssl busybox >/dev/null || return 0
	make_root "$plain"
	cat >"$dir/try" <<-'END'
		/signed/echo signed ran
		/unsigned/echo unsigned ran
		echo "unsigned: $?"
		/rogue/echo rogue ran
		echo "rogue: $?"
		exit 7
	END
}

# Certificates by the CA that the UML kernel trusts; made once.
keys()
{
	[ ! -e "$rogue.der" ] || return 0
	local ca
	ca=$("${kernel_tests:?}/build-uml")
	make_leaf "$leaf" "$ca/ca.pem" "$ca/ca.key"
	make_leaf "$rogue"
}

# script < TEXT: prints the path of a file that holds it.
script()
{
	cat >"$BATS_TEST_TMPDIR/script"
	echo "$BATS_TEST_TMPDIR/script"
}

# What $output and $dir/audit must say after "try" ran under enforcement.
denied_as_it_should()
{
	echo "$output"
	cat "$1"
	[ "$status" -eq 7 ]
	[[ $output == *"signed ran"* ]]
	[[ $output != *"unsigned ran"* ]]
	[[ $output != *"rogue ran"* ]]
	[[ $output == *"/unsigned/echo: Permission denied"* ]]
	[[ $output == *"unsigned: 126"* ]]
	[[ $output == *"rogue: 126"* ]]
	grep -q 'type=1800 .*cause=IMA-signature-required .*name="/unsigned/echo"' "$1"
	grep -q 'type=1800 .*cause=invalid-signature .*name="/rogue/echo"' "$1"
	run ! grep 'type=1800 .*name="/signed/echo"' "$1"
}

policy_denies()
{
	local root=$BATS_TEST_TMPDIR/root
	require_kernel "$1"
	require_kernel uml
	keys
	make_root "$root" signed unsigned rogue latch
	mkdir "$root/test/keys" "$root/test/ca"
	evmctl_sign "$leaf" "$root/bin/busybox" "$root/signed/echo" "$root/latch/echo"
	evmctl_sign "$rogue" "$root/rogue/echo"
	cp "$leaf.der" "$rogue.der" "$root/test/keys"
	cp "$("$kernel_tests/build-uml")/ca.der" "$root/test/ca"
	echo /latch/echo >"$root/test/latch"
	cat >"$root/test/policy" <<-'END'
		dont_appraise fsmagic=0x9fa0
		dont_appraise fsmagic=0x62656572
		dont_appraise fsmagic=0x73636673
		appraise func=BPRM_CHECK appraise_type=imasig
	END
	run boot "$1" "$root" "$dir/try" --append ima_appraise=enforce \
		--audit "$BATS_TEST_TMPDIR/audit" --console "$BATS_TEST_TMPDIR/console"
	denied_as_it_should "$BATS_TEST_TMPDIR/audit"
	grep -q 'test-init: load /test/keys/rogue.der: Required key not available' \
		"$BATS_TEST_TMPDIR/console"
}

# uml_root DIR: signed for SIGNED_INIT and appraise_tcb, init included.
uml_root()
{
	make_root "$1" signed unsigned rogue
	mkdir "$1/ima"
	cp "$(boot --print-init)" "$1/ima/init"
	cp "$dir/try" "$1/test/script"
	cp "$leaf.der" "$1/etc/keys/x509_ima.der"
	evmctl_sign "$leaf" "$1/bin/busybox" "$1/signed/echo" "$1/ima/init" "$1/test/script"
	evmctl_sign "$rogue" "$1/rogue/echo"
}

tcb='ima_appraise=enforce ima_policy=appraise_tcb'

@test "uml: the kernel loads /etc/keys/x509_ima.der; signed runs, unsigned and rogue are denied" {
	require_kernel uml
	keys
	uml_root "$BATS_TEST_TMPDIR/root"
	run boot uml "$BATS_TEST_TMPDIR/root" - --init /ima/init --append "$tcb" \
		--audit "$BATS_TEST_TMPDIR/audit"
	denied_as_it_should "$BATS_TEST_TMPDIR/audit"
	grep -q "integrity: Loaded X.509 cert 'leaf:" "$BATS_TEST_TMPDIR/audit"
}

@test "uml: an unsigned init is not run: panic, status 125" {
	require_kernel uml
	keys
	uml_root "$BATS_TEST_TMPDIR/root"
	setfattr -x security.ima "$BATS_TEST_TMPDIR/root/ima/init"
	run boot uml "$BATS_TEST_TMPDIR/root" - --init /ima/init --append "$tcb" \
		--result "$BATS_TEST_TMPDIR/result" --audit "$BATS_TEST_TMPDIR/audit"
	echo "$output"
	[ "$status" -eq 125 ]
	[ "$(cat "$BATS_TEST_TMPDIR/result")" = panic ]
	# The audit line may not get out any more.
	[[ $output == *"Requested init /ima/init failed (error -13)"* ]]
}

@test "uml: an unsigned script is never run: status 123" {
	require_kernel uml
	keys
	uml_root "$BATS_TEST_TMPDIR/root"
	setfattr -x security.ima "$BATS_TEST_TMPDIR/root/test/script"
	run boot uml "$BATS_TEST_TMPDIR/root" - --init /ima/init --append "$tcb"
	echo "$output"
	[ "$status" -eq 123 ]
	[[ $output == *"open /test/script: Permission denied"* ]]
}

@test "uml: with .ima and a policy signed runs, unsigned and rogue are denied" {
	policy_denies uml
}

@test "6.1: with _ima and a policy signed runs, unsigned and rogue are denied" {
	policy_denies 6.1
}

@test "6.12: with _ima and a policy signed runs, unsigned and rogue are denied" {
	policy_denies 6.12
}

@test "6.1: without a policy nothing is denied" {
	require_kernel 6.1
	make_root "$BATS_TEST_TMPDIR/root" signed unsigned rogue
	run boot 6.1 "$BATS_TEST_TMPDIR/root" "$dir/try"
	[ "$status" -eq 7 ]
	[[ $output == *"unsigned ran"* ]]
}

@test "6.12: a panic is status 125" {
	require_kernel 6.12
	run boot 6.12 "$plain" "$(script <<<'echo before; sleep 1; echo c >/proc/sysrq-trigger')"
	echo "$output"
	[ "$status" -eq 125 ]
	[[ $output == *before* ]]
}

@test "6.12: a time limit is status 124, and what was said until then comes out" {
	require_kernel 6.12
	run boot 6.12 "$plain" "$(script <<<'echo before; sleep 300')" --timeout 60
	echo "$output"
	[ "$status" -eq 124 ]
	[[ $output == *before* ]]
}

@test "uml: a time limit is status 124, and nothing goes on running" {
	require_kernel uml
	run boot uml "$plain" "$(script <<<'echo before; sleep 300')" --timeout 20 \
		--append "mark=$BATS_TEST_TMPDIR"
	echo "$output"
	[ "$status" -eq 124 ]
	[[ $output == *before* ]]
	timeout 5 sh -c "while pgrep -f '[m]ark=$BATS_TEST_TMPDIR'; do sleep 0.1; done"
}

@test "uml: the script's exit status and the signal that killed it come out" {
	require_kernel uml
	run boot uml "$plain" "$(script <<<'exit 42')"
	[ "$status" -eq 42 ]
	run boot uml "$plain" "$(script <<<'kill -9 $$')"
	[ "$status" -eq 137 ]
	run boot uml "$plain" "$(script <<<'exit 124')" --result "$BATS_TEST_TMPDIR/result"
	[ "$status" -eq 124 ]
	[ "$(cat "$BATS_TEST_TMPDIR/result")" = "exit 124" ]
}

@test "uml: a script that is executed by itself has to be signed" {
	require_kernel uml
	keys
	uml_root "$BATS_TEST_TMPDIR/root"
	run boot uml "$BATS_TEST_TMPDIR/root" - --init /ima/init --append "$tcb" --shell -
	[ "$status" -eq 123 ]
	{
		echo '#!/bin/sh'
		cat "$dir/try"
	} >"$BATS_TEST_TMPDIR/root/test/script"
	chmod 755 "$BATS_TEST_TMPDIR/root/test/script"
	run boot uml "$BATS_TEST_TMPDIR/root" - --init /ima/init --append "$tcb" --shell -
	[ "$status" -eq 123 ]
	[[ $output == *"execute /test/script: Permission denied"* ]]
	evmctl_sign "$leaf" "$BATS_TEST_TMPDIR/root/test/script"
	run boot uml "$BATS_TEST_TMPDIR/root" - --init /ima/init --append "$tcb" --shell -
	[ "$status" -eq 7 ]
}

@test "uml: another init can end in the runner's" {
	require_kernel uml
	make_root "$BATS_TEST_TMPDIR/root"
	cp "$(boot --print-init)" "$BATS_TEST_TMPDIR/root/bin/last"
	cat >"$BATS_TEST_TMPDIR/root/bin/init" <<-'END'
		#!/bin/sh
		mount -t proc proc /proc
		/bin/last
		sleep 300
	END
	chmod 755 "$BATS_TEST_TMPDIR/root/bin/init"
	run boot uml "$BATS_TEST_TMPDIR/root" "$(script <<<'echo last; exit 9')" \
		--init /bin/init
	echo "$output"
	[ "$status" -eq 9 ]
	[ "$output" = last ]
}

@test "uml: a runner that is told to end takes its machine and files with it" {
	require_kernel uml
	local pid
	mkdir "$BATS_TEST_TMPDIR/tmp"
	TMPDIR=$BATS_TEST_TMPDIR/tmp "$kernel_tests/run" uml "$plain" \
		"$(script <<<'sleep 300')" --append "mark=$BATS_TEST_TMPDIR" 3>&- &
	pid=$!
	timeout 20 sh -c "until pgrep -f 'linux .*[m]ark=$BATS_TEST_TMPDIR'; do sleep 0.2; done"
	kill -TERM "$pid"
	wait "$pid" && status=0 || status=$?
	[ "$status" -eq 126 ]
	timeout 5 sh -c "while pgrep -f 'linux .*[m]ark=$BATS_TEST_TMPDIR'; do sleep 0.1; done"
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/tmp")" ]
}

@test "uml: no shell, no script, no such root: 123 and 126" {
	require_kernel uml
	mkdir "$BATS_TEST_TMPDIR/empty"
	run boot uml "$BATS_TEST_TMPDIR/empty" "$dir/try"
	[ "$status" -eq 123 ]
	[[ $output == *"execute /bin/sh: No such file"* ]]
	run boot uml "$plain" -
	[ "$status" -eq 126 ]
	run boot uml "$dir/nothing" "$dir/try"
	[ "$status" -eq 126 ]
	run boot uml "$plain" "$dir/try" --no-such-option
	[ "$status" -eq 126 ]
}

@test "uml: long output comes out whole" {
	require_kernel uml
	boot uml "$plain" "$(script <<<'seq 300000')" >"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/out" <(seq 300000)
}

@test "uml: the root stays as it was, the saved image has what the script wrote" {
	require_kernel uml
	list() { find "$plain" -printf '%P %T@ %s %m %i\n' | sort; }
	list >"$BATS_TEST_TMPDIR/before"
	boot uml "$plain" "$(script <<<'echo written >/new')" \
		--save-image "$BATS_TEST_TMPDIR/img"
	cmp "$BATS_TEST_TMPDIR/before" <(list)
	run boot uml "$BATS_TEST_TMPDIR/img" -
	[ "$status" -eq 0 ]
	echo 'cat /new' >"$BATS_TEST_TMPDIR/read"
	debugfs -w -R 'rm /test/script' "$BATS_TEST_TMPDIR/img" 2>/dev/null
	run boot uml "$BATS_TEST_TMPDIR/img" "$BATS_TEST_TMPDIR/read"
	[ "$output" = written ]
}
