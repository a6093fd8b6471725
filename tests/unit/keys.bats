#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
bats_require_minimum_version 1.5.0

# pkgima keys trust and retire, and what list says of it. What the kernel does is tests/kernel/keys.bats'.

# Skips, visibly; a failure where everything has to be there.
missing() {
	[ -z "$PKGIMA_MUST_WORK" ] || { echo "$1"; return 1; }
	skip "$1"
}

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	"$PKGIMA" keygen --type ca --name "Site CA" --algo p256 --out ca
	"$PKGIMA" keygen --type ca --name "Other CA" --algo p256 --out other
	for name in old new; do
		"$PKGIMA" keygen --type ima --name "Key $name" --algo p256 --ca-cert ca/ca.pem --ca-key ca/ca.key --out $name
	done
}

setup() {
	[ -x "$PKGIMA" ] || missing "PKGIMA does not name the program"
	cd "$BATS_TEST_TMPDIR"
	made=$BATS_FILE_TMPDIR
	mkdir -p root/etc/keys/ima root/usr/share/ima-init/ca
	cp "$made/old/ima.der" root/etc/keys/ima/old.der
	cp "$made/new/ima.der" root/etc/keys/ima/new.der
	cp "$made/ca/ca.der" root/usr/share/ima-init/ca/site.der
	fingerprint=$(openssl x509 -in "$made/ca/ca.pem" -noout -fingerprint -sha256 | sed 's/.*=//')
	plain=$(tr -d : <<<"${fingerprint,,}")
}

key_id() {
	openssl x509 -in "$1" -noout -ext subjectKeyIdentifier | tr -d ' :\n' | tail -c 8 | tr A-F a-f
}

skid() {
	openssl x509 -in "$1" -noout -ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' | tr A-F a-f
}

keys() {
	"$PKGIMA" keys "$1" --root root "${@:2}"
}

@test "list shows a CA certificate that waits, until it is trusted" {
	run -0 keys list
	[[ "$output" == *"/usr/share/ima-init/ca/site.der"*"CN=Site CA  [waits for pkgima keys trust]"* ]]
	[[ "$output" == *"sha256 $plain"* ]]
	run -0 jq -r '.certificates[] | select(.waiting) | [.file, .fingerprint, .ca, .accepted, .in_store] | @tsv' \
		< <(keys list --json)
	[ "$output" = "/usr/share/ima-init/ca/site.der	$plain	true	false	false" ]
	keys trust "$plain"
	run -0 keys list
	[[ "$output" == *"/etc/keys/ima-ca/${plain:0:32}.der"*"CN=Site CA  [accepted]"* ]]
	[[ "$output" != *"/usr/share/ima-init"* ]]
	[ "$(jq '[.certificates[] | select(.waiting)] | length' < <(keys list --json))" -eq 0 ]
}

@test "trust takes the whole fingerprint, with colons as openssl has it, and copies the certificate" {
	run -0 keys trust "$fingerprint"
	[[ "$output" == "/etc/keys/ima-ca/${plain:0:32}.der: trusted, CN=Site CA"* ]]
	[[ "$output" == *"an initramfs with ima-init in it has to be made anew"* ]]
	cmp "root/etc/keys/ima-ca/${plain:0:32}.der" "$made/ca/ca.der"
	[ "$(stat -c %a "root/etc/keys/ima-ca/${plain:0:32}.der")" = 644 ]
	[ "$(ls -A root/etc/keys/ima-ca)" = "${plain:0:32}.der" ]
	run -0 keys trust "$plain"
	[[ "$output" == *": trusted already" ]]
}

@test "trust refuses what is no fingerprint, matches nothing, or is no usable CA" {
	for text in "" "${plain:0:63}" "${plain}0" "${fingerprint%??}" "${plain/?/g}"; do
		run -2 keys trust "$text"
	done
	# One digit is different.
	[[ $plain == 0* ]] && changed=1${plain:1} || changed=0${plain:1}
	run -1 keys trust "$changed"
	[[ "$output" == *"no certificate in /usr/share/ima-init/ca has this fingerprint"* ]]
	cp "$made/old/ima.der" root/usr/share/ima-init/ca/leaf.der
	run -1 keys trust "$(sha256sum <"$made/old/ima.der" | cut -c 1-64)"
	[[ "$output" == *"/usr/share/ima-init/ca/leaf.der: it is no CA certificate"* ]]
	# Those that the trust store has are not looked for there, nor files that are no certificates.
	run -1 keys trust "$(sha256sum <"$made/new/ima.der" | cut -c 1-64)"
	echo hello >root/usr/share/ima-init/ca/text.der
	run -1 keys trust "$(sha256sum <root/usr/share/ima-init/ca/text.der | cut -c 1-64)"
	[ ! -e root/etc/keys/ima-ca ]
}

