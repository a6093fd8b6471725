#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
bats_require_minimum_version 1.5.0

# What keygen makes, and the profiles in certs/, in the eyes of the openssl and evmctl programs.

# Skips, visibly; a failure where everything has to be there.
missing() {
	[ -z "$PKGIMA_MUST_WORK" ] || { echo "$1"; return 1; }
	skip "$1"
}

setup() {
	[ -x "$PKGIMA" ] || missing "PKGIMA does not name the program"
	certs=$BATS_TEST_DIRNAME/../../certs
	cd "$BATS_TEST_TMPDIR"
}

text() {
	openssl x509 -in "$1" -noout -text -certopt no_pubkey,no_sigdump
}

make_site() { # ALGO
	"$PKGIMA" keygen --type ca --name "Site CA" --algo "$1" --out ca
	"$PKGIMA" keygen --type ima --name "Site key" --algo "$1" --ca-cert ca/ca.pem --ca-key ca/ca.key --out ima
}

# As a machine without terminal would run it, and with whatever stdin.
without_terminal() {
	setsid -w "$@" </dev/null
}

# Signing with evmctl, which takes the key id from the certificate, and verifying with the certificate that was made.
evmctl_signs() { # FOLDER
	echo content >file
	evmctl ima_sign --sigfile --hashalgo sha256 --key "$1/ima.key" --keyid-from-cert="$1/ima.pem" file
	[ "$(od -An -tx1 -j3 -N4 file.sig | tr -d ' \n')" = "$(key_id "$1/ima.pem")" ]
	evmctl ima_verify --sigfile --key "$1/ima.der" file
}

key_id() {
	openssl x509 -in "$1" -noout -ext subjectKeyIdentifier | tail -1 | tr -d ' :\n' | tail -c 8 | tr A-F a-f
}

@test "ca profile" {
	make_site rsa2048
	run text ca/ca.pem
	[ "$status" -eq 0 ]
	[[ "$output" == *"Version: 3"* ]]
	[[ "$output" == *"X509v3 Basic Constraints: critical"*"CA:TRUE"* ]]
	[[ "$output" == *"X509v3 Key Usage: critical"*"Certificate Sign, CRL Sign"* ]]
	[[ "$output" == *"X509v3 Subject Key Identifier:"* ]]
	[[ "$output" == *"X509v3 Authority Key Identifier:"* ]]
	[[ "$output" == *"Signature Algorithm: sha256WithRSAEncryption"* ]]
	[[ "$output" != *"Digital Signature"* ]]
}

@test "leaf profiles" {
	make_site rsa2048
	"$PKGIMA" keygen --type evm --name "Site EVM key" --ca-cert ca/ca.pem --ca-key ca/ca.key --out ima
	for type in ima evm; do
		run text "ima/$type.pem"
		[ "$status" -eq 0 ]
		[[ "$output" == *"Issuer: CN = Site CA"* ]]
		[[ "$output" == *"X509v3 Basic Constraints: critical"*"CA:FALSE"* ]]
		[[ "$output" == *"X509v3 Key Usage: critical"*"Digital Signature"* ]]
		[[ "$output" != *"Digital Signature,"* ]]
		[[ "$output" != *"Certificate Sign"* ]]
		[[ "$output" == *"X509v3 Subject Key Identifier:"* ]]
		[[ "$output" == *"X509v3 Authority Key Identifier:"* ]]
	done
}

@test "validity: 3650 days for a ca, 1825 for a leaf, cut at the CA's" {
	make_site p256
	openssl x509 -in ca/ca.pem -noout -checkend $((3649 * 86400))
	run ! openssl x509 -in ca/ca.pem -noout -checkend $((3651 * 86400))
	openssl x509 -in ima/ima.pem -noout -checkend $((1824 * 86400))
	run ! openssl x509 -in ima/ima.pem -noout -checkend $((1826 * 86400))
	"$PKGIMA" keygen --type ima --name x --days 36500 --algo p256 --ca-cert ca/ca.pem --ca-key ca/ca.key --out long
	[ "$(openssl x509 -in long/ima.pem -noout -enddate)" = "$(openssl x509 -in ca/ca.pem -noout -enddate)" ]
}

@test "every algorithm: openssl verifies the chain, key and certificate belong together, DER is PEM" {
	for algo in rsa2048 rsa3072 rsa4096 p256 p384; do
		mkdir "$BATS_TEST_TMPDIR/$algo"
		cd "$BATS_TEST_TMPDIR/$algo"
		make_site "$algo"
		openssl verify -x509_strict -CAfile ca/ca.pem ima/ima.pem
		cmp <(openssl pkey -in ima/ima.key -pubout) <(openssl x509 -in ima/ima.pem -noout -pubkey)
		cmp <(openssl x509 -in ima/ima.pem -outform DER) ima/ima.der
		head -1 ima/ima.key | grep -q '^-----BEGIN P[R]IVATE KEY-----$'
	done
}

