#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The life of a key on machines that enforce: it comes as a package, both are valid, the old one is retired; all without a
# reboot, from sessions as ssh and services have them. And a site's own ima-init, as the kernel sees it.
# shellcheck disable=SC2016 # scripts for other shells

load helpers
load ../package/helpers

# sign_with FOLDER ARGUMENT...
sign_with()
{
	"$PKGIMA" sign --key "$1/ima.key" --cert "$1/ima.der" "${@:2}"
}

# key_id CERTIFICATE
key_id()
{
	openssl x509 -in "$1" -noout -ext subjectKeyIdentifier | tr -d ' :\n' | tail -c 8 | tr A-F a-f
}

# make_leaf_of NAME: a certificate of the site's CA, in $keys/NAME.
make_leaf_of()
{
	"$PKGIMA" keygen --type ima --name "Site $1" --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys/$1"
}

# make_tool NAME: the package NAME-tool in $BATS_FILE_TMPDIR, four programs in /opt/NAME, signed by that key.
make_tool()
{
	local word
	for word in ran never again later; do
		install -D "$(command -v busybox)" "$BATS_FILE_TMPDIR/$1-tool/opt/$1/$word/echo"
	done
	make_deb "$BATS_FILE_TMPDIR/$1-tool" "$1-tool"
	sign_with "$keys/$1" --in-place "$BATS_FILE_TMPDIR/$1-tool.deb"
}

# make_key NAME VERSION: the package NAME-key, its certificate, signed by the key that all of the system is signed by.
make_key()
{
	install -D -m 644 "$keys/$1/ima.der" "$BATS_FILE_TMPDIR/$1-key$2/etc/keys/ima/$1.der"
	make_deb "$BATS_FILE_TMPDIR/$1-key$2" "$1-key" "$2"
	mv "$BATS_FILE_TMPDIR/$1-key.deb" "$system/repo/$1-key_$2.deb"
	sign --in-place "$system/repo/$1-key_$2.deb"
}

