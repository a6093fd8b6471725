#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Signing elsewhere: extract lists digests, a service signs them, attach puts the signatures into the packages, or refuses.

load helpers
load rpm

setup_file()
{
	require root rpmbuild openssl evmctl perl
	export keys=$BATS_FILE_TMPDIR/keys packages=$BATS_FILE_TMPDIR/packages
	make_keys "$keys"
	"$PKGIMA" keygen --type ima --algo p256 --name EC --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys/ec"
	mkdir -p "$packages/sub"
	# shellcheck disable=SC2046 # a list of names
	cp $("$support/fetch-debs" hello dash) "$packages"
	{
		write_spec small 1
		cat <<-'END'
			%install
			mkdir -p %{buildroot}/usr/share/small
			for i in $(seq 40); do echo $((i / 2)) >%{buildroot}/usr/share/small/$i; done
			%files
			/usr/share/small
		END
	} >"$BATS_FILE_TMPDIR/small.spec"
	cp "$(build_rpm "$BATS_FILE_TMPDIR/small.spec" | grep -v '\.src\.rpm$')" "$packages/sub/small.rpm"
	sign --out "$BATS_FILE_TMPDIR/signed" "$packages"
	"$PKGIMA" extract "$packages" >"$BATS_FILE_TMPDIR/digests"
	"$PKGIMA" sign-digests --key "$keys/ima.key" --cert "$keys/ima.pem" <"$BATS_FILE_TMPDIR/digests" \
		>"$BATS_FILE_TMPDIR/signatures"
}

setup()
{
	cd "$BATS_TEST_TMPDIR" || return 1
	cp "$BATS_FILE_TMPDIR"/{digests,signatures} .
	cp "$packages"/hello_*.deb hello.deb
	signed=$BATS_FILE_TMPDIR/signed
}

# refused STATUS TEXT [OPTION...]: attaching the document "signatures" to hello.deb, in place and elsewhere, writes nothing.
refused()
{
	cp hello.deb before.deb
	run "-$1" "$PKGIMA" attach --signatures signatures "${@:3}" --out none hello.deb
	echo "$output"
	[[ $output == *"$2"* ]]
	[ ! -e none ] || [ -z "$(ls -A none)" ]
	run "-$1" "$PKGIMA" attach --signatures signatures "${@:3}" --in-place hello.deb
	cmp before.deb hello.deb
	[ -z "$(find . -maxdepth 1 -name '.?*' -type f)" ]
}