@test "modes, whatever the umask" {
	umask 0
	make_site p256
	[ "$(stat -c %a ima/ima.key ima/ima.pem ima/ima.der ima | xargs)" = "600 644 644 700" ]
}

@test "prints three lines: path and key id" {
	run "$PKGIMA" keygen --type ca --name "Site CA" --algo p256 --out ca
	[ "$status" -eq 0 ]
	id=$(key_id ca/ca.pem)
	[ "$output" = "ca/ca.key $id
ca/ca.pem $id
ca/ca.der $id" ]
}

@test "evmctl signs and verifies with it, same key id" {
	command -v evmctl >/dev/null || missing "no evmctl"
	make_site rsa2048
	evmctl_signs ima
}

@test "a self-signed leaf is made with a warning on stderr" {
	"$PKGIMA" keygen --type ima --name x --algo p256 --out self 2>err
	grep -q '^pkgima keygen: warning: .*self-signed' err
	openssl verify -CAfile self/ima.pem self/ima.pem
	make_site p256 2>err
	[ ! -s err ]
}

@test "an encrypted CA key: no terminal, no hang, nothing left" {
	make_site p256
	openssl pkcs8 -topk8 -v2 aes-128-cbc -passout pass:secret -in ca/ca.key -out ca/enc.key
	run without_terminal "$PKGIMA" keygen --type ima --name x --ca-cert ca/ca.pem --ca-key ca/enc.key --out out
	[ "$status" -eq 3 ]
	[[ "$output" == "pkgima keygen: "*"no terminal"* ]]
	[ ! -e out ]
}

# answer TEXT: to the question for the passphrase, which is in "shown" when it has been asked.
answer() {
	: >shown
	timeout 60 sh -c 'until grep -q ca/enc.key shown; do sleep 0.05; done'
	sleep 0.5
	echo "$1"
	sleep 1
}

@test "an encrypted CA key: the terminal is asked, a wrong passphrase says so" {
	command -v script >/dev/null || missing "no script(1)"
	make_site p256
	openssl pkcs8 -topk8 -v2 aes-128-cbc -passout pass:secret -in ca/ca.key -out ca/enc.key
	command="'$PKGIMA' keygen --type ima --name x --algo p256 --ca-cert ca/ca.pem --ca-key ca/enc.key --out out"
	run script -qefc "$command" shown < <(answer wrong)
	[ "$status" -eq 3 ]
	[[ "$output" == *"ca/enc.key"*"cannot decrypt key ca/enc.key: "* ]]
	[[ "$output" != *"wrong"* ]]
	[ ! -e out ]
	run script -qefc "$command" shown < <(answer secret)
	[ "$status" -eq 0 ]
	openssl verify -CAfile ca/ca.pem out/ima.pem
}

@test "a CA key that others may read is warned of" {
	make_site p256
	chmod 644 ca/ca.key
	"$PKGIMA" keygen --type ima --name x --algo p256 --ca-cert ca/ca.pem --ca-key ca/ca.key --out out 2>err
	grep -q "warning: .* read the CA's key" err
}

@test "nothing is overwritten" {
	make_site p256
	sha256sum ima/* >before
	run "$PKGIMA" keygen --type ima --name x --algo p256 --out ima
	[ "$status" -eq 3 ]
	[[ "$output" == "pkgima keygen: ima/ima.key exists already" ]]
	sha256sum -c --quiet before
	[ "$(find ima -mindepth 1 | wc -l)" -eq 3 ]
}

@test "usage errors" {
	make_site p256
	for arguments in "" "--type ca --name x" "--type ca --out d" "--name x --out d" "--type tls --name x --out d" \
		"--type ca --name x --out d extra" "--type ca --name x --out d --days 0" \
		"--type ca --name x --out d --days 36501" "--type ca --name x --out d --days -1" \
		"--type ca --name x --out d --algo rsa1024" "--type ima --name x --out d --ca-cert ca/ca.pem" \
		"--type ima --name x --out d --ca-key ca/ca.key" \
		"--type ca --name x --out d --ca-cert ca/ca.pem --ca-key ca/ca.key" "--frob"; do
		# shellcheck disable=SC2086 # a list of words
		run "$PKGIMA" keygen $arguments
		[ "$status" -eq 2 ]
		[ ! -e d ]
	done
	run "$PKGIMA" keygen --help
	[ "$status" -eq 0 ]
	[[ "$output" == "Usage: pkgima keygen"* ]]
}

@test "certs/: the openssl way gives what pkgima takes" {
	# shellcheck disable=SC2016 # the inner shell's
	run -0 sh -ec '
		umask 077
		openssl req -new -x509 -config "$1/openssl-ca.cnf" -newkey rsa:2048 -noenc -days 3650 \
			-keyout ca.key -out ca.pem
		for type in ima evm; do
			openssl req -new -config "$1/openssl-$type.cnf" -newkey rsa:2048 -noenc \
				-keyout "$type.key" -out "$type.csr"
			openssl x509 -req -in "$type.csr" -CA ca.pem -CAkey ca.key -days 1825 -sha256 \
				-extfile "$1/openssl-$type.cnf" -extensions extensions -out "$type.pem"
		done' sh "$certs"
	mkdir -p root/etc/keys/ima root/etc/keys/ima-ca
	openssl x509 -in ca.pem -outform DER -out root/etc/keys/ima-ca/site.der
	for type in ima evm; do
		openssl x509 -in "$type.pem" -outform DER -out "root/etc/keys/ima/$type.der"
	done
	run -0 "$PKGIMA" keys list --root root
	[ "$(grep -c '\[accepted\]$' <<<"$output")" -eq 3 ]
	"$PKGIMA" keygen --type ima --name x --ca-cert ca.pem --ca-key ca.key --out out
}

@test "certs/: each profile is the same as keygen's" {
	make_site rsa2048
	openssl req -new -x509 -config "$certs/openssl-ca.cnf" -newkey rsa:2048 -noenc -keyout ca.key -out ca.pem
	openssl req -new -config "$certs/openssl-ima.cnf" -newkey rsa:2048 -noenc -keyout ima.key -out ima.csr
	openssl x509 -req -in ima.csr -CA ca.pem -CAkey ca.key -sha256 \
		-extfile "$certs/openssl-ima.cnf" -extensions extensions -out ima.pem
	extensions() { # but for the identifiers' values
		openssl x509 -in "$1" -noout -text -certopt ca_default,no_validity,no_serial,no_subject,no_issuer \
			-certopt no_sigdump | sed -E 's/([0-9A-F]{2}:)+[0-9A-F]{2}/ID/'
	}
	diff <(extensions ca.pem) <(extensions ca/ca.pem)
	diff <(extensions ima.pem) <(extensions ima/ima.pem)
}

@test "keys list: table and JSON" {
	make_site p256
	"$PKGIMA" keygen --type ima --name "Rogue" --algo p256 --out rogue 2>/dev/null
	mkdir -p root/etc/keys/ima root/etc/keys/ima-ca
	cp ca/ca.der root/etc/keys/ima-ca/site.der
	cp ima/ima.der root/etc/keys/ima/good.der
	cp rogue/ima.der root/etc/keys/ima/rogue.der
	echo hello >root/etc/keys/ima/text.der
	run -0 "$PKGIMA" keys list --root root
	[[ "$output" == *"/etc/keys/ima/good.der"*"$(key_id ima/ima.pem)"*"CN=Site key"*"[accepted]"* ]]
	[[ "$output" == *"/etc/keys/ima/rogue.der"*"CN=Rogue"*"[not issued by a CA certificate"* ]]
	[[ "$output" == *"/etc/keys/ima/text.der"*"[no X.509 certificate"* ]]
	[[ "$(tail -1 <<<"$output")" == "kernel keyring: "* ]]
	# When it expires, as openssl says it.
	expiry=$(date -u -d "$(openssl x509 -in ima/ima.pem -noout -enddate | cut -d= -f2)" +%Y-%m-%dT%H:%M:%SZ)
	[[ "$output" == *"/etc/keys/ima/good.der"*"${expiry%T*}"*"[accepted]"* ]]
	"$PKGIMA" keys list --root root --json >list.json
	python3 - "$(key_id ima/ima.pem)" "$(sha256sum <ima/ima.der | cut -d' ' -f1)" "$expiry" <<-'END'
		import json, sys
		document = json.load(open("list.json"))
		assert set(document) == {"certificates", "keyring"}
		items = {item["file"]: item for item in document["certificates"]}
		assert len(items) == 4
		fields = {"file", "key_id", "subject", "fingerprint", "not_after", "ca", "in_store", "waiting",
			  "retired", "accepted", "problem", "warning", "in_kernel"}
		assert all(set(item) == fields for item in items.values())
		good, rogue = items["/etc/keys/ima/good.der"], items["/etc/keys/ima/rogue.der"]
		assert good["key_id"] == sys.argv[1] and good["fingerprint"] == sys.argv[2]
		assert good["accepted"] is True and good["problem"] is None and good["ca"] is False
		assert rogue["accepted"] is False and rogue["problem"]
		assert good["not_after"] == sys.argv[3], good["not_after"]
		assert items["/etc/keys/ima-ca/site.der"]["ca"] is True
		assert items["/etc/keys/ima/text.der"]["key_id"] is None
	END
}

@test "keys: usage errors, and a root that is not there" {
	for arguments in "" "frob" "list load" "trust" "load --json" "--frob list"; do
		# shellcheck disable=SC2086 # a list of words
		run "$PKGIMA" keys $arguments
		[ "$status" -eq 2 ]
	done
	run "$PKGIMA" keys list --root /nonexistent
	[ "$status" -eq 3 ]
	run "$PKGIMA" keys --help
	[ "$status" -eq 0 ]
	[[ "$output" == "Usage: pkgima keys list"* ]]
}
