#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# pkgima status, audit and audit --log of a healthy, a half-migrated and a broken Debian system: what README.md shows is what
# they print, and that is so, in the judgement of dpkg, getfattr and dumpe2fs.

load helpers

setup_file()
{
	require root dpkg mmdebstrap losetup lsblk mke2fs dumpe2fs getfattr setfattr keyctl unshare jq
	export shown=$BATS_FILE_TMPDIR/shown
	mkdir "$shown"
	"$support/show-roots" "$shown" >"$BATS_FILE_TMPDIR/section"
}

setup()
{
	root=$shown/root
}

# Numbers and key ids differ with the packages' versions and with each key.
masked()
{
	sed -E 's/\b[0-9a-f]{8}\b/ID/g; s/[0-9]+/N/g' "$1"
}

@test "README shows what the commands print" {
	awk '/^## / { within = $0 == "## What it looks like"; next } within' "$TOP/README.md" >"$BATS_TEST_TMPDIR/section"
	[ -s "$BATS_TEST_TMPDIR/section" ]
	diff <(masked "$BATS_TEST_TMPDIR/section" | sed '1{/^$/d}') <(masked "$BATS_FILE_TMPDIR/section")
}

# state_of STATE CHECK: the words of its lines.
state_of()
{
	jq -r --arg check "$2" '.checks[] | select(.check == $check) | .state' "$shown/$1/status--json" | paste -sd ' '
}

@test "healthy: every line is ok, and nothing is found; exit status 0" {
	for command in status audit audit--log status--json audit--log--json; do
		[ "$(cat "$shown/healthy/$command.exit")" -eq 0 ]
		[ ! -s "$shown/healthy/$command.err" ]
	done
	run ! grep -v '^ok ' "$shown/healthy/status"
	[ "$(jq -r '.checks[].state' "$shown/healthy/status--json" | sort -u)" = ok ]
	[ "$(jq -r '.checks[] | select(.remedy != null)' "$shown/healthy/status--json")" = "" ]
	[ "$(jq -r '.sums.records' "$shown/healthy/audit--log--json")" -eq 0 ]
}

@test "half migrated and broken: exit status 1, with a remedy for each line" {
	for state in half-migrated broken; do
		for command in status audit audit--log status--json audit--log--json; do
			[ "$(cat "$shown/$state/$command.exit")" -eq 1 ]
			[ ! -s "$shown/$state/$command.err" ]
		done
		[ "$(jq '[.checks[] | select((.state == "ok") != (.remedy == null))] | length' "$shown/$state/status--json")" -eq 0 ]
		# The document says what the lines say.
		diff <(jq -r '.checks[] | "\(.state) \(.check) \(.text)", (.remedy // empty | "-> \(.)")' "$shown/$state/status--json") \
			<(sed -E 's/^ +->/->/; s/^([a-z]+) +([a-z]+) +/\1 \2 /' "$shown/$state/status")
	done
	[ "$(state_of half-migrated packages)" = attention ]
	[ "$(state_of half-migrated keyring)" = ok ]
	[ "$(state_of half-migrated images)" = attention ]
	[ "$(state_of half-migrated mounts)" = "ok attention ok" ]
	[ "$(state_of broken keyring)" = "attention attention" ]
	[ "$(state_of broken apt)" = attention ]
	[ "$(state_of broken dpkg)" = attention ]
	[ "$(state_of broken appraise)" = attention ]
}

@test "packages, files and inodes are as dpkg, getfattr and dumpe2fs have them" {
	installed=$(dpkg-query --root="$root" -W -f '${db:Status-Abbrev}\n' | grep -c '^ii')
	text=$(jq -r '.checks[] | select(.check == "packages").text' "$shown/healthy/status--json")
	[[ $text == "$installed, all signed; "* ]]
	inodes=$(jq -r '.checks[] | select(.check == "inodes").text' "$shown/healthy/status--json")
	size=$(dumpe2fs -h "$shown/image" 2>/dev/null | sed -n 's/^Inode size:[[:space:]]*//p')
	[[ $inodes == "/ (ext4) has inodes of $size bytes: "* ]]
	# As it is now, broken: all that carries a signature, but what is no package's or by another key.
	carrying=$(jq -r '.checks[] | select(.check == "packages").text' "$shown/broken/status--json" | sed -n 's/.*; \([0-9]*\) of .*/\1/p')
	signed=$(cd "$root" && getfattr -R -h -m '^security.ima$' -e hex -d usr etc var ima bin sbin lib lib64 2>/dev/null |
		grep -c '^security.ima=0x03')
	# But for what is no package's: /usr/local/bin/backup, and the backend where it was moved to.
	echo "$carrying $signed"
	[ "$carrying" -eq "$((signed - 2))" ]
}