@test "extract lists the digests of several packages, each once, as other programs see them" {
	mkdir tree control
	for deb in "$packages"/*.deb; do
		dpkg-deb -x "$deb" tree
		dpkg-deb -e "$deb" control
	done
	{
		echo 'pkgima-digests 1'
		{
			find tree -type f -exec sha256sum {} +
			find control -type f \( -name '*inst' -o -name '*rm' -o -name config \) -exec sha256sum {} +
			query '[%{FILEDIGESTS} %{FILENAMES}\n]' "$packages/sub/small.rpm" | grep '^[0-9a-f]'
		} | sed 's/ .*//; s/^/sha256 /' | LC_ALL=C sort -u
	} >expected
	# Scripts of the second package have taken the place of the first one's.
	comm -13 <(LC_ALL=C sort digests) <(LC_ALL=C sort expected) >missing
	[ ! -s missing ]
	for deb in "$packages"/*.deb; do
		rm -rf control
		dpkg-deb -e "$deb" control
		find control -type f \( -name '*inst' -o -name '*rm' -o -name config \) -exec sha256sum {} + | sed 's/ .*//; s/^/sha256 /'
	done | LC_ALL=C sort -u - <(tail -n +2 expected) | diff - <(tail -n +2 digests)
	head -1 digests | grep -qx 'pkgima-digests 1'
	# Arguments, a list and other threads give the same document.
	"$PKGIMA" extract -j 1 "$packages"/sub "$packages"/*.deb | cmp - digests
	find "$packages" -name '*.?[ep][bm]' | "$PKGIMA" extract --from - | cmp - digests
}

@test "attach gives the same bytes as sign, elsewhere and in place, and keeps folders" {
	"$PKGIMA" attach --signatures signatures --out out "$packages"
	diff -r "$signed" out
	cp -r "$packages" mine
	# More signatures than are needed, and a document from a pipe.
	"$PKGIMA" attach --signatures <(cat signatures) --cert "$keys/ima.der" --in-place mine/sub/small.rpm
	cmp mine/sub/small.rpm "$signed/sub/small.rpm"
	run -0 "$PKGIMA" attach --signatures signatures --in-place mine
	diff -r "$signed" mine
}

@test "a service that is openssl and a shell: the same document for an RSA key, and good signatures of an ECDSA key" {
	KEY=$keys/ima.key "$TOP/examples/sign-digests" "$keys/ima.pem" <digests >theirs
	cmp theirs signatures
	KEY=$keys/ec/ima.key "$TOP/examples/sign-digests" "$keys/ec/ima.pem" <digests >theirs
	"$PKGIMA" attach --signatures theirs --cert "$keys/ec/ima.pem" --out out "$packages"
	"$PKGIMA" verify --certs "$keys/ec/ima.der" --payload out/*.deb out/sub/*.rpm
	run ! env KEY="$keys/ima.key" "$TOP/examples/sign-digests" "$keys/ima.pem" <theirs
	# All or nothing.
	run ! env KEY="$keys/ima.key" "$TOP/examples/sign-digests" "$keys/none.pem" <digests
	[[ $output != *pkgima-signatures* ]]
	head -c -1 digests >cut
	run ! env KEY="$keys/ima.key" "$TOP/examples/sign-digests" "$keys/ima.pem" <cut
	[[ $output != *pkgima-signatures* ]]
}

@test "sha512: extract and attach are told, an .rpm has its own" {
	"$PKGIMA" extract --hash sha512 hello.deb >digests
	run ! grep -v '^sha512 [0-9a-f]*$' <(tail -n +2 digests)
	"$PKGIMA" sign-digests --key "$keys/ima.key" --cert "$keys/ima.pem" <digests >signatures
	"$PKGIMA" attach --hash sha512 --signatures signatures --out out hello.deb
	sign --hash sha512 --out file hello.deb
	cmp out/hello.deb file/hello.deb
	refused 1 'no signature was given for sha256'
	run -3 "$PKGIMA" extract --hash sha512 "$packages/sub/small.rpm"
	[[ $output == *"its file digests are sha256"* ]]
}

@test "a package that changed in between is refused, the others are not" {
	dpkg-deb -R hello.deb tree
	echo more >>tree/usr/share/doc/hello/copyright
	dpkg-deb -b tree hello.deb >/dev/null
	mkdir both
	cp hello.deb "$packages"/dash_*.deb both
	run -1 "$PKGIMA" attach --signatures signatures --out out both
	[[ $output == *"both/hello.deb: data member: /usr/share/doc/hello/copyright: no signature was given for sha256 $(
		sha256sum <tree/usr/share/doc/hello/copyright | sed 's/ .*//')"* ]]
	[[ $output == *"1 of 2 could not be signed:"*"both/hello.deb"* ]]
	cmp out/dash_*.deb "$signed"/dash_*.deb
	[ "$(ls out)" = "$(cd "$signed" && ls dash_*)" ]
	refused 1 'no signature was given'
	# A maintainer script, and of an .rpm.
	cp "$packages"/dash_*.deb hello.deb
	rm -rf tree
	dpkg-deb -R hello.deb tree
	echo : >>tree/DEBIAN/postinst
	dpkg-deb -b tree hello.deb >/dev/null
	refused 1 'DEBIAN/postinst: no signature was given'
	sed 's/i \/ 2/i \/ 2 + 100/' "$BATS_FILE_TMPDIR/small.spec" >other.spec
	cp "$(build_rpm other.spec --define "_rpmdir $PWD/other" | grep -v '\.src\.rpm$')" hello.deb
	mv hello.deb hello.rpm
	run -1 "$PKGIMA" attach --signatures signatures --in-place hello.rpm
	[[ $output == *"hello.rpm: /usr/share/small/"*"no signature was given"* ]]
	[ -z "$(signatures_of hello.rpm)" ]
}

