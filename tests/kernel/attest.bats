#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Attestation: stock kernels with a TPM, booted by ima-init with a policy that measures. The measurement list has to give
# PCR 10, which evmctl finds out, and what packages brought has to be in the runtime policy that pkgima made of them.

load helpers
load ima-init
load ../package/rpm

setup_file()
{
	require_kernel uml
	require_kernel 6.1
	require swtpm jq make perl dpkg dpkg-deb dpkg-buildpackage rpm rpmbuild base64
	export dir=$BATS_FILE_TMPDIR leaf=$BATS_FILE_TMPDIR/keys/leaf rogue=$BATS_FILE_TMPDIR/keys/rogue
	export seed=$BATS_FILE_TMPDIR/seed packages=$BATS_FILE_TMPDIR/packages
	mkdir -p "$packages"
	make_site
	make_packages
	install_packages
	"$PKGIMA" extract --format keylime --certs "$leaf.der" --ca-cert "$dir/keys/ca.pem" "$packages" \
		>"$BATS_FILE_TMPDIR/policy"
	"$PKGIMA" extract --format keylime "$packages" >"$BATS_FILE_TMPDIR/digests-only"
}

# The script of the machine: what is run is measured; then the list and what the TPM has.
make_script()
{
	cat <<-'END'
		#!/bin/sh
		try() { "$1" "$1 ran" || echo "$1: $?"; }
		try /usr/bin/program; try '/opt/with space/program'; try /opt/rpm/program
		try /var/lib/dpkg/info/site.postinst
		try /usr/bin/tampered; try /opt/unsigned; try /usr/bin/rogue
		echo "=bytes"; base64 /sys/kernel/security/ima/binary_runtime_measurements
		echo "=text"; cat /sys/kernel/security/ima/ascii_runtime_measurements
		for bank in sha1 sha256; do
			echo "=$bank"
			for pcr in $(seq 0 23); do echo "$pcr $(cat /sys/class/tpm/tpm0/pcr-$bank/$pcr)"; done
		done
		echo "=end"
	END
}

# All that runs in that machine, each signed: ima-init, busybox of the Debian archive, a package of the site, and an .rpm.
make_packages()
{
	local tree=$dir/tree
	mkdir -p "$dir/init" "$tree"/{DEBIAN,sbin,usr/bin,test,etc/keys/ima} "$tree/opt/with space"
	init_package "$dir/init" "$TOP/pkg-ima-init/policies/exec-measure"
	cp "$dir/init/ima-init.deb" "$packages"
	cp "$("$TOP/tests/support/fetch-debs" busybox-static)" "$packages/busybox.deb"
	cp "$(boot --print-init)" "$tree/sbin/init"
	make_script >"$tree/test/script"
	chmod 755 "$tree/test/script"
	for word in usr/bin/program usr/bin/tampered usr/bin/rogue 'opt/with space/program'; do
		program "$tree/$word"
	done
	cp "$leaf.der" "$tree/etc/keys/ima/site.der"
	# shellcheck disable=SC2016 # the script's
	printf '#!/bin/sh\necho "${1:-configured}"\n' >"$tree/DEBIAN/postinst"
	chmod 755 "$tree/DEBIAN/postinst"
	printf 'Package: site\nVersion: 1\nArchitecture: amd64\nMaintainer: Test <test@localhost>\nDescription: test\n' \
		>"$tree/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$tree" "$packages/site.deb" >/dev/null
	{
		write_spec tool 1
		printf '%%install\nmkdir -p %%{buildroot}/opt/rpm\ncp %s %%{buildroot}/opt/rpm/program\n' "$tree/usr/bin/program"
		printf '%%files\n/opt/rpm/program\n'
	} >"$dir/tool.spec"
	cp "$(build_rpm "$dir/tool.spec" | grep -v '\.src\.rpm$')" "$packages/tool.rpm"
	"$PKGIMA" sign --in-place --key "$leaf.key" --cert "$leaf.der" "$packages"
}