@test "trust writes through no symbolic link, and does not take over a package's name" {
	mkdir elsewhere
	ln -s "$PWD/elsewhere" root/etc/keys/ima-ca
	run -3 keys trust "$plain"
	[[ "$output" == *"symbolic link"* ]]
	[ -z "$(ls -A elsewhere)" ]
	rm root/etc/keys/ima-ca
	mkdir -p root/var/lib/dpkg/info
	echo "/etc/keys/ima-ca/${plain:0:32}.der" >root/var/lib/dpkg/info/evil.list
	run -1 keys trust "$plain"
	[[ "$output" == *"belongs to a package"* ]]
	[ ! -e root/etc/keys/ima-ca ]
}

@test "retire: by key id or fingerprint; the key counts no longer, whatever file brings it" {
	id=$(key_id "$made/old/ima.pem")
	run -0 keys retire "$id"
	[[ "$output" == "/etc/ima-init/retired: key $id added, CN=Key old"* ]]
	[[ "$output" == *"the running kernel's keyring is left as it is"* ]]
	grep -qx "$(skid "$made/old/ima.pem") key id $id, CN=Key old" root/etc/ima-init/retired
	cp "$made/old/ima.der" root/etc/keys/ima/again.der
	run -0 jq -r '.certificates[] | select(.retired) | [.file, .accepted, .problem] | @tsv' < <(keys list --json)
	[ "$output" = "/etc/keys/ima/again.der	false	its key is retired: /etc/ima-init/retired
/etc/keys/ima/old.der	false	its key is retired: /etc/ima-init/retired" ]
	# Once more is no failure; and a fingerprint does as well.
	run -0 keys retire "${id^^}"
	[[ "$output" == *"it has key $id already"* ]]
	run -0 keys retire "$(sha256sum <"$made/new/ima.der" | cut -c 1-64)"
	[ "$(grep -cv '^#' root/etc/ima-init/retired)" -eq 2 ]
	# Taking the line away is all that is needed to let it count again.
	sed -i "/$id/d" root/etc/ima-init/retired
	[ "$(jq '[.certificates[] | select(.accepted)] | length' < <(keys list --json))" -eq 2 ]
}

@test "retire: signatures of a retired key are those of an unknown one" {
	mkdir -p package/DEBIAN package/opt
	echo content >package/opt/file
	printf 'Package: p\nVersion: 1\nArchitecture: all\nMaintainer: T <t@localhost>\nDescription: p\n' >package/DEBIAN/control
	dpkg-deb -b package p.deb >/dev/null
	"$PKGIMA" sign --key "$made/old/ima.key" --cert "$made/old/ima.der" --in-place p.deb
	mkdir -p root/var/lib/dpkg/info root/opt
	dpkg-deb --ctrl-tarfile p.deb | tar -xO ./imasigs >root/var/lib/dpkg/info/p.imasigs
	echo /opt/file >root/var/lib/dpkg/info/p.list
	cp package/opt/file root/opt/file
	keys retire "$(key_id "$made/old/ima.pem")"
	run -1 "$PKGIMA" apply --root root --all
	[[ "$output" == *"unknown-key"* ]]
	# But what is named is the user's word.
	"$PKGIMA" verify --certs "$made/old/ima.der" p.deb
}

@test "retire: refused while it alone has signed installed files; --force does it" {
	[ "$(id -u)" -eq 0 ] || missing "not root"
	mkdir -p package/DEBIAN package/opt
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $n >package/opt/$n; done
	printf 'Package: p\nVersion: 1\nArchitecture: all\nMaintainer: T <t@localhost>\nDescription: p\n' >package/DEBIAN/control
	dpkg-deb -b package p.deb >/dev/null
	"$PKGIMA" sign --key "$made/old/ima.key" --cert "$made/old/ima.der" --in-place p.deb
	mkdir -p root/var/lib/dpkg/info
	dpkg-deb --ctrl-tarfile p.deb | tar -xO ./imasigs >root/var/lib/dpkg/info/p.imasigs
	(cd package && find ./opt -type f | sed 's/^\.//') >root/var/lib/dpkg/info/p.list
	cp -r package/opt root/opt
	"$PKGIMA" apply --root root --all
	id=$(key_id "$made/old/ima.pem")
	run -1 keys retire "$id"
	[[ "$output" == *"p: /opt/1 is signed by this key only"* ]]
	[ "$(grep -c 'p: /opt/.* is signed by this key only' <<<"$output")" -eq 10 ]
	[[ "$output" == *"12 files of 1 installed package are signed by this key only; not retired"* ]]
	[ ! -e root/etc/ima-init ]
	# The other one has signed nothing.
	run -0 keys retire "$(key_id "$made/new/ima.pem")"
	run -0 keys retire --force "$id"
	[[ "$output" == *"warning: 12 files"*"key $id added"* ]]
	# A database that cannot be read is no sign of that there are none.
	rm root/etc/ima-init/retired
	echo nonsense >root/var/lib/dpkg/info/p.imasigs
	run -3 keys retire "$id"
	[ ! -e root/etc/ima-init/retired ]
}

@test "retire: several keys with one id have to be told apart by fingerprint" {
	# The same last four bytes; openssl takes an identifier as it is given.
	for n in 1 2; do
		openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=twin $n" -keyout $n.key -out $n.csr
		openssl x509 -req -in $n.csr -CA "$made/ca/ca.pem" -CAkey "$made/ca/ca.key" -out $n.pem -extfile <(
			echo 'basicConstraints = critical, CA:FALSE'
			echo 'keyUsage = critical, digitalSignature'
			echo "subjectKeyIdentifier = 0$n:aa:bb:cc:dd"
			echo 'authorityKeyIdentifier = keyid'
		)
		openssl x509 -in $n.pem -outform DER -out root/etc/keys/ima/$n.der
	done
	run -1 keys retire aabbccdd
	[[ "$output" == *"several keys have the id aabbccdd"* ]]
	for n in 1 2; do
		twin=$(sha256sum <root/etc/keys/ima/$n.der | cut -c 1-64)
		[[ "$output" == *"/etc/keys/ima/$n.der: $twin, CN=twin $n"* ]]
	done
	run -0 keys retire "$twin"
	[ "$(grep -v '^#' root/etc/ima-init/retired | cut -d ' ' -f 1)" = 02aabbccdd ]
	run -0 jq -r '.certificates[] | select(.retired) | .file' < <(keys list --json)
	[ "$output" = /etc/keys/ima/2.der ]
}

@test "retire: what the kernel loads by itself is warned of, and what is nowhere is refused" {
	cp "$made/old/ima.der" root/etc/keys/x509_ima.der
	run -0 keys retire "$(key_id "$made/new/ima.pem")"
	[[ "$output" != *x509_ima.der* ]]
	run -0 keys retire "$(key_id "$made/old/ima.pem")"
	[[ "$output" == *"warning: /etc/keys/x509_ima.der is a certificate of this key"* ]]
	run -1 keys retire 00000000
	[[ "$output" == *"neither a certificate"* ]]
	run -1 keys retire "$plain"
	for text in 0000000 000000000 0000000g; do
		run -2 keys retire $text
	done
}

@test "a list of retired keys that cannot be understood stops what asks the trust store" {
	mkdir root/etc/ima-init
	echo "CN=Key old" >root/etc/ima-init/retired
	for command in "keys list" "keys load" "keys retire $(key_id "$made/old/ima.pem")" "keys trust $plain"; do
		# shellcheck disable=SC2086 # words
		run -3 "$PKGIMA" $command --root root
		[[ "$output" == *"/etc/ima-init/retired: line 1"* ]]
	done
	[ "$(cat root/etc/ima-init/retired)" = "CN=Key old" ]
}

@test "usage" {
	for arguments in "trust" "retire" "trust a b" "retire a b" "list a" "trust --json $plain" "list --force" \
		"load --force" "trust --force $plain"; do
		# shellcheck disable=SC2086 # words
		run -2 "$PKGIMA" keys $arguments
	done
}
