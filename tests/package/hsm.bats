#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Keys in tokens, those of SoftHSM, by OpenSSL's engine: the same bytes as with the key in a file, one login for a run, and
# what is wrong is said and leaves nothing.

load helpers
load rpm
load hsm

setup_file()
{
	require root softhsm2-util pkcs11-tool p11-kit openssl evmctl rpmbuild script perl setsid
	[ -e "$libraries/pkcs11-spy.so" ] && [ -e "$libraries/p11-kit-client.so" ] && [ -e "$module" ]
	export keys=$BATS_FILE_TMPDIR/keys hello small
	make_keys "$keys"
	"$PKGIMA" keygen --type ima --algo p256 --name EC --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys/ec"
	make_token site
	import_key site signing 01 "$keys/ima.key"
	import_key site ec 02 "$keys/ec/ima.key"
	import_key site ca 03 "$keys/ca.key"
	hello=$("$support/fetch-debs" hello)
	{
		write_spec small 1
		cat <<-'END'
			%install
			mkdir -p %{buildroot}/usr/share/small
			for i in $(seq 40); do echo $i >%{buildroot}/usr/share/small/$i; done
			%files
			/usr/share/small
		END
	} >"$BATS_FILE_TMPDIR/small.spec"
	small=$(build_rpm "$BATS_FILE_TMPDIR/small.spec" | grep -v '\.src\.rpm$')
}

setup()
{
	cd "$BATS_TEST_TMPDIR" || return 1
	export SOFTHSM2_CONF=$BATS_FILE_TMPDIR/softhsm2.conf
	unset PKGIMA_PIN
	uri="pkcs11:token=site;object=signing"
	in_module="module-path=$module"
	mkdir packages
	cp "$hello" packages/hello.deb
	cp "$small" packages/small.rpm
}

# signed_by KEY [OPTION...]: with the certificate of the RSA key.
signed_by()
{
	"$PKGIMA" sign --key "$1" --cert "$keys/ima.pem" "${@:2}"
}

# Without a terminal to ask on.
alone()
{
	setsid -w "$@" </dev/null
}

@test "file, token, and extract and attach with either: the same bytes, .deb and .rpm, on one thread or four" {
	export PKGIMA_PIN=1234
	signed_by "$keys/ima.key" --out file packages
	signed_by "$uri?$in_module" -j 1 --out token packages
	signed_by "$uri?$in_module" -j 4 --out token4 packages
	"$PKGIMA" extract packages >digests
	"$PKGIMA" sign-digests --key "$keys/ima.key" --cert "$keys/ima.pem" <digests >signatures
	"$PKGIMA" sign-digests --key "$uri?$in_module" --cert "$keys/ima.der" -j 3 <digests >signatures.token
	cmp signatures signatures.token
	"$PKGIMA" attach --signatures signatures --out attached packages
	cp -r packages in-place
	"$PKGIMA" attach --signatures signatures.token --in-place in-place
	for folder in token token4 attached in-place; do
		cmp file/hello.deb $folder/hello.deb
		cmp file/small.rpm $folder/small.rpm
		[ "$(find $folder -type f | wc -l)" -eq 2 ]
	done
	"$PKGIMA" verify --certs "$keys/ima.der" --payload token/hello.deb token/small.rpm
}

@test "P-256 in a token, on four threads; without module-path all of p11-kit's modules are asked" {
	PKGIMA_PIN=1234 "$PKGIMA" sign --key "pkcs11:token=site;object=ec" --cert "$keys/ec/ima.pem" -j 4 --out out packages
	run -0 "$PKGIMA" verify --certs "$keys/ec/ima.der" --payload out/hello.deb out/small.rpm
	[[ $output == *"small.rpm: ok: 40 of 40 files"* ]]
}

@test "sign --xattr" {
	echo content >file
	PKGIMA_PIN=1234 signed_by "$uri?$in_module" --xattr file
	evm_accepts "$keys/ima.der" "$PWD/file"
}