# program FILE: a static one that says its argument, and is like no other.
program()
{
	printf '#include <stdio.h>\nconst char it[] = "%s";\nint main(int c, char **v) { return c < 2 || puts(v[1]) < 0; }\n' "$1" |
		gcc -static -O -o "$1" -x c -
}

# As a system where /usr has been merged.
install_packages()
{
	mkdir -p "$seed"/{usr/bin,usr/sbin,etc/keys/ima-ca,root}
	cp "$dir/keys/ca.der" "$seed/etc/keys/ima-ca/site.der"
	ln -s usr/bin "$seed/bin"
	ln -s usr/sbin "$seed/sbin"
	for word in sh cat seq base64 mount; do
		ln -s busybox "$seed/usr/bin/$word"
	done
	for package in busybox ima-init site; do
		install_deb "$seed" "$packages/$package.deb"
	done
	rpm --root "$seed" --define '_dbpath /var/lib/rpm' --nodeps --nosignature -i "$packages/tool.rpm"
	cp -a "$seed/usr/bin/program" "$seed/opt/unsigned"
	printf more >>"$seed/opt/unsigned"
	setfattr -x security.ima "$seed/opt/unsigned" 2>/dev/null || :
	"$PKGIMA" apply --root "$seed" --all
	printf X >>"$seed/usr/bin/tampered"
	evmctl_sign "$rogue" "$seed/usr/bin/rogue"
}

# part NAME: of what the machine has said.
part()
{
	awk -v name="=$1" '/^=/ { within = $0 == name; next } within' "$BATS_TEST_TMPDIR/said"
}

# boot_and_read KERNEL: list, ascii and pcrs-BANK, the form in which evmctl reads them, are then in the test's folder.
boot_and_read()
{
	start "$1" "$seed" quiet --tpm >/dev/null
	echo "$output" >"$BATS_TEST_TMPDIR/said"
	ended "exit 0" || { tail -n 50 "$console"; return 1; }
	cd "$BATS_TEST_TMPDIR" || return 1
	part bytes | base64 -d >list
	part text >ascii
	for bank in sha1 sha256; do
		part "$bank" | while read -r number value; do
			printf 'PCR-%02d: %s\n' "$number" "$(fold -w 2 <<<"$value" | paste -s -d ' ')"
		done >"pcrs-$bank"
		[ "$(wc -l <"pcrs-$bank")" -eq 24 ]
		# It was extended, and the lower ones by the firmware.
		run ! grep -qE '^PCR-10: (00 ?)*$' "pcrs-$bank"
	done
	grep -q ' boot_aggregate' ascii
	run ! grep -qE ':0*  ?boot_aggregate' ascii
}

