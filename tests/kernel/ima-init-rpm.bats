#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# ima-init from the .rpm that rpm.spec makes: signed by the site's key, installed by rpm with our plugin, and booted from.

load helpers
load ima-init

setup_file()
{
	require_kernel uml
	require make rpmbuild rpm getfattr evmctl
	export dir=$BATS_FILE_TMPDIR leaf=$BATS_FILE_TMPDIR/keys/leaf rogue=$BATS_FILE_TMPDIR/keys/rogue
	export seed=$BATS_FILE_TMPDIR/seed
	make_site
	make_rpms
	make_seed
}

# In $dir/rpms: ima-init as it was built, and the site's package, with certificate and policy. All is signed.
make_rpms()
{
	mkdir "$dir/rpms"
	cp "$("$TOP/tests/support/build-rpms")/1/ima-init.rpm" "$dir/rpms"
	cat >"$dir/site.spec" <<-END
		Name: site
		Version: 1
		Release: 1
		Summary: test
		License: none
		BuildArch: noarch
		%description
		test
		%install
		install -D -m 644 $TOP/pkg-ima-init/policies/exec %{buildroot}/etc/ima-init/policy
		install -D -m 644 $leaf.der %{buildroot}/etc/keys/x509_ima.der
		install -D -m 644 $leaf.der %{buildroot}/etc/keys/ima/site.der
		%files
		/etc/ima-init/policy
		/etc/keys/x509_ima.der
		/etc/keys/ima/site.der
	END
	rpmbuild -bb --define "_topdir $dir/build" --define "_rpmdir $dir/rpms" --define '_build_name_fmt %%{NAME}.rpm' \
		--dbpath "$dir/db" "$dir/site.spec" >"$dir/log" 2>&1 || { cat "$dir/log"; return 1; }
	"$PKGIMA" sign --in-place --key "$leaf.key" --cert "$leaf.der" "$dir/rpms" >/dev/null
}

# install_rpms ROOT FILE...: into rpm's database of that root. (Without scriptlets: busybox is no system.)
install_rpms()
{
	rpm --root="$1" --define '_dbpath /var/lib/rpm' --define "__plugindir $PKGIMA_BUILD" \
		--load "$TOP/rpm-plugin/macros.transaction_pkgima" -U --nodeps --noscripts --notriggers "${@:2}" 2>&1
}

# $seed: what is opened on the way is signed; the real init is the runner's.
make_seed()
{
	make_root "$seed" signed unsigned rogue
	mkdir -p "$seed/sbin" "$seed"/etc/keys/ima{,-ca}
	cp "$dir/keys/ca.der" "$seed/etc/keys/ima-ca/site.der"
	cp "$leaf.der" "$seed/etc/keys/ima/first.der"
	install_rpms "$seed" "$dir"/rpms/*.rpm >"$dir/installed"
	rm -rf "$seed/var/lib/rpm.lock"
	cp "$(boot --print-init)" "$seed/sbin/init"
	evmctl_sign "$leaf" "$seed"/etc/keys/ima/first.der "$seed"/etc/keys/ima-ca/site.der "$seed/sbin/init" \
		"$seed/bin/busybox" "$seed/signed/echo"
	evmctl_sign "$rogue" "$seed/rogue/echo"
	init_script "$seed" <<-'END'
		try signed; try unsigned; try rogue
		state
		echo 0x80000002 2>/dev/null >/sys/kernel/security/evm && echo "EVM took it"
		exit 0
	END
}

setup()
{
	require_kernel uml
	root=$BATS_TEST_TMPDIR/root
	cp -a "$seed" "$root"
}

@test "the plugin has put a signature on each of their files, which evmctl accepts" {
	local file count=0
	cat "$dir/installed"
	grep -q 'pkgima: 2 of 2 packages are signed, [0-9]* signatures verified, none refused' "$dir/installed"
	while read -r file; do
		[ -f "$seed$file" ] || continue
		[ ! -L "$seed$file" ] || continue
		evmctl ima_verify --key "$leaf.der" "$seed$file" 2>&1 | grep -q 'verification is OK'
		count=$((count + 1))
	done < <(rpm --root="$seed" --define '_dbpath /var/lib/rpm' -qal)
	[ "$count" -gt 15 ]
}

@test "the kernel loads the certificate, verifies /ima/init and the policy, and enforces" {
	start uml "$root" "$tcb quiet"
	ended "exit 0"
	denies
	[[ $output == *"state mode=enforce"* ]]
	[[ $output == *"state policy=/etc/ima-init/policy"* ]]
	grep -aq "integrity: Loaded X.509 cert 'leaf:" "$log"
}

@test "the same package without its signature is a boot that the kernel refuses" {
	setfattr -x security.ima "$root/ima/init"
	start uml "$root" "$tcb"
	ended panic
	[[ $output == *"Requested init /ima/init failed (error -13)"* ]]
}

@test "a site's own ima-init, made from the one that rpm has installed, boots; its policy and key are in force" {
	local out=$BATS_TEST_TMPDIR/out
	{
		cat "$TOP/pkg-ima-init/policies/exec"
		echo 'audit func=MODULE_CHECK'
	} >"$BATS_TEST_TMPDIR/policy"
	"$PKGIMA" mkinit --root "$root" --ca-cert "$dir/keys/ca.pem" --cert "$leaf.pem" --key "$leaf.key" \
		--policy "$BATS_TEST_TMPDIR/policy" --out "$out"
	rpm --root="$root" --define '_dbpath /var/lib/rpm' --noplugins -e site
	[ ! -e "$root/etc/ima-init/policy" ]
	install_rpms "$root" "$out"/*.rpm
	[ "$(rpm --root="$root" --define '_dbpath /var/lib/rpm' -q --qf '%{VERSION}-%{RELEASE}\n' ima-init)" = 0.1.0-1+site1 ]
	rm -rf "$root/var/lib/rpm.lock"
	cmp "$root/etc/ima-init/policy" "$BATS_TEST_TMPDIR/policy"
	evmctl ima_verify --key "$leaf.der" "$root/ima/init" 2>&1 | grep 'verification is OK'
	init_script "$root" <<-'END'
		try signed; try unsigned; try rogue
		state
		while read -r rule; do echo "rule $rule"; done </sys/kernel/security/ima/policy
		exit 0
	END
	start uml "$root" "$tcb"
	ended "exit 0"
	denies
	[[ $output == *"rule audit func=MODULE_CHECK"* ]]
	[[ $output == *"state mode=enforce"* ]]
	grep -aq "integrity: Loaded X.509 cert 'leaf:" "$log"
}
