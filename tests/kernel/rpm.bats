#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# .rpm packages are installed, upgraded and removed by rpm, with our plugin, while the kernel enforces signatures.
# shellcheck disable=SC2016 # scripts for other shells

load helpers
load ../package/helpers
load ../package/rpm
load upgrade
load rpm

setup_file()
{
	local ca
	require_kernel uml
	require mmdebstrap rpmbuild rpm dpkg-buildpackage unshare getfattr
	ca=$("$kernel_tests/build-uml")
	export keys=$BATS_FILE_TMPDIR/keys root=$BATS_FILE_TMPDIR/root image=$BATS_FILE_TMPDIR/image
	make_keys "$keys"
	# The CA that is built into the UML kernel.
	rm "$keys"/{ca,ima}.*
	cp "$ca"/ca.{key,pem,der} "$keys"
	"$PKGIMA" keygen --type ima --name 'Site IMA' --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys"
	"$PKGIMA" keygen --type ima --name 'Second IMA' --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys/second"
	make_rpm_root
	make_image
	rm -rf --one-file-system "$root"
	everything >"$BATS_FILE_TMPDIR/everything"
}

setup()
{
	out=$BATS_TEST_TMPDIR/out audit=$BATS_TEST_TMPDIR/audit
}

# Steps whose failure is what is wanted are those of refused and denied.
everything()
{
	prelude
	cat <<-'END'
		mkdir -p /run/pkgima
		echo mode=enforce >/run/pkgima/state
		# The database of the Debian system is dpkg's: rpm's knows of no /bin/sh.
		install() { rpm -U --nodeps "$@"; }
		refused() { ! "$@"; }
		denied() { "$@"; [ $? -eq 126 ]; }
		absent() { ! rpm -q "$1" && [ ! -e "/usr/bin/$1" ]; }
		planted
		step 'install' install /rpms/tool-1.rpm
		step 'version 1' works 1
		/usr/lib/tool/daemon wait & daemon=$!
		step 'tested' install --test /rpms/tool-2.rpm
		step 'still version 1' works 1
		step 'upgrade' install /rpms/tool-2.rpm
		step 'version 2' works 2
		step 'in use' kill -0 $daemon
		step 'downgrade' install --oldpackage /rpms/tool-1.rpm
		step 'version 1 again' works 1
		step 'reinstall' rpm -U --nodeps --replacepkgs /rpms/tool-1.rpm
		step 'in use again' kill -0 $daemon
		kill $daemon
		step 'unsigned refused' refused install /rpms/unsigned.rpm
		step 'unsigned absent' absent unsigned
		step 'forged refused' refused install /rpms/forged.rpm /rpms/tool-2.rpm
		step 'forged absent' absent forged
		step 'version 1 with forged' works 1
		step 'key and its user refused' refused install /rpms/second-key.rpm /rpms/second.rpm
		step 'key alone' install /rpms/second-key.rpm
		step 'user of the key' install /rpms/second.rpm
		step 'second' second
		step 'overridden' env PKGIMA=warn rpm -U --nodeps /rpms/unsigned.rpm
		step 'unsigned denied' denied /usr/bin/unsigned
		printf x >>/usr/lib/tool/program
		step 'tampered denied' denied /usr/lib/tool/program
		step 'erase' rpm -e --noscripts tool
		step 'erased' absent tool
		planted
	END
}

# What the kernel has denied is what was planted, unsigned or tampered with, each as often as it was tried.
only_what_should_be_denied()
{
	local path
	grep -E 'type=1800 .* res=0' "$audit" || :
	for path in /opt/planted/true:2 /usr/bin/unsigned:1 /usr/lib/tool/program:1; do
		[ "$(grep -cE "type=1800 .*name=\"${path%:*}\".* res=0" "$audit")" -eq "${path#*:}" ]
	done
	[ "$(grep -cE 'type=1800 .* res=0' "$audit")" -eq 4 ]
}

what_rpm_said()
{
	grep -q 'unsigned.*: refused, since this system enforces signatures' "$out"
	grep -q 'forged.*/usr/bin/forged: unknown-key: key id ' "$out"
	grep -q 'second-key.*install .* first' "$out"
}

enforced()
{
	require_kernel "$1"
	boot "$1" "$image" "$BATS_FILE_TMPDIR/everything" --append ima_appraise=enforce --timeout 900 "${@:2}" \
		--audit "$audit" >"$out" || :
	cat "$out"
	all_well "$out" 27
	only_what_should_be_denied
}

@test "6.1: install, upgrade in use, downgrade, refusals, keys: only what is unsigned or tampered with is denied" {
	enforced 6.1
}

@test "6.12: install, upgrade in use, downgrade, refusals, keys: only what is unsigned or tampered with is denied" {
	enforced 6.12
}

@test "uml, SIGNED_INIT, appraise_tcb and then a policy: the same" {
	require_kernel uml
	enforced uml --init /ima/init --append 'ima_appraise=enforce ima_policy=appraise_tcb' --timeout 240
	what_rpm_said
	grep -q "integrity: Loaded X.509 cert 'Site IMA:" "$audit"
	# The certificate came into the kernel when its package was installed.
	grep -q 'key .* loaded into .ima' "$out"
}

@test "6.12: without the plugin what rpm installs is denied" {
	require_kernel 6.12
	sed 's/rpm -U --nodeps/rpm -U --nodeps --noplugins/' "$BATS_FILE_TMPDIR/everything" >"$BATS_TEST_TMPDIR/script"
	boot 6.12 "$image" "$BATS_TEST_TMPDIR/script" --append ima_appraise=enforce --timeout 900 --audit "$audit" >"$out" || :
	cat "$out"
	grep -q '^STEP version 1: [1-9]' "$out"
	grep -q 'type=1800 .*name="/usr/bin/tool".* res=0' "$audit"
}