setup_file()
{
	local ca name
	require_kernel uml
	require mmdebstrap apt-ftparchive dpkg-buildpackage unshare keyctl rpmbuild
	ca=$("$kernel_tests/build-uml")
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system
	mkdir "$keys"
	# The certificate that the kernel has built in is that of the cached kernel's CA.
	cp "$ca"/ca.{key,pem,der} "$keys"
	"$PKGIMA" keygen --type ima --name 'Site IMA' --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys"
	for name in old new ssh service ended; do
		make_leaf_of "$name"
	done
	"$PKGIMA" keygen --type ca --name 'Rogue CA' --out "$keys/rogue"
	"$PKGIMA" keygen --type ima --name 'Rogue' --ca-cert "$keys/rogue/ca.pem" --ca-key "$keys/rogue/ca.key" \
		--out "$keys/rogue"
	make_system "$system"
	mkdir "$system/repo"
	cp "$(command -v keyctl)" "$system/usr/bin/keyctl"
	sign --xattr -r "$system/usr/bin" "$system/usr/sbin" "$system/usr/lib" "$system/usr/libexec" \
		"$system/var/lib/dpkg/info" >/dev/null
	make_key old 1
	make_key old 2
	make_key new 1
	make_key rogue 1
	make_tool old
	make_tool new
	mv "$BATS_FILE_TMPDIR"/*-tool.deb "$system/repo"
	in_root "$system" sh -c 'PATH=/usr/libexec/dpkg-ima/bin:$PATH &&
		dpkg -i /repo/old-key_1.deb && dpkg -i /repo/old-tool.deb'
	mkdir -p "$system"/test/{keys,ca,certificates}
	cp "$keys/ima.der" "$system/test/keys/site.der"
	cp "$keys/old/ima.der" "$system/test/keys/old.der"
	cp "$keys/ca.der" "$system/test/ca/site.der"
	for name in ssh service ended; do
		cp "$keys/$name/ima.der" "$system/test/certificates/$name.der"
	done
	echo /bin/true >"$system/test/latch"
	cat >"$system/test/policy" <<-'END'
		dont_appraise fsmagic=0x9fa0
		dont_appraise fsmagic=0x62656572
		dont_appraise fsmagic=0x73636673
		appraise func=BPRM_CHECK appraise_type=imasig
		appraise func=MMAP_CHECK mask=MAY_EXEC appraise_type=imasig
	END
}

# Sections of the script begin with "== NAME"; section NAME prints what it has said.
section()
{
	awk -v name="== $1" '/^== / { within = $0 == name; next } within' "$BATS_TEST_TMPDIR/out"
}

# says NAME TEXT: that section has this text.
says()
{
	[[ $(section "$1") == *"$2"* ]] || {
		echo "\"$1\" does not say: $2"
		section "$1"
		return 1
	}
}

# What all kernels do alike. $1: the keyring.
life_cycle()
{
	local old new
	old=$(key_id "$keys/old/ima.der")
	new=$(key_id "$keys/new/ima.der")
	cat >"$BATS_TEST_TMPDIR/script" <<-END
		old=$old ring=$1
	END
	cat >>"$BATS_TEST_TMPDIR/script" <<-'END'
		export PATH=/usr/libexec/dpkg-ima/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
		mkdir -p /run/pkgima
		echo mode=enforce >/run/pkgima/state
		step() { echo "== $1"; shift; "$@" </dev/null 2>&1; echo "status $?"; }
		runs() { "/opt/$1/echo" ran; }
		mine() { keyctl session - "$@"; }
		# As pam_keyinit does it.
		ssh() { keyctl session - sh -c 'keyctl link @u @s && exec "$@"' sh "$@"; }
		# A session that somebody has left, and a program in it that goes on.
		ended() { keyctl session - sh -c 'keyctl revoke @s; exec "$@"' sh "$@"; }
		serial() { keyctl id "%:$ring" 2>/dev/null || sed -n "s/^\([0-9a-f]*\) .* keyring *$ring: .*/0x\1/p" /proc/keys; }

		step 'old runs' runs old/ran
		step 'new too early' dpkg -i /repo/new-tool.deb
		step 'nothing installed' test ! -e /opt/new
		step 'new key' dpkg -i /repo/new-key_1.deb
		step 'rogue key' dpkg -i /repo/rogue-key_1.deb
		step 'rogue by hand' sh -c 'keyctl link @u @s 2>/dev/null
			keyctl padd asymmetric "" '"$(serial)"' </etc/keys/ima/rogue.der'
		step 'both' pkgima keys list
		step 'new' dpkg -i /repo/new-tool.deb
		step 'new runs' runs new/ran
		step 'old runs still' runs old/ran
		step 'old never run runs' runs old/again

		cp /test/certificates/ssh.der /etc/keys/ima
		step 'ssh' ssh pkgima keys load
		step 'without linking' mine sh -c 'keyctl padd asymmetric "" '"$(serial)"' </etc/keys/ima/new.der'
		cp /test/certificates/service.der /etc/keys/ima
		step 'service' mine setsid -w pkgima keys load
		cp /test/certificates/ended.der /etc/keys/ima
		step 'ended' ended pkgima keys load
		step 'from a fresh session' mine pkgima keys list

		step 'refused' pkgima keys retire $old
		step 'not retired' test ! -e /etc/ima-init/retired
		step 'retired' mine pkgima keys retire --force $old
		step 'old denied' runs old/never
		step 'old appraised' runs old/ran
		step 'new still runs' runs new/never
		step 'after' pkgima keys list
		step 'load' pkgima keys load
		step 'old denied still' runs old/never
		step 'key comes back' dpkg -i /repo/old-key_2.deb
		step 'old denied even so' runs old/never
		step 'old package' dpkg -i /repo/old-tool.deb
		step 'again' pkgima keys retire --force $old
		step 'brought in by root' sh -c 'keyctl link @u @s 2>/dev/null
			keyctl padd asymmetric "" '"$(serial)"' </etc/keys/ima/old.der'
		step 'old by root' runs old/later
		step 'swept' mine pkgima keys load
		step 'consistent' sh -c '[ -z "$(dpkg --audit)" ]'
	END
	run boot "$2" "$system" "$BATS_TEST_TMPDIR/script" --append ima_appraise=enforce --timeout 900 \
		--audit "$BATS_TEST_TMPDIR/audit"
	tee "$BATS_TEST_TMPDIR/out" <<<"$output"
	[ "$status" -eq 0 ]
	says 'old runs' 'status 0'
	# Signed by a key that nobody knows yet.
	says 'new too early' 'unknown-key'
	says 'new too early' 'status 1'
	says 'nothing installed' 'status 0'
	says 'new key' "key $new loaded into $1"
	says 'new key' 'status 0'
	says 'rogue by hand' 'Required key not available'
	section both | grep -E "^/etc/keys/ima/new.der +$new +yes .*CN=Site new +\[accepted\]"
	section both | grep -E "^/etc/keys/ima/old.der +$old +yes .*CN=Site old +\[accepted\]"
	section both | grep -E "^/etc/keys/ima/rogue.der +[0-9a-f]+ +no .*\[not issued by a CA"
	says both "sha256 $(sha256sum <"$keys/new/ima.der" | cut -c1-64)"
	says both "kernel keyring: $1"
	for step in new 'new runs' 'old runs still' 'old never run runs'; do
		says "$step" 'status 0'
	done
	for name in ssh service ended; do
		says "$name" "loaded /etc/keys/ima/$name.der $(key_id "$keys/$name/ima.der")"
		section 'from a fresh session' | grep -E "^/etc/keys/ima/$name.der +[0-9a-f]+ +yes "
	done
	says refused 'old-tool: /opt/old/never/echo is signed by this key only'
	says refused '4 files of 1 installed package are signed by this key only'
	says refused 'status 1'
	says 'not retired' 'status 0'
	says retired "/etc/ima-init/retired: key $old added, CN=Site old"
	says retired "$1: unlinked"
	says retired 'status 0'
	says 'old denied' 'status 126'
	says 'old appraised' 'status 0'
	says 'new still runs' 'status 0'
	section after | grep -E "^/etc/keys/ima/old.der +$old +no .*\[its key is retired: /etc/ima-init/retired\]"
	section after | grep -E "^/etc/keys/ima/new.der +$new +yes .*\[accepted\]"
	says load '/etc/keys/ima/old.der does not count: its key is retired'
	says 'old denied still' 'status 126'
	says 'key comes back' 'status 0'
	[[ $(section 'key comes back') != *"key $old loaded"* ]]
	says 'old denied even so' 'status 126'
	says 'old package' 'unknown-key'
	says again 'it has key '"$old"' already'
	says swept "unlinked retired key"
	says consistent 'status 0'
	grep -q 'type=1800 .*cause=invalid-signature .*name="/opt/old/never/echo"' "$BATS_TEST_TMPDIR/audit"
	run ! grep -E 'type=1800 .*name="/opt/new/.* res=0' "$BATS_TEST_TMPDIR/audit"
}

