#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Keys and ima-init: a retired key does not come back with a boot; and a site's own ima-init, made by pkgima mkinit from
# the installed one.

load helpers
load ima-init

setup_file()
{
	require_kernel uml
	require make dpkg dpkg-deb dpkg-buildpackage getfattr rpmbuild
	export dir=$BATS_FILE_TMPDIR leaf=$BATS_FILE_TMPDIR/keys/leaf rogue=$BATS_FILE_TMPDIR/keys/rogue
	export seed=$BATS_FILE_TMPDIR/seed second=$BATS_FILE_TMPDIR/keys/second
	make_site
	make_leaf "$second" "$dir/keys/ca.pem" "$dir/keys/ca.key"
	make_init_root "$seed"
	mkdir "$seed/second"
	cp "$seed/signed/echo" "$seed/second/echo"
	cp "$second.der" "$seed/etc/keys/ima/second.der"
	evmctl_sign "$second" "$seed/second/echo"
	evmctl_sign "$leaf" "$seed/etc/keys/ima/second.der"
	init_script "$seed" <<-'END'
		try signed; try unsigned; try rogue; try second
		state
	END
}

setup()
{
	root=$BATS_TEST_TMPDIR/root
	cp -a "$seed" "$root"
}

key_id()
{
	openssl x509 -in "$1.pem" -noout -ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' | tail -c 9 | tr A-F a-f
}

# $1: kernel, $2: words of its command line.
retired_stays_so()
{
	start "$1" "$root" "$2"
	ended "exit"
	denies
	[[ $output == *"second ran"* ]]
	[[ $output == *"state key=$(key_id "$second")"* ]]
	# As it is on a machine: written by the command, and not signed.
	"$PKGIMA" keys retire --root "$root" "$(key_id "$second")"
	start "$1" "$root" "$2"
	ended "exit"
	denies
	[[ $output == *"second: 126"* ]]
	[[ $output == *"state key=$(key_id "$leaf")"* ]]
	said "key $(key_id "$second") is retired"
	[[ $output != *"$(key_id "$second")"* ]]
	# A line that is not understood is said, and the others count.
	sed -i '1i what?' "$root/etc/ima-init/retired"
	start "$1" "$root" "$2"
	ended "exit"
	denies
	[[ $output == *"second: 126"* ]]
	said 'a retired key may count: /etc/ima-init/retired: line 1'
}

@test "uml: a retired key is taken out of .ima at the next boot" {
	require_kernel uml
	retired_stays_so uml "$tcb"
	# Also when the kernel itself has loaded it.
	cp "$second.der" "$root/etc/keys/x509_ima.der"
	evmctl_sign "$leaf" "$root/etc/keys/x509_ima.der"
	rm "$root/etc/keys/ima/second.der"
	start uml "$root" 'ima_appraise=enforce quiet'
	ended "exit"
	denies
	[[ $output == *"second: 126"* ]]
}

@test "6.1: a retired key is not in _ima after the next boot" {
	require_kernel 6.1
	retired_stays_so 6.1 quiet
}

@test "uml: a site's own ima-init, made from the project's, boots; its policy and key are in force" {
	local out=$BATS_TEST_TMPDIR/out
	require_kernel uml
	{
		cat "$TOP/pkg-ima-init/policies/exec"
		echo 'audit func=MODULE_CHECK'
	} >"$BATS_TEST_TMPDIR/policy"
	"$PKGIMA" mkinit --root "$root" --ca-cert "$dir/keys/ca.pem" --cert "$leaf.pem" --key "$leaf.key" \
		--policy "$BATS_TEST_TMPDIR/policy" --out "$out"
	cp -a "$root" "$BATS_TEST_TMPDIR/before"
	install_deb "$root" "$out"/ima-init_*+site1_*.deb
	# All that the project's has but what the site brings.
	diff <(cd "$BATS_TEST_TMPDIR/before" && find ima usr lib -type f -exec sha256sum {} + 2>/dev/null | sort -k 2) \
		<(cd "$root" && find ima usr lib -type f ! -path '*/ca/*' -exec sha256sum {} + 2>/dev/null | sort -k 2)
	cmp "$root/etc/ima-init/policy" "$BATS_TEST_TMPDIR/policy"
	evmctl ima_verify --key "$leaf.der" "$root/ima/init" 2>&1 | grep 'verification is OK'
	init_script "$root" <<-'END'
		try signed; try unsigned; try rogue; try second
		state
		while read -r rule; do echo "rule $rule"; done </sys/kernel/security/ima/policy
	END
	start uml "$root" "$tcb"
	ended "exit"
	denies
	[[ $output == *"rule audit func=MODULE_CHECK"* ]]
	[[ $output == *"state mode=enforce"* ]]
}
