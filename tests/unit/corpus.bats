#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
bats_require_minimum_version 1.5.0

# The fuzzers' targets over what they start from and over all that they ever found.

replay() { # NAME
	local files=()
	for folder in corpus crashes; do
		for file in "$TOP/tests/data/$folder/$1"/*; do
			[ ! -f "$file" ] || files+=("$file")
		done
	done
	[ "${#files[@]}" -gt 0 ]
	run "$PKGIMA_BUILD/tests/fuzz/fuzz_$1-replay" "${files[@]}"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = "${#files[@]} inputs" ]
}

@test "every fuzzer is replayed here" {
	for source in "$TOP"/tests/fuzz/fuzz_*.c; do
		name=${source##*/fuzz_}
		grep -q "replay ${name%.c}\$" "$BATS_TEST_FILENAME"
	done
}

@test "manifest" {
	replay manifest
}

@test "signature" {
	replay signature
}

@test "deb" {
	replay deb
}

@test "certificate" {
	replay certificate
}

@test "dpkg" {
	replay dpkg
}

@test "rpm" {
	replay rpm
}

@test "init_settings" {
	replay init_settings
}

@test "init_policy" {
	replay init_policy
}

@test "ima_policy" {
	replay ima_policy
}

@test "elf" {
	replay elf
}

@test "digests" {
	replay digests
}

@test "changes" {
	replay changes
}

@test "dpkg_sums" {
	replay dpkg_sums
}

@test "audit records, and mounts" {
	replay audit_record
}
