# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2016 # scripts for other shells
# For ima-init*.bats: "load ima-init", behind "load helpers". Roots in which ima-init is the first process, and what is
# asked of them. Keys and signatures are made with openssl and evmctl, but for those of the package.

TOP=${TOP:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
PKGIMA=${PKGIMA:-$TOP/build/pkgima}
PKGIMA_BUILD=${PKGIMA_BUILD:-$TOP/build}
export TOP PKGIMA PKGIMA_BUILD

# The kernel's own policy appraises all of root's files.
# shellcheck disable=SC2034
tcb='ima_appraise=enforce ima_policy=appraise_tcb'

# In the folder $dir/keys: the CA that the UML kernel has built in; leaf, a certificate by it; rogue, of a CA of its own.
make_site()
{
	local ca
	ca=$("$kernel_tests/build-uml")
	mkdir -p "$dir/keys"
	cp "$ca"/ca.{pem,key,der} "$dir/keys"
	make_leaf "$leaf" "$ca/ca.pem" "$ca/ca.key"
	make_leaf "$rogue"
}

# make_ca_leaf NAME KEY: NAME.der, a certificate by the site's CA for KEY.key, that may issue others (CA:TRUE).
make_ca_leaf()
{
	openssl req -new -key "$2.key" -subj '/CN=both' -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -days 3650 -sha256 -out "$1.pem" -CA "$dir/keys/ca.pem" -CAkey "$dir/keys/ca.key" \
		-CAcreateserial -CAserial "$1.srl" -extfile <(
		echo 'basicConstraints = critical, CA:TRUE'
		echo 'keyUsage = critical, digitalSignature, keyCertSign'
		echo 'subjectKeyIdentifier = hash'
		echo 'authorityKeyIdentifier = keyid'
	) 2>/dev/null
	openssl x509 -in "$1.pem" -outform DER -out "$1.der"
}

# init_package DIR POLICY: DIR/ima-init.deb, the real one, with the site's certificate for the kernel's hook and POLICY in
# it; every file signed by the site's key. Its postinst asks debconf, which is a program in perl, and these roots have
# busybox: without it, and without what it depends on.
init_package()
{
	local tree=$1/tree packages
	packages=$("$TOP/tests/support/build-packages")
	dpkg-deb -R "$packages"/ima-init_*.deb "$tree"
	rm "$tree/DEBIAN/postinst"
	sed -i '/^Depends:/d' "$tree/DEBIAN/control"
	mkdir -p "$tree/etc/ima-init" "$tree/etc/keys"
	cp "$2" "$tree/etc/ima-init/policy"
	cp "$leaf.der" "$tree/etc/keys/x509_ima.der"
	dpkg-deb --root-owner-group -b "$tree" "$1/ima-init.deb" >/dev/null
	"$PKGIMA" sign --in-place --key "$leaf.key" --cert "$leaf.der" "$1/ima-init.deb" >/dev/null
}

# install_deb ROOT FILE: by the real dpkg with the backend, in a database of ROOT's.
install_deb()
{
	local bin=$BATS_FILE_TMPDIR/backend
	mkdir -p "$1/var/lib/dpkg/info" "$1/var/lib/dpkg/updates" "$bin"
	touch "$1/var/lib/dpkg/status"
	cp "$PKGIMA_BUILD/dpkg-ima-backend" "$bin/dpkg-deb"
	PATH=$bin:$PATH dpkg --root="$1" --force-not-root --force-unsafe-io --log=/dev/null -i "$2" >"$1/../dpkg.log" 2>&1 ||
		{ cat "$1/../dpkg.log"; return 1; }
}

# make_init_root DIR [POLICY]: ima-init from its package, the runner's init as the real one, busybox, and the certificate
# in the trust store; all that is opened on the way is signed. Programs: /signed, /unsigned and /rogue, each with echo.
make_init_root()
{
	local policy=${2:-$TOP/pkg-ima-init/policies/exec} work
	work=$(mktemp -d -p "$dir")
	make_root "$1" signed unsigned rogue
	mkdir -p "$1"/etc/keys/{ima,ima-ca} "$1/sbin"
	cp "$leaf.der" "$1/etc/keys/ima/site.der"
	cp "$dir/keys/ca.der" "$1/etc/keys/ima-ca/site.der"
	init_package "$work" "$policy"
	install_deb "$1" "$work/ima-init.deb"
	cp "$(boot --print-init)" "$1/sbin/init"
	: >"$1/test/script"
	evmctl_sign "$leaf" "$1"/etc/keys/{ima,ima-ca}/site.der "$1/sbin/init" "$1/bin/busybox" "$1/signed/echo"
	evmctl_sign "$rogue" "$1/rogue/echo"
}

# init_script ROOT: the script on standard input, signed, with what all begin with before it.
init_script()
{
	{
		cat <<-'END'
			#!/bin/sh
			try() { "/$1/echo" "$1 ran" || echo "$1: $?"; }
			state() { while read -r line; do echo "state $line"; done </run/pkgima/state; }
		END
		cat
	} >"$1/test/script"
	chmod 755 "$1/test/script"
	evmctl_sign "$leaf" "$1/test/script"
}

# start KERNEL ROOT WORDS [OPTION...]: boots ROOT with /ima/init; $console and $log are then what was said.
start()
{
	console=$BATS_TEST_TMPDIR/console log=$BATS_TEST_TMPDIR/log
	run boot "$1" "$2" - --init /ima/init --append "$3" --console "$console" --kmsg "$log" \
		--result "$BATS_TEST_TMPDIR/result" "${@:4}"
	echo "$output"
	grep -a ima-init: "$console" "$log" || :
	# Closed in every boot, whatever else.
	[[ $output != *"EVM took"* ]]
}

# Before what comes from the kernel log.
kernel_time='\[ *[0-9]+\.[0-9]+\] '

# As what the machine ended: "exit 0", "stopped …" or "panic".
ended()
{
	local result
	result=$(cat "$BATS_TEST_TMPDIR/result")
	echo "ended: $result"
	[[ $result == "$1"* ]]
}

# stopped_with TEXT: the boot was stopped by ima-init, nothing was run, and the console says why.
stopped_with()
{
	ended stopped
	[ "$status" -eq 123 ]
	said "$1"
	grep -aqF 'the boot stops' "$console"
	[[ $output != *" ran"* ]]
	[[ $output != *"state mode"* ]]
}

# said TEXT: on the console, in one line of ima-init's, and in the kernel log. A line that the kernel log shows has the time
# before it. What stops a boot is shown so even with "quiet"; of a boot that went on there is the log itself.
said()
{
	local line
	line=$(grep -a 'ima-init: ' "$console" | grep -F -m1 -- "$1")
	echo "said: $line"
	if [[ $line == *'; the boot stops' ]]; then
		[[ $line =~ $kernel_time'ima-init: ' ]]
	elif [[ $(cat "$BATS_TEST_TMPDIR/result") == exit* ]]; then
		# Where it has an escape for a backslash.
		grep -aE "$kernel_time"'ima-init: ' "$log" | sed 's/\\x5c/\\/g' | grep -qF -- "$1"
	fi
}

# What a machine that enforces says after "try signed; try unsigned; try rogue".
denies()
{
	[[ $output == *"signed ran"* ]]
	[[ $output == *"unsigned: 126"* ]]
	[[ $output == *"rogue: 126"* ]]
	[[ $output != *"unsigned ran"* ]]
	[[ $output != *"rogue ran"* ]]
}