@test "uml: a key comes, another is retired; .ima_blacklist keeps it out, also when root loads it by hand" {
	require_kernel uml
	life_cycle .ima uml
	says retired '.ima_blacklist: added'
	says 'brought in by root' 'status 0'
	says 'old by root' 'status 126'
}

@test "6.1: a key comes, another is retired, with _ima restricted to the CA; root can load it again by hand" {
	require_kernel 6.1
	life_cycle _ima 6.1
	# Only who possesses the keyring may add to it.
	says 'without linking' 'Permission denied'
	says retired '.ima_blacklist: this kernel has none'
	says 'brought in by root' 'status 0'
	says 'old by root' 'status 0'
}

# The package ima-init, as far as it matters here: its program is the tests' own.
make_ima_init()
{
	local tree=$BATS_TEST_TMPDIR/ima-init
	install -D "$(boot --print-init)" "$tree/ima/init"
	install -d "$tree/DEBIAN"
	printf '#!/bin/sh\nset -e\n[ "$1" != configure ] || touch /run/configured\n' >"$tree/DEBIAN/postinst"
	chmod 755 "$tree/DEBIAN/postinst"
	make_deb "$tree" ima-init 0.1.0
}

@test "uml: a site's ima-init from its package: the kernel loads its certificate and policy, and runs its /ima/init" {
	local root=$BATS_TEST_TMPDIR/root out=$BATS_TEST_TMPDIR/out
	require_kernel uml
	cp -a "$system" "$root"
	rm -r "$root/test" "$root"/etc/keys/ima/*
	make_ima_init
	cp "$BATS_TEST_TMPDIR/ima-init.deb" "$root/root"
	in_root "$root" dpkg -i /root/ima-init.deb
	cat >"$BATS_TEST_TMPDIR/policy" <<-'END'
		# A comment.
		appraise func=POLICY_CHECK appraise_type=imasig
		dont_appraise fsmagic=0x9fa0
		dont_appraise fsmagic=0x62656572
		dont_appraise fsmagic=0x73636673
		appraise func=BPRM_CHECK appraise_type=imasig
		appraise func=MMAP_CHECK mask=MAY_EXEC appraise_type=imasig
	END
	run "$PKGIMA" mkinit --root "$root" --ca-cert "$keys/ca.pem" --cert "$keys/ima.pem" --key "$keys/ima.key" \
		--policy "$BATS_TEST_TMPDIR/policy" --out "$out"
	echo "$output"
	[ "$status" -eq 0 ]
	cp "$out"/ima-init_0.1.0+site1_all.deb "$root/root"
	# Nothing of the project's package is left, and the certificate is in place when the first signature is wanted.
	cp "$keys/ima.der" "$root/etc/keys/ima/first.der"
	in_root "$root" sh -c 'PATH=/usr/libexec/dpkg-ima/bin:$PATH dpkg -i /root/ima-init_*site1*.deb'
	mkdir "$root/test" "$root/opt/unsigned"
	cp "$root/usr/bin/true" "$root/opt/unsigned/true"
	cat >"$root/test/script" <<-'END'
		policy=/sys/kernel/security/ima/policy
		/opt/unsigned/true; echo "before: $?"
		echo /etc/ima-init/policy >$policy; echo "by path: $?"
		# As from an initramfs, which has no attributes.
		cp /etc/ima-init/policy /run/policy
		echo /run/policy >$policy; echo "without: $?"
		setfattr -n security.ima -v "0s$(base64 -w 0 /etc/ima-init/policy.sig)" /run/policy
		echo /run/policy >$policy; echo "with its signature: $?"
		echo "audit func=BPRM_CHECK" >>/run/policy
		echo /run/policy >$policy; echo "changed: $?"
		/opt/unsigned/true; echo "unsigned: $?"
		/usr/bin/true; echo "signed: $?"
	END
	sign --xattr "$root/test/script"
	run boot uml "$root" - --init /ima/init --append 'ima_appraise=enforce ima_policy=appraise_tcb' \
		--audit "$BATS_TEST_TMPDIR/audit"
	echo "$output"
	cat "$BATS_TEST_TMPDIR/audit"
	[ "$status" -eq 0 ]
	[[ $output == *'before: 126'*'by path: 0'*'without: '[12]*'with its signature: 0'*'changed: '[12]* ]]
	[[ $output == *'unsigned: 126'*'signed: 0'* ]]
	grep -q "integrity: Loaded X.509 cert 'Site IMA:" "$BATS_TEST_TMPDIR/audit"
	[ "$(grep -c 'op=policy_update cause=completed .*res=1' "$BATS_TEST_TMPDIR/audit")" -eq 2 ]
}