# not_allowed POLICY: paths in the list, sorted, that a verifier with this runtime policy refuses: neither the digest is one
# of those for that path, nor is the key. (Keylime computes the boot's aggregate from the TPM.)
not_allowed()
{
	jq -rRn --slurpfile policy "$1" '$policy[0] as $policy | inputs | split(" ") |
		{ template: .[2], digest: (.[3] | sub(".*:"; "")), path: .[4] } | select(.path != "boot_aggregate") |
		(if .template == "ima-buf" then $policy.keyrings else $policy.digests end) as $known |
		select(.digest as $digest | ($known[.path] // []) | index($digest) | not) | .path' ascii | sort
}

attested()
{
	boot_and_read "$1"
	# What ran and what was denied is all in the list.
	for path in /usr/bin/program '/opt/with space/program' /opt/rpm/program /var/lib/dpkg/info/site.postinst; do
		grep -qx "$path ran" said
		grep -q " ima-sig sha256:[0-9a-f]* ${path// /_} 03" ascii
	done
	for path in /usr/bin/tampered /opt/unsigned /usr/bin/rogue; do
		grep -qx "$path: 126" said
		grep -q " ima-sig sha256:[0-9a-f]* $path " ascii
	done
	# The keys, which ima-init loaded before there was a policy, were kept to be measured.
	grep -q ' ima-buf sha256:[0-9a-f]* _ima 3082' ascii
	grep -q ' ima-buf sha256:[0-9a-f]* _ca 3082' ascii
	# The list is what the TPM says it is.
	evmctl ima_measurement --pcrs sha1,pcrs-sha1 --pcrs sha256,pcrs-sha256 --verify-bank=sha256 list
	evmctl ima_measurement --pcrs sha1,pcrs-sha1 --verify-bank=sha1 list
	# All that packages brought is allowed, with the keys; nothing else is.
	printf '%s\n' /opt/unsigned /usr/bin/tampered >expected
	not_allowed "$BATS_FILE_TMPDIR/policy" | diff expected -
	[ "$(grep -cE ' (/usr/bin/busybox|/usr/sbin/init|/ima/(latch|proof)) ' ascii)" -eq 4 ]
	# Without the names of keys, the CA's is not.
	{ echo _ca; cat expected; } | sort | diff - <(not_allowed "$BATS_FILE_TMPDIR/digests-only")
	# The second column's algorithm, which log_hash_alg names, is that of the list.
	run ! grep -vE '^10 [0-9a-f]{40} ima-' ascii
	[ "$(jq -r '.ima.log_hash_alg' "$BATS_FILE_TMPDIR/policy")" = sha1 ]
	policy_keys_verify
	# A list in which one digest was changed is not what the TPM says.
	spoil list
	run ! evmctl ima_measurement --pcrs sha256,pcrs-sha256 --verify-bank=sha256 list
}

# The key in the policy verifies the signatures in the list: evmctl, with nothing else. Others' do not verify.
policy_keys_verify()
{
	local ring
	ring=$(jq -r '."verification-keys"' "$BATS_FILE_TMPDIR/policy")
	jq -r '.pubkeys[0]' <<<"$ring" | base64 -d | openssl pkey -pubin -inform DER -out key.pem
	cmp key.pem <(openssl x509 -in "$leaf.pem" -noout -pubkey)
	[ "$(jq '.keyids[0]' <<<"$ring")" -eq "$((16#$(openssl x509 -in "$leaf.pem" -noout -ext subjectKeyIdentifier |
		tail -1 | tr -d ' :' | tail -c 9)))" ]
	verified_by key.pem >verified
	for path in /ima/latch /usr/bin/busybox /usr/bin/program /opt/with_space/program /opt/rpm/program; do
		grep -qx "$path" verified
	done
	run ! grep -E 'tampered|unsigned|rogue' verified
}

# verified_by KEY: paths in the list whose signature is one by KEY of the digest beside it, by openssl.
verified_by()
{
	awk '$3 == "ima-sig" && $6 { print $4, $5, $6 }' ascii | while read -r digest path signature; do
		perl -e 'print pack "H*", $ARGV[0]' "${digest#sha256:}" >digest
		# Behind the header of 9 bytes.
		perl -e 'print pack "H*", $ARGV[0]' "${signature:18}" >signature
		openssl pkeyutl -verify -pubin -inkey "$1" -pkeyopt digest:sha256 -in digest -sigfile signature >&2 || continue
		echo "$path"
	done
}

# spoil FILE: a byte of the digest of a program is another one.
spoil()
{
	local offset byte
	offset=$(grep -abo -m1 /usr/bin/program "$1" | head -1 | cut -d: -f1)
	byte=$(od -An -tu1 -j $((offset - 8)) -N 1 "$1")
	# shellcheck disable=SC2059 # that is the byte
	printf "\\$(printf %03o $((255 - byte)))" | dd of="$1" bs=1 seek=$((offset - 8)) conv=notrunc status=none
}

@test "6.1: the measurement list gives PCR 10; packages' files and keys are what the runtime policy allows, others are not" {
	attested 6.1
}

@test "6.12: the same" {
	require_kernel 6.12
	attested 6.12
}
