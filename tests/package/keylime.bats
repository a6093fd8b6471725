#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runtime policies for Keylime, of .deb and .rpm packages: their form, and that all in them is what other programs see in
# the packages. tests/kernel/attest.bats holds them against what kernels measure.

load helpers
load rpm

setup_file()
{
	require root rpmbuild dpkg-deb openssl jq
	export keys=$BATS_FILE_TMPDIR/keys packages=$BATS_FILE_TMPDIR/packages tree=$BATS_FILE_TMPDIR/tree
	make_keys "$keys"
	"$PKGIMA" keygen --type ima --algo p256 --name EC --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys/ec"
	mkdir -p "$packages" "$tree"/{DEBIAN,bin,lib/x,usr/share/site,etc/keys/ima}
	echo one >"$tree/bin/one"
	echo lib >"$tree/lib/x/lib.so"
	echo spaced >"$tree/usr/share/site/with two spaces"
	echo 'quoted' >"$tree/usr/share/site/\"quotes\"\\ and é"
	cp "$keys/ima.der" "$tree/etc/keys/ima/site.der"
	printf '#!/bin/sh\n' | tee "$tree/DEBIAN/preinst" >"$tree/DEBIAN/postinst"
	echo 'exit 0' >>"$tree/DEBIAN/postinst"
	chmod 755 "$tree"/DEBIAN/p*
	printf 'Package: site\nVersion: 1\nArchitecture: amd64\nMaintainer: Test <test@localhost>\nDescription: test\n' \
		>"$tree/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$tree" "$packages/site.deb" >/dev/null
	{
		write_spec small 1
		printf '%%post\nexit 0\n%%install\nmkdir -p %%{buildroot}/opt/small\n'
		printf 'echo x >%%{buildroot}/opt/small/x\n%%files\n/opt/small/x\n'
	} >"$BATS_FILE_TMPDIR/small.spec"
	cp "$(build_rpm "$BATS_FILE_TMPDIR/small.spec" | grep -v '\.src\.rpm$')" "$packages/small.rpm"
}

setup()
{
	cd "$BATS_TEST_TMPDIR" || return 1
}

keylime()
{
	"$PKGIMA" extract --format keylime "$@"
}

# The schema of runtime policies, and that of the keyring in "verification-keys", as Keylime 7.14 has them: what is
# required, of which type, and nothing of an unknown name.
is_a_policy()
{
	jq -e '
		def digests: type == "object" and all(.[]; type == "array" and length > 0 and
			all(.[]; type == "string" and test("^[0-9a-f]{40,128}$")));
		def whole($least): type == "number" and . == floor and . >= $least;
		type == "object" and
		(keys == ["digests", "excludes", "ima", "ima-buf", "keyrings", "meta", "release", "verification-keys"]) and
		(.meta | (.version | whole(0)) and (.generator | whole(0) and . <= 3) and
			(has("timestamp") | not)) and
		(.release | whole(0)) and (.digests | digests) and (.keyrings | digests) and (."ima-buf" | digests) and
		(.excludes | type == "array" and all(.[]; type == "string")) and
		(.ima | keys == ["dm_policy", "ignored_keyrings", "log_hash_alg"] and
			(.ignored_keyrings | type == "array" and all(.[]; type == "string")) and
			(.log_hash_alg | IN("sha1", "sha256", "sha384", "sha512")) and .dm_policy == null) and
		(."verification-keys" | type == "string" and (. == "" or (fromjson |
			(.keyids | type == "array" and all(.[]; whole(0))) and
			(.pubkeys | type == "array" and all(.[]; type == "string")) and
			(.meta.version | whole(1)) and (.keyids | length) == (.pubkeys | length))))' "$1" >/dev/null
}

sha256()
{
	sha256sum <"$1" | cut -d ' ' -f 1
}

@test "the form, and the digests of all files under the names by which they are measured" {
	keylime "$packages" >policy
	is_a_policy policy
	{
		for name in /bin/one /lib/x/lib.so; do
			printf '%s %s\n' "$(sha256 "$tree$name")" "$name" "$(sha256 "$tree$name")" "/usr$name"
		done
		echo "$(sha256 "$tree/usr/share/site/with two spaces") /usr/share/site/with_two_spaces"
		echo "$(sha256 "$tree/usr/share/site/\"quotes\"\\ and é") /usr/share/site/\"quotes\"\\_and_é"
		echo "$(sha256 "$tree/etc/keys/ima/site.der") /etc/keys/ima/site.der"
		for name in preinst postinst; do
			for where in tmp.ci/ info/site. info/site:amd64.; do
				echo "$(sha256 "$tree/DEBIAN/$name") /var/lib/dpkg/$where$name"
			done
		done
		query '[%{FILEDIGESTS} %{FILENAMES}\n]' "$packages/small.rpm"
	} | LC_ALL=C sort >expected
	jq -r '.digests | to_entries[] | .key as $path | .value[] | "\(.) \($path)"' policy | LC_ALL=C sort | diff expected -
	# A certificate that a package brings may be loaded.
	jq -e --arg digest "$(sha256 "$keys/ima.der")" '.keyrings == {"_ima": [$digest], ".ima": [$digest]} and
		."verification-keys" == ""' policy
	# The order of arguments and threads do not matter.
	keylime -j 1 "$packages/site.deb" "$packages/small.rpm" "$packages/site.deb" | cmp - policy
	printf '%s\n' "$packages/small.rpm" "$packages/site.deb" | keylime --from - | cmp - policy
	# Of signed packages it is the same.
	sign --out signed "$packages"
	keylime signed | cmp - policy
}