@test "a signature that is missing, spoilt, of something else, or by another key is refused" {
	wanted=$("$PKGIMA" extract hello.deb | sed -n 20p)
	cp signatures good
	grep -v "^$wanted " good >signatures
	refused 1 "no signature was given for $wanted"
	# Two that are exchanged.
	other=$("$PKGIMA" extract hello.deb | sed -n 21p)
	sed -e "s|^$wanted .*|$(grep "^$other " good | sed "s/^$other/$wanted/")|" good >signatures
	refused 1 "the signature that was given for $wanted does not verify with the certificate"
	# One letter.
	sed -E "s|^($wanted .{30})(.)|\1$(grep "^$wanted " good | cut -c "$((${#wanted} + 32))" | tr 'A-Za-z0-9+/' 'B-ZAb-za1-90/+')|" \
		good >signatures
	run ! cmp -s good signatures
	refused 1 "the signature that was given for $wanted does not verify"
	# Signed by a key that is not the certificate's.
	"$PKGIMA" sign-digests --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.pem" <digests >rogue
	{ head -2 good; tail -n +3 rogue; } >signatures
	refused 1 'does not verify with the certificate'
	cp rogue signatures
	refused 1 "the signatures are by CN=Rogue IMA" --cert "$keys/ima.pem"
}

@test "a certificate that is none to sign with is refused: a CA's, an expired one" {
	cp signatures good
	with_certificate()
	{
		{
			echo 'pkgima-signatures 1'
			echo "certificate $(openssl x509 -in "$1" -outform DER | base64 -w 0)"
			tail -n +3 good
		} >signatures
	}
	with_certificate "$keys/ca.pem"
	refused 3 'cannot be used to sign files'
	expired_certificate
	with_certificate old.pem
	refused 3 'expired'
}

# old.pem, of the key that signs.
expired_certificate()
{
	openssl req -new -config "$TOP/certs/openssl-ima.cnf" -key "$keys/ima.key" -out old.csr
	touch index.txt
	echo 01 >serial
	printf '%s\n' '[ca]' 'default_ca=x' '[x]' 'database=index.txt' 'serial=serial' 'new_certs_dir=.' 'default_md=sha256' \
		'policy=p' '[p]' 'commonName=optional' >ca.cnf
	openssl ca -batch -notext -config ca.cnf -cert "$keys/ca.pem" -keyfile "$keys/ca.key" -in old.csr -out old.pem \
		-startdate 20200101000000Z -enddate 20200102000000Z \
		-extfile "$TOP/certs/openssl-ima.cnf" -extensions extensions 2>/dev/null
}

@test "documents that are malformed are refused by line, and before memory is taken for them" {
	cp signatures good
	sed 1d good >signatures
	refused 3 'signatures: signatures, line 1'
	sed 2d good >signatures
	refused 3 'line 2: it does not name the certificate'
	{ head -2 good; tail -n +3 good | sort -r; } >signatures
	refused 3 'line 4: the digests are not sorted'
	sed '5s/$/=/' good >signatures
	refused 3 'line 5: the signature is not base64'
	head -c -1 good >signatures
	refused 3 'it has no end'
	cp digests signatures
	refused 3 'line 1: it is not "pkgima-signatures 1"'
	# shellcheck disable=SC2016 # the inner shell's
	run -3 bash -c 'ulimit -v 700000; head -c 300M /dev/zero | "$PKGIMA" attach --signatures /dev/stdin --out none hello.deb'
	[[ $output == *"more than 268435456 bytes"* ]]
	for document in signatures /dev/null good; do
		run --separate-stderr -3 "$PKGIMA" sign-digests --key "$keys/ima.key" --cert "$keys/ima.pem" \
			< <(sed 's/^certificate.*/certificate/; s/digests 1/digests 2/' "$document")
		[ -z "$output" ]
	done
}

@test "what cannot be done leaves standard output empty" {
	head -c 3000 hello.deb >cut.deb
	run --separate-stderr -3 "$PKGIMA" extract hello.deb cut.deb
	[ -z "$output" ]
	# shellcheck disable=SC2154 # bats'
	[[ $stderr == *"cut.deb: "* ]]
	run --separate-stderr -3 "$PKGIMA" extract hello.deb missing.deb
	[ -z "$output" ]
	run --separate-stderr -3 "$PKGIMA" sign-digests --key "$keys/ima.key" --cert "$keys/rogue/ima.pem" <digests
	[ -z "$output" ]
	[[ $stderr == *"the key does not belong to"* ]]
	# shellcheck disable=SC2016 # the inner shell's
	run -3 bash -c '"$PKGIMA" extract hello.deb >/dev/full'
	# shellcheck disable=SC2016 # the inner shell's
	run -3 bash -c '"$PKGIMA" sign-digests --key "$keys/ima.key" --cert "$keys/ima.pem" <digests >/dev/full'
}

@test "usage" {
	for arguments in "extract" "extract --hash md5 x.deb" "extract -j 0 x.deb" "extract --from x" "extract --frob x.deb" \
		"sign-digests" "sign-digests --key x" "sign-digests --key x --cert y z" "sign-digests --frob" \
		"attach --signatures x" "attach --out x x.deb" "attach --signatures x --out y --in-place x.deb" \
		"attach --signatures x --out y" "attach --signatures x --hash md5 --out y x.deb" "attach --frob"; do
		# shellcheck disable=SC2086 # a list of words
		run -2 "$PKGIMA" $arguments
	done
	run -3 "$PKGIMA" attach --signatures missing --out y hello.deb
	[[ $output == *"cannot open missing"* ]]
	run -3 "$PKGIMA" extract --from - <<<"$TOP/README.md"
	[[ $output == *"only .deb and .rpm packages"* ]]
}