@test "sign --root: the token is gone in the middle, what there is is whole, and in the end the manifests are those of a file's key" {
	local root=$PWD/root info=$PWD/root/var/lib/dpkg/info i k pid there result=0
	mkdir -p "$info" "$root/var/lib/dpkg/updates" p/usr/share
	: >"$root/var/lib/dpkg/status"
	for i in $(seq 130); do
		rm -rf p/usr/share/* p/DEBIAN
		for k in $(seq 20); do echo "$i $k" >"p/usr/share/p$i-$k"; done
		make_deb "$PWD/p" "p$i"
	done
	dpkg --force-unsafe-io --root="$root" -i p*.deb >/dev/null
	p11-kit server --provider "$module" -n "$PWD/socket" pkcs11:token=site >served 2>/dev/null
	# shellcheck disable=SC1091 # made here
	. ./served
	export PKGIMA_PIN=1234 P11_KIT_SERVER_ADDRESS
	timeout 120 "$PKGIMA" sign --key "$uri?module-path=$libraries/p11-kit-client.so" --cert "$keys/ima.pem" --root "$root" \
		>log 2>errors 3>&- &
	pid=$!
	while kill -0 "$pid" 2>/dev/null && ! compgen -G "$info/*.imasigs" >/dev/null; do :; done
	# shellcheck disable=SC2046 # a list of numbers
	kill -KILL $(pgrep -P "$P11_KIT_SERVER_PID") "$P11_KIT_SERVER_PID"
	wait "$pid" || result=$?
	cat errors
	[ "$result" -eq 3 ]
	[ "$(grep -c 'the key did not sign' errors)" -eq 1 ]
	there=$(find "$info" -name '*.imasigs' | wc -l)
	[ "$there" -gt 0 ]
	[ "$there" -lt 130 ]
	[ "$(cat "$info"/*.imasigs | grep -c '^sha256 ')" -eq $((20 * there)) ]
	run -0 signed_by "$uri?$in_module" --root "$root"
	[[ $output == *$'\n'"$((130 - there)) packages signed, "*" $there were signed already, "* ]]
	mkdir token
	mv "$info"/*.imasigs token
	signed_by "$keys/ima.key" --root "$root"
	for k in token/*; do cmp "$k" "$info/${k#token/}"; done
}

@test "keygen with the CA's key in a token: openssl verifies" {
	export PKGIMA_PIN=1234
	"$PKGIMA" keygen --type ima --name New --ca-cert "$keys/ca.pem" --ca-key "pkcs11:token=site;object=ca?$in_module" \
		--out new
	openssl verify -x509_strict -CAfile "$keys/ca.pem" new/ima.pem
	# With a PIN that is wrong nothing is made.
	PKGIMA_PIN=4321 run -3 "$PKGIMA" keygen --type ima --name New --ca-cert "$keys/ca.pem" \
		--ca-key "pkcs11:token=site;object=ca?$in_module" --out none
	[[ $output == *"PIN incorrect"* ]]
	[ ! -e none ]
}

@test "the PIN from a file, a descriptor, the environment, the terminal and, with a warning, the URI" {
	printf '1234\nmore\n' >pin
	run -0 alone "$PKGIMA" sign --key "$uri?$in_module&pin-source=file:$PWD/pin" --cert "$keys/ima.pem" --out 1 "$hello"
	[[ $output != *warning* ]]
	run -0 alone "$PKGIMA" sign --key "$uri?pin-source=$PWD/pin&$in_module" --cert "$keys/ima.pem" --out 2 "$hello"
	alone "$PKGIMA" sign --key "$uri?pin-source=/dev/fd/7&$in_module" --cert "$keys/ima.pem" --out 3 "$hello" 7< <(echo 1234)
	PKGIMA_PIN=1234 alone "$PKGIMA" sign --key "$uri?$in_module" --cert "$keys/ima.pem" --out 4 "$hello"
	# What the URI says comes before the environment.
	PKGIMA_PIN=4321 alone "$PKGIMA" sign --key "$uri?pin-source=$PWD/pin&$in_module" --cert "$keys/ima.pem" --out 5 "$hello"
	run -0 alone "$PKGIMA" sign --key "$uri?$in_module&pin-value=1234" --cert "$keys/ima.pem" --out 6 "$hello"
	[[ $output == *"warning: the PIN is on the command line"* ]]
	[[ $output != *1234* ]]
	# What libp11 would take for one is refused, and not shown.
	run -3 alone "$PKGIMA" sign --key "$uri&pin-value=1234?$in_module" --cert "$keys/ima.pem" --out none "$hello"
	[[ $output == *"has pin-value in another attribute"* && $output != *1234* ]]
	[ ! -e none ]
	export KEY="$uri?$in_module" CERT=$keys/ima.pem
	# shellcheck disable=SC2016 # the inner shell's
	(sleep 1; echo 1234; sleep 1) | timeout 60 script -qec '"$PKGIMA" sign --key "$KEY" --cert "$CERT" --out 7 "$hello"' log
	grep -q 'Enter PIN for pkcs11:token=site;object=signing:' log
	for folder in 2 3 4 5 6 7; do
		cmp 1/*.deb $folder/*.deb
	done
}

@test "no PIN, or a wrong one: tried once, said, and nothing is written" {
	run -3 alone "$PKGIMA" sign --key "$uri?$in_module" --cert "$keys/ima.pem" --out out "$hello"
	[[ $output == *"$uri wants a PIN: there is no terminal to ask for it"* ]]
	export PKGIMA_PIN=987654 PKCS11SPY=$module PKCS11SPY_OUTPUT=$PWD/spy
	run -3 alone "$PKGIMA" sign --key "$uri?module-path=$libraries/pkcs11-spy.so" --cert "$keys/ima.pem" --out out "$hello"
	[[ $output == *"cannot use the key $uri: PIN incorrect"* ]]
	[[ $output != *987654* ]]
	[ "$(grep -c ': C_Login$' spy)" -eq 1 ]
	[ ! -e out ]
	cp "$hello" mine.deb
	run -3 alone "$PKGIMA" sign --key "$uri?$in_module" --cert "$keys/ima.pem" --in-place mine.deb
	cmp "$hello" mine.deb
	"$PKGIMA" extract mine.deb >digests
	run -3 setsid -w "$PKGIMA" sign-digests --key "$uri?$in_module" --cert "$keys/ima.pem" <digests
	[[ $output == *"PIN incorrect"* && $output != *"pkgima-signatures"* ]]
}

@test "one login for a run of many packages, and no more sessions than threads" {
	mkdir many
	for i in $(seq 6); do
		mkdir "tree$i"
		echo "$i" >"tree$i/file"
		make_deb "$PWD/tree$i" "p$i"
		mv "p$i.deb" many
	done
	export PKGIMA_PIN=1234 PKCS11SPY=$module PKCS11SPY_OUTPUT=$PWD/spy
	signed_by "$uri?module-path=$libraries/pkcs11-spy.so" -j 2 --out out many packages
	[ "$(grep -c ': C_Login$' spy)" -eq 1 ]
	[ "$(grep -c ': C_Initialize$' spy)" -eq 1 ]
	[ "$(grep -c ': C_OpenSession$' spy)" -le 3 ]
	# Each digest of a package was signed once.
	count=0
	for package in many/*.deb packages/*; do
		count=$((count + $("$PKGIMA" extract "$package" | tail -n +2 | wc -l)))
	done
	[ "$(grep -c ': C_Sign$' spy)" -eq "$count" ]
}

# Sixty packages are being signed by a token that another process serves, some are done. $pid is timeout(1), which runs pkgima.
begin_many()
{
	local i k
	mkdir many
	for i in $(seq 60); do
		mkdir -p "tree/DEBIAN" && rm -rf tree/data && mkdir tree/data
		for k in $(seq 50); do echo "$i $k" >"tree/data/$k"; done
		make_deb "$PWD/tree" "p$i"
		mv "p$i.deb" many
	done
	p11-kit server --provider "$module" -n "$PWD/socket" pkcs11:token=site >served 2>/dev/null
	# shellcheck disable=SC1091 # made here
	. ./served
	export PKGIMA_PIN=1234 P11_KIT_SERVER_ADDRESS
	timeout -s KILL 120 env --default-signal=TERM "$PKGIMA" sign --key "$uri?module-path=$libraries/p11-kit-client.so" \
		--cert "$keys/ima.pem" --out out many >log 2>errors 3>&- &
	pid=$!
	for _ in $(seq 600); do
		[ "$(find out -type f 2>/dev/null | wc -l)" -lt 3 ] || break
		sleep 0.05
	done
}

@test "a token that does not answer: a signal ends the run all the same, and nothing is half-written" {
	local serving result=0
	begin_many
	serving=$(pgrep -P "$P11_KIT_SERVER_PID")
	# shellcheck disable=SC2086 # a list of numbers
	kill -STOP $serving
	sleep 1
	kill -TERM "$(pgrep -P "$pid")"
	wait "$pid" || result=$?
	# shellcheck disable=SC2086
	kill -KILL $serving "$P11_KIT_SERVER_PID"
	cat errors
	[ "$result" -eq 143 ]
	count=$(find out -type f | wc -l)
	[ "$count" -ge 3 ]
	[ "$count" -lt 60 ]
	[ "$count" -eq "$(grep -c ': signed, ' log)" ]
	run -0 "$PKGIMA" verify --certs "$keys/ima.pem" --payload out/*
}

@test "the token is gone in the middle: the rest is refused at once, nothing is half-written, and the run can be resumed" {
	begin_many
	# The process that serves us, then the one that waits for others.
	kill -KILL $(pgrep -P "$P11_KIT_SERVER_PID") "$P11_KIT_SERVER_PID"
	result=0
	wait "$pid" || result=$?
	[ "$result" -eq 3 ]
	cat errors
	grep -q 'the key did not sign: ' errors
	grep -q 'the key does not sign: stopped' errors
	# One failed, the others were not tried.
	[ "$(grep -c 'the key did not sign' errors)" -eq 1 ]
	count=$(find out -type f | wc -l)
	[ "$count" -ge 3 ]
	[ "$count" -lt 60 ]
	[ "$count" -eq "$(grep -c ': signed, ' log)" ]
	"$PKGIMA" verify --certs "$keys/ima.der" --payload out/*.deb
	[ -z "$(find out -name '.*' -type f)" ]
	run -0 signed_by "$uri?$in_module" --out out many
	[ "$(grep -c 'signed already$' <<<"$output")" -eq "$count" ]
	[ "$(find out -type f | wc -l)" -eq 60 ]
	signed_by "$keys/ima.key" --out file many
	diff -r file out
}

@test "a key that may not sign, is another, or is not there; a module that is none; no engine" {
	export PKGIMA_PIN=1234
	touch before
	make_token nosign
	import_key nosign signing 01 "$keys/ima.key"
	find "$BATS_FILE_TMPDIR/tokens" -name '*.object' -newer before >objects
	[ "$(wc -l <objects)" -ge 2 ]
	while read -r object; do
		# CKA_SIGN, a boolean of SoftHSM's format, becomes false: pkcs11-tool has no option for that.
		perl -0777 -pi -e 's/(\x00{6}\x01\x08\x00{7}\x01)\xff/$1\x00/g' "$object"
	done <objects
	pkcs11-tool --module "$module" --token-label nosign --login --pin 1234 -O --type privkey | grep 'Usage: *decrypt, unwrap$'
	run -3 signed_by "pkcs11:token=nosign;object=signing?$in_module" --out out packages
	[[ $output == *"hello.deb: the key did not sign: Key function not permitted"* ]]
	[[ $output == *"the key does not sign: stopped"* ]]
	# Of files: said once, not for each, and none has an attribute.
	mkdir files
	for i in $(seq 300); do echo "$i" >"files/$i"; done
	run -3 signed_by "pkcs11:token=nosign;object=signing?$in_module" --xattr -r files
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"the key did not sign"* ]]
	run ! grep -q . <(getfattr -R -n security.ima files 2>/dev/null)
	run -3 signed_by "pkcs11:token=site;object=ca?$in_module" --out out packages
	[[ $output == *"the key does not belong to"* ]]
	run -3 signed_by "pkcs11:token=site;object=missing?$in_module" --out out packages
	[[ $output == *"cannot use the key pkcs11:token=site;object=missing: object not found"* ]]
	run -3 signed_by "pkcs11:token=missing;object=signing?$in_module" --out out packages
	[[ $output == *"object not found"* ]]
	run -3 signed_by "$uri?module-path=/nonexistent.so" --out out packages
	[[ $output == *"Unable to load PKCS#11 module"* ]]
	OPENSSL_ENGINES=$PWD run -3 signed_by "$uri?$in_module" --out out packages
	[[ $output == *"OpenSSL has no provider or engine for PKCS #11 (Debian: libengine-pkcs11-openssl)"* ]]
	[ -z "$(find out -type f)" ]
}

@test "the packages depend on no token's library, and what dpkg runs knows of no engine" {
	packages=$("$support/build-packages")
	for field in Depends Recommends; do
		run ! grep -E 'pkcs11|engine|p11' <(dpkg-deb -f "$packages"/pkgima_*.deb $field)
	done
	dpkg-deb -f "$packages"/pkgima_*.deb Suggests | grep -q libengine-pkcs11-openssl
	nm -D --undefined-only "$PKGIMA_BUILD/pkgima" | grep -q ENGINE_load_private_key
	for program in dpkg-ima-backend dpkg-ima-trigger dpkg-ima-apt-hook; do
		[ -x "$PKGIMA_BUILD/$program" ]
		run ! grep -aqE 'pkgima_token|PKGIMA_PIN' "$PKGIMA_BUILD/$program"
	done
}