@test "two versions of a package: both digests, under one name" {
	cp -r "$tree" other
	echo two >other/bin/one
	dpkg-deb --root-owner-group -b other other.deb >/dev/null
	keylime other.deb "$packages" >policy
	is_a_policy policy
	jq -e --arg a "$(sha256 "$tree/bin/one")" --arg b "$(sha256 other/bin/one)" \
		'(.digests["/usr/bin/one"] | sort) == ([$a, $b] | sort) and (.digests["/opt/small/x"] | length) == 1' policy
}

@test "keys: certificates of files' keys and of CAs, as openssl has them" {
	keylime --certs "$keys/ima.der" --certs "$keys/ec/ima.pem" --ca-cert "$keys/ca.pem" "$packages/small.rpm" >policy
	is_a_policy policy
	openssl x509 -in "$keys/ca.pem" -outform DER -out ca.der
	openssl x509 -in "$keys/ec/ima.pem" -outform DER -out ec.der
	jq -e --arg ca "$(sha256 ca.der)" --arg rsa "$(sha256 "$keys/ima.der")" --arg ec "$(sha256 ec.der)" \
		'.keyrings._ca == [$ca] and .keyrings._ima == ([$rsa, $ec] | sort) and .keyrings[".ima"] == .keyrings._ima' policy
	jq -r '."verification-keys"' policy >ring
	for i in 0 1; do
		certificate=$(printf '%s\n' "$keys/ima.pem" "$keys/ec/ima.pem" | sed -n "$((i + 1))p")
		jq -r ".pubkeys[$i]" ring | base64 -d | openssl pkey -pubin -inform DER | diff - \
			<(openssl x509 -in "$certificate" -noout -pubkey)
		id=$(openssl x509 -in "$certificate" -noout -ext subjectKeyIdentifier | tail -1 | tr -d ' :' | tail -c 9)
		[ "$(jq ".keyids[$i]" ring)" -eq "$((16#$id))" ]
	done
	# A folder of them.
	mkdir certs
	cp "$keys/ima.der" certs/a.der
	cp "$keys/ec/ima.pem" certs/b.pem
	keylime --certs certs --ca-cert "$keys/ca.pem" "$packages/small.rpm" | cmp - policy
}

@test "algorithms: those of a package's signatures, and the usual one; or the one that is named" {
	sign --hash sha512 --out signed "$packages/site.deb"
	keylime signed/site.deb >policy
	is_a_policy policy
	jq -e --arg a "$(sha256 "$tree/bin/one")" --arg b "$(sha512sum <"$tree/bin/one" | cut -d ' ' -f 1)" \
		'.digests["/bin/one"] == [$a, $b]' policy
	keylime --hash sha384 "$packages/site.deb" >policy
	jq -e --arg a "$(sha384sum <"$tree/bin/one" | cut -d ' ' -f 1)" '.digests["/bin/one"] == [$a]' policy
	run -3 keylime --hash sha384 "$packages/small.rpm"
	[[ $output == *"its file digests are sha256"* ]]
}

@test "what cannot be written down, and what is refused" {
	mkdir -p odd/DEBIAN odd/opt
	cp "$tree/DEBIAN/control" odd/DEBIAN
	echo x >odd/opt/good
	echo x >"$(printf 'odd/opt/\303bad')"
	dpkg-deb --root-owner-group -b odd odd.deb >/dev/null
	keylime odd.deb >policy 2>said
	is_a_policy policy
	jq -e '.digests | keys == ["/opt/good"]' policy
	grep -qF 'warning: odd.deb: /opt/\303bad: left out, its name is not UTF-8' said
	# Nothing is printed of a policy that is not whole.
	echo none >none.deb
	run -3 --separate-stderr keylime none.deb "$packages/site.deb"
	[ -z "$output" ]
	for ca in "$keys/ima.der" "$packages/site.deb"; do
		run -3 --separate-stderr keylime --ca-cert "$ca" "$packages/site.deb"
		[ -z "$output" ]
		[[ $stderr == *"$ca"* ]]
	done
	run -3 --separate-stderr keylime --certs "$keys/ca.der" "$packages/site.deb"
	[ -z "$output" ]
	run -2 "$PKGIMA" extract --certs "$keys/ima.der" "$packages"
	run -2 "$PKGIMA" extract --format other "$packages"
	# The other format is as without the option.
	"$PKGIMA" extract --format digests "$packages" | cmp - <("$PKGIMA" extract "$packages")
}