log_of() # STATE PATH FIELD
{
	jq -r --arg path "$2" ".files[] | select(.path == \$path).$3" "$shown/$1/audit--log--json"
}

@test "audit --log: what was used, and what was denied, with package, cause, verdict and remedy" {
	[ "$(log_of half-migrated /usr/bin/dash verdict)" = ok ]
	[ "$(log_of half-migrated /usr/bin/dash package)" = dash ]
	[ "$(log_of half-migrated /usr/bin/dash denied)" = false ]
	[ "$(log_of half-migrated /usr/bin/mawk verdict)" = not-applied ]
	[ "$(log_of half-migrated /usr/bin/mawk remedy)" = "pkgima audit --repair /usr/bin/mawk" ]
	[ "$(log_of half-migrated /usr/bin/hostname verdict)" = unsigned ]
	[ "$(log_of half-migrated /usr/local/bin/backup package)" = null ]
	[ "$(log_of half-migrated /usr/local/bin/backup verdict)" = unsigned ]
	[ "$(log_of broken /usr/bin/mawk verdict)" = digest-mismatch ]
	[ "$(log_of broken /usr/bin/mawk cause)" = invalid-signature ]
	[ "$(log_of broken /usr/bin/sed verdict)" = not-applied ]
	[ "$(log_of broken /usr/local/bin/backup verdict)" = unknown-key ]
	[ "$(jq .sums.denied "$shown/broken/audit--log--json")" -eq 3 ]
}

# Records on standard input, of the root as it is now.
log_says()
{
	run "$PKGIMA" audit --root "$root" --log "$@"
	echo "$output"
}

rule() # PATH HASH DIGEST [TIME]
{
	printf 'audit: type=1805 audit(%s): file=%s hash="%s:%s" ppid=1 comm="sh"\n' "${4:-1.000:1}" "$1" "$2" "$3"
}

@test "audit --log: digests against the manifest, by name, in hexadecimal, of files that are gone, and by other algorithms" {
	dash=$(sha256sum "$root/usr/bin/dash" | cut -d ' ' -f 1)
	log_says - < <(rule '"/bin/dash"' sha256 "$dash")
	[ "$status" -eq 0 ]
	[ "$output" = "1 record: 0 denied; 1 ok" ]
	log_says - < <(rule "$(printf /usr/bin/dash | od -An -v -tx1 | tr -d " \n")" sha256 "$dash" 1.000:1; rule '"/usr/bin/dash"' sha256 "$dash" 1.000:2)
	[ "$status" -eq 0 ]
	[ "$output" = "2 records: 0 denied; 1 ok" ]
	log_says - < <(rule '"/usr/bin/dash"' sha256 "${dash//[0-9]/0}")
	[ "$status" -eq 1 ]
	[[ $output == *"dash: /usr/bin/dash: digest-mismatch: used once, by sh: what was used is not what the package has"* ]]
	[[ $output == *"-> find out who changed it, then reinstall dash"* ]]
	log_says - < <(rule '"/usr/bin/dash"' sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709)
	[ "$status" -eq 1 ]
	[[ $output == *"dash: /usr/bin/dash: undecided: "*"sha1 digest"* && $output == *"1 undecided"* ]]
	log_says - < <(rule '"/usr/bin/gone"' sha256 "$dash"; rule '"memfd:x"' sha256 "$dash")
	[ "$status" -eq 1 ]
	[[ $output == *"-: /usr/bin/gone: missing-file: used once"* && $output == *"-: memfd:x: missing-file"* ]]
	# A file of no package, signed by the site's key: what it carries counts, for just this content.
	printf '#!/bin/sh\n' >"$root/usr/local/bin/own"
	"$PKGIMA" sign --xattr --key "$shown/keys/ima.key" --cert "$shown/keys/ima.pem" "$root/usr/local/bin/own"
	own=$(sha256sum "$root/usr/local/bin/own" | cut -d ' ' -f 1)
	log_says - < <(rule '"/usr/local/bin/own"' sha256 "$own")
	[ "$status" -eq 0 ]
	log_says - < <(rule '"/usr/local/bin/own"' sha256 "$dash")
	[ "$status" -eq 1 ]
	[[ $output == *"-: /usr/local/bin/own: bad-signature: "* ]]
	# Signed, but the file does not carry it.
	setfattr -x security.ima "$root/usr/bin/dash"
	log_says - < <(rule '"/usr/bin/dash"' sha256 "$dash")
	[ "$status" -eq 1 ]
	[[ $output == *"dash: /usr/bin/dash: not-applied: "*"-> pkgima audit --repair /usr/bin/dash"* ]]
	"$PKGIMA" audit --root "$root" --repair /usr/bin/dash
	log_says - < <(rule '"/usr/bin/dash"' sha256 "$dash")
	[ "$status" -eq 0 ]
}

@test "audit --log: files of logs, several, none, and what is no record" {
	dash=$(sha256sum "$root/usr/bin/dash" | cut -d ' ' -f 1)
	rule '"/usr/bin/dash"' sha256 "$dash" >"$BATS_TEST_TMPDIR/one"
	cp "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
	# The same record twice is one.
	log_says "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
	[ "$output" = "1 record: 0 denied; 1 ok" ]
	log_says "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/none"
	[ "$status" -eq 3 ]
	[[ $output == *"cannot open the log "*"none: No such file"* && $output == *"1 record: 0 denied; 1 ok"* ]]
	echo 'audit: type=1800 nonsense' >>"$BATS_TEST_TMPDIR/two"
	log_says "$BATS_TEST_TMPDIR/two"
	[ "$status" -eq 0 ]
	[[ $output == *"warning: 1 line with a record that no kernel writes"* ]]
	log_says /dev/null
	[ "$status" -eq 0 ]
	[ "$output" = "0 records: 0 denied; 0 ok" ]
	# The root's own: rotated ones too; without one there is nothing to read.
	log_says
	[ "$status" -eq 1 ]
	[[ $output == *"3 records: 3 denied"* ]]
	mv "$root/var/log/audit/audit.log" "$root/var/log/audit/audit.log.1"
	cp "$BATS_TEST_TMPDIR/one" "$root/var/log/audit/audit.log"
	log_says
	[[ $output == *"4 records: 3 denied; 1 ok"* ]]
	mv "$root/var/log/audit" "$root/var/log/audit.away"
	log_says
	[ "$status" -eq 3 ]
	[[ $output == *"there is no log"* ]]
	mv "$root/var/log/audit.away" "$root/var/log/audit"
	run -2 "$PKGIMA" audit --log --repair
	[[ $output == *"--log and --key-id exclude each other"* ]]
}

@test "audit --log: a policy that was refused" {
	log_says - <<<'audit: type=1802 audit(1.0:1): pid=1 op=policy_update cause=signed policy required comm="init" res=0 errno=0'
	[ "$status" -eq 1 ]
	[[ $output == *"the kernel refused a policy: signed policy required"*"-> pkgima audit --policy says"* ]]
	[[ $output == *"1 record: 1 denied; 0 ok"* ]]
}

@test "audit --log: the journal, by a journalctl that gives what systemd's does" {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/journalctl" <<-'END'
		#!/bin/sh
		echo "$*" >>"$CALLS"
		cat "$JOURNAL"
	END
	chmod 755 "$BATS_TEST_TMPDIR/bin/journalctl"
	export CALLS=$BATS_TEST_TMPDIR/calls JOURNAL=$BATS_TEST_TMPDIR/journal
	message='pid=1 uid=0 op=appraise_data cause=missing-hash comm="sh" name="/nowhere/at all" dev="sda" ino=1 res=0 errno=0'
	message=${message//\"\/nowhere\/at all\"/$(printf '/nowhere/at all' | od -An -v -tx1 | tr -d " \n" | tr a-f A-F)}
	{
		jq -cn --arg message "INTEGRITY_DATA $message" \
			'{MESSAGE: $message, _AUDIT_ID: "7", _SOURCE_REALTIME_TIMESTAMP: "1700000000123000", _TRANSPORT: "audit"}'
		# The same one as the kernel log has it, and something that is no text.
		jq -cn --arg message "audit: type=1800 audit(1700000000.123:7): $message" '{MESSAGE: $message, _TRANSPORT: "kernel"}'
		echo '{"MESSAGE":[1,2,255]}'
		echo 'no JSON'
	} >"$JOURNAL"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -1 "$PKGIMA" audit --log
	echo "$output"
	[[ $output == *"-: /nowhere/at all: missing-file: denied once, by sh: the file had neither signature nor hash; now: it is no longer there"* ]]
	grep -q -- '--boot .*--output=json _TRANSPORT=kernel + _TRANSPORT=audit' "$CALLS"
}
