#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# How it is built and installed, what is in the programs and in the source tree, and the other ways of finding mistakes.

load ../support/require

setup_file()
{
	TOP=${TOP:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
	export TOP LC_ALL=C
}

setup()
{
	cd "$TOP"
}

# As a person would call it, whatever make has started the tests; bats puts its own insides into PATH.
clean_make()
{
	env -i PATH="${PATH//"$BATS_LIBEXEC":/}" HOME="$HOME" TMPDIR="$BATS_FILE_TMPDIR" LC_ALL=C \
		make --no-print-directory -j"$(nproc)" "$@" 3>&-
}

# gcc's build, which several tests look at; it is made once.
gcc_make()
{
	require gcc dpkg-buildflags
	clean_make O="$BATS_FILE_TMPDIR/gcc" CC=gcc WERROR=1 "$@"
}

@test "gcc, without warnings" {
	gcc_make all unit-programs
	# And nothing is made twice.
	run -0 gcc_make all unit-programs
	run -1 grep -E '^ +(CC|AR|LINK) ' <<<"$output"
}

@test "clang, without warnings" {
	require clang dpkg-buildflags
	clean_make O="$BATS_FILE_TMPDIR/clang" CC=clang WERROR=1 all unit-programs
	"$BATS_FILE_TMPDIR/clang/pkgima" --version
}

@test "another compiler or other flags: what was built is built again" {
	run -0 gcc_make all
	run -0 clean_make O="$BATS_FILE_TMPDIR/gcc" CC=gcc WERROR=1 -n CFLAGS=-O0 all V=1
	# probe.c has flags of its own, and log_policy.c is made; ima-init has objects of lib/ of its own.
	[ "$(grep -- '-O0 .*-c -o' <<<"$output" | grep -vc '/init/lib/')" -eq "$(find lib cli dpkg-hook rpm-plugin pkg-ima-init -name '*.c' | wc -l)" ]
}

# Everything below a folder but folders, by its name in there.
files_of()
{
	(cd "$1" && find . ! -type d | sed 's/^\.//' | sort)
}

# Below /usr the plugin is where the rpm of this system looks for it.
expected_files() # PREFIX
{
	local plugins=/lib/rpm-plugins
	[ "$1" != /usr ] || plugins=$(rpm --eval '%{__plugindir}' | sed 's|^/usr||')
	{
		printf '%s\n' /bin/pkgima /libexec/dpkg-ima/{apt-hook,bin/dpkg-deb,trigger} \
			/share/bash-completion/completions/pkgima "$plugins/pkgima.so" \
			/lib/rpm/macros.d/macros.{pkgima,transaction_pkgima}
		for page in man/*.[1-8]; do
			# Of install-init, and of install-dh.
			[ "$page" = man/ima-init.8 ] || [ "$page" = man/dh_imasign.1 ] ||
				echo "/share/man/man${page##*.}/${page##*/}"
		done
	} | sort
}

@test "install and uninstall: below DESTDIR" {
	to=$BATS_TEST_TMPDIR/to
	for prefix in /usr /usr/local; do
		gcc_make install DESTDIR="$to" prefix="$prefix"
		diff <(expected_files "$prefix") <(files_of "$to$prefix")
		diff <(expected_files "$prefix" | sed "s|^|$prefix|") <(files_of "$to")
		[ "$(find "$to" ! -type d -perm /022)" = "" ]
		[ "$("$to$prefix/bin/pkgima" --version)" = "pkgima $(sed -n 's/^VERSION := //p' Makefile)" ]
		touch "$to$prefix/bin/other"
		gcc_make uninstall DESTDIR="$to" prefix="$prefix"
		[ "$(files_of "$to")" = "$prefix/bin/other" ]
		[ ! -e "$to$prefix/libexec/dpkg-ima" ]
		rm "$to$prefix/bin/other"
	done
}

@test "install and uninstall: below prefix, and twice" {
	to=$BATS_TEST_TMPDIR/to
	for _ in 1 2; do
		gcc_make install DESTDIR= prefix="$to"
		diff <(expected_files "$to") <(files_of "$to")
	done
	for _ in 1 2; do
		gcc_make uninstall DESTDIR= prefix="$to"
		[ -z "$(files_of "$to")" ]
	done
}

@test "install-dh and uninstall-dh: where debhelper looks" {
	require perl
	to=$BATS_TEST_TMPDIR/to
	clean_make O="$BATS_TEST_TMPDIR/none" install-dh DESTDIR="$to"
	diff <(printf '%s\n' /usr/bin/dh_imasign /usr/share/man/man1/dh_imasign.1 \
		/usr/share/perl5/Debian/Debhelper/Sequence/ima.pm) <(files_of "$to")
	perl -wc "$to/usr/bin/dh_imasign"
	[ "$(sed -n "s/^our .VERSION = '\(.*\)';/\1/p" dh-ima/dh_imasign)" = "$(sed -n 's/^VERSION := //p' Makefile)" ]
	clean_make O="$BATS_TEST_TMPDIR/none" uninstall-dh DESTDIR="$to"
	[ -z "$(files_of "$to")" ]
}

@test "programs are hardened" {
	require readelf nm
	gcc_make all
	for program in pkgima dpkg-ima-trigger dpkg-ima-apt-hook pkgima.so; do
		file=$BATS_FILE_TMPDIR/gcc/$program
		readelf -hW "$file" | grep -q 'Type: *DYN '
		[ $program = pkgima.so ] || readelf -dW "$file" | grep -q 'FLAGS_1.*\bPIE\b'
		readelf -lW "$file" | grep -q ' GNU_RELRO '
		readelf -dW "$file" | grep -qE '\(BIND_NOW\)|\(FLAGS\).*\bBIND_NOW\b|FLAGS_1.*\bNOW\b'
		readelf -lW "$file" | grep -qE ' GNU_STACK .* RW +0x'
		run ! grep -E '\((RPATH|RUNPATH|TEXTREL)\)' <(readelf -dW "$file")
		nm -D --undefined-only "$file" | grep -q '__stack_chk_fail@'
		nm -D --undefined-only "$file" | grep -qE '__[a-z]+_chk@'
	done
}

@test "the backend is static, and loads no library" {
	require readelf nm
	gcc_make all
	file=$BATS_FILE_TMPDIR/gcc/dpkg-ima-backend
	readelf -hW "$file" | grep -q 'Type: *DYN '
	readelf -lW "$file" | grep -q ' GNU_RELRO '
	readelf -lW "$file" | grep -qE ' GNU_STACK .* RW +0x'
	run ! grep -E '\((NEEDED|RPATH|RUNPATH|TEXTREL)\)' <(readelf -dW "$file")
	run ! grep INTERP <(readelf -lW "$file")
	nm "$file" | grep -q '__wrap_dlopen'
}

# Names of the functions that an archive defines.
defined()
{
	nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u
}

@test "what signs is not in the program that installs, nor in the library" {
	require nm
	gcc_make all
	built=$BATS_FILE_TMPDIR/gcc
	defined "$built/libpkgima-signing.a" >"$BATS_TEST_TMPDIR/signing"
	grep -qx pkgima_signer_new "$BATS_TEST_TMPDIR/signing"
	grep -qx pkgima_key_load "$BATS_TEST_TMPDIR/signing"
	nm "$built/dpkg-ima-trigger" | awk '{ print $NF }' >"$BATS_TEST_TMPDIR/trigger"
	nm "$built/pkgima" | awk '{ print $NF }' >"$BATS_TEST_TMPDIR/pkgima"
	nm "$built/libpkgima.a" | awk '{ print $NF }' >"$BATS_TEST_TMPDIR/library"
	# What would be found is found in the command, and what has to be there is.
	grep -qFx -f "$BATS_TEST_TMPDIR/signing" "$BATS_TEST_TMPDIR/pkgima"
	grep -qx pkgima_apply_packages "$BATS_TEST_TMPDIR/trigger"
	nm "$built/dpkg-ima-backend" | awk '{ print $NF }' >"$BATS_TEST_TMPDIR/backend"
	nm "$built/dpkg-ima-apt-hook" | awk '{ print $NF }' >"$BATS_TEST_TMPDIR/apt-hook"
	nm "$built/pkgima.so" | awk '{ print $NF }' >"$BATS_TEST_TMPDIR/plugin"
	grep -qx run_begin "$BATS_TEST_TMPDIR/plugin"
	for where in trigger backend apt-hook plugin library; do
		run -1 grep -Fx -f "$BATS_TEST_TMPDIR/signing" "$BATS_TEST_TMPDIR/$where"
	done
	# OpenSSL's functions that read, make, write or use a private key.
	ours='EVP_(Digest)?Sign|EVP_PKEY_sign|PrivateKey|PKCS8|PKCS12|OSSL_STORE|OSSL_DECODER|EVP_PKEY_(keygen|generate|Q_)|X509_sign'
	grep -qE "$ours" "$BATS_TEST_TMPDIR/pkgima"
	for where in trigger apt-hook plugin library; do
		run -1 grep -E "$ours" "$BATS_TEST_TMPDIR/$where"
	done
	run -1 grep -aE 'PRIVATE KEY|cannot (read|decrypt) key' "$built/dpkg-ima-trigger"
	grep -aqE 'cannot (read|decrypt) key' "$built/pkgima"
}

@test "names of the libraries' functions begin with pkgima_" {
	require nm
	gcc_make all
	for library in libpkgima.a libpkgima-signing.a; do
		names=$(defined "$BATS_FILE_TMPDIR/gcc/$library")
		[ "$(wc -l <<<"$names")" -gt 5 ]
		run -1 grep -v '^pkgima_' <<<"$names"
	done
}

# Files of the tree that are under version control or about to be, each with a NUL behind it.
tree()
{
	local file
	git -c safe.directory='*' ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
		[ ! -f "$file" ] || printf '%s\0' "$file"
	done
}

# found OPTION... PATTERN: prints what grep finds in the tree, binary files included; status 1 when that is nothing.
found()
{
	tree | xargs -0 grep -a "$@" | tr -d '\0' | grep -a .
}

# nowhere OPTION... PATTERN: grep finds it in no file; otherwise what it finds is printed.
nowhere()
{
	grep "$@" </dev/null || [ $? -eq 1 ] # a pattern that is none finds nothing
	if found "$@"; then
		return 1
	fi
}

need_tree()
{
	require git
	git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1 || require "a git work tree"
	[ "$(tree | tr -cd '\0' | wc -c)" -gt 50 ]
}

@test "source tree: an SPDX line in each source file" {
	need_tree
	count=0
	while IFS= read -r -d '' file; do
		case $file in
		tests/data/*) continue ;;
		*.[ch] | *.bash | *.bats | *.sh | *.[1-8] | *.cnf | *.yml | *.yaml | *.config | *Makefile | .clang-*) ;;
		*) [ "$(head -c 2 "$file" | tr -d '\0')" = "#!" ] || continue ;;
		esac
		count=$((count + 1))
		head -n 3 "$file" | grep -qE 'SPDX-License-Identifier: LGPL-2\.1-or-later( \*/)?$' || {
			echo "$file has none"
			return 1
		}
	done < <(tree)
	[ "$count" -gt 50 ]
}

@test "source tree: no private keys" {
	need_tree
	require openssl
	run -1 grep -E '\.(key|p12|pfx|p8|jks)$' <(tree | tr '\0' '\n')
	# A header and data behind it, in whatever text.
	pem='-----BEGIN ([A-Z]+ )*PRIVATE KEY-----[\s"\\nA-Za-z0-9+/=:,-]{40}'
	nowhere -lPzo -e "$pem"
	# DER, in OpenSSL's judgement.
	while IFS= read -r -d '' file; do
		[ "$(head -c 1 "$file" | tr -d '\0')" = 0 ] || continue
		run -1 openssl pkey -inform DER -in "$file" -noout -passin pass:
	done < <(tree)
	# What looks for them finds one.
	cd "$BATS_TEST_TMPDIR"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem
	grep -qPzo -e "$pem" key.pem
	openssl pkey -in key.pem -outform DER -out key.der
	[ "$(head -c 1 key.der)" = 0 ]
	openssl pkey -inform DER -in key.der -noout -passin pass:
}

@test "source tree: no paths of one machine" {
	need_tree
	nowhere -nE -e '(^|[^]A-Za-z0-9_.)}$/*-])/([w]ork|home|Users|builds)/[A-Za-z0-9_]'
}

@test "source tree: no mirrors, proxies and addresses of one network" {
	need_tree
	# Whom we name: Debian, and those who define or make what we use.
	known='([a-z0-9.-]+\.)?(debian\.org|kernel\.org|github\.com|openssl\.org|tukaani\.org|rfc-editor\.org|ietf\.org|itu\.int'
	known="$known|freedesktop\\.org|uapi-group\\.org|w3\\.org|gnu\\.org|spdx\\.org|sourceforge\\.(io|net)|example(\\.(com|org|net))?)"
	found -hoE -e '(https?|ftp)://[A-Za-z0-9][A-Za-z0-9.:-]*' |
		sed 's|^[a-z]*://||; s/[.:]*$//' | sort -u >"$BATS_TEST_TMPDIR/hosts"
	cat "$BATS_TEST_TMPDIR/hosts"
	[ -s "$BATS_TEST_TMPDIR/hosts" ]
	run -1 grep -vxE "$known" "$BATS_TEST_TMPDIR/hosts"
	nowhere -nE -e '\b(10|127|192\.168|172\.(1[6-9]|2[0-9]|3[01]))(\.[0-9]{1,3}){2,3}:[0-9]+'
	nowhere -nE -e '[A-Za-z0-9]\.([i]nternal|[l]an|[c]orp|[i]ntranet)([:/]|$)'
	nowhere -nE -e '(https?|ftp|all)[_]proxy=|Acquire::https?::[P]roxy'
}

# A folder of programs that say what we want; they note how they were called.
fake() # UID INSTALLED...
{
	fakes=$BATS_TEST_TMPDIR/fakes
	calls=$BATS_TEST_TMPDIR/calls
	mkdir -p "$fakes"
	: >"$calls"
	printf '#!/bin/sh\necho %s\n' "$1" >"$fakes/id"
	shift
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/installed"
	cat >"$fakes/dpkg-query" <<-END
		#!/bin/sh
		for package; do :; done
		if grep -qx "\$package" "$BATS_TEST_TMPDIR/installed"; then
			printf installed
		elif [ "\$package" = bats ]; then
			printf config-files
		else
			echo "dpkg-query: no packages found matching \$package" >&2
			exit 1
		fi
	END
	# Succeeds when there are package lists, as a real one.
	cat >"$fakes/apt-get" <<-END
		#!/bin/sh
		echo "\$@" >>"$calls"
		case \$1 in
		update) touch "$BATS_TEST_TMPDIR/lists" ;;
		*) [ -e "$BATS_TEST_TMPDIR/lists" ] || { echo "E: Unable to locate package" >&2; exit 100; } ;;
		esac
	END
	chmod 755 "$fakes"/*
}

install_dependencies()
{
	env PATH="$fakes:$PATH" tools/install-dependencies "$@"
}

needed() # SET...
{
	for set; do
		awk -v set="$set" '$1 == set { print $2 }' tools/dependencies.txt
	done
}

@test "install-dependencies: does nothing when all is there" {
	for uid in 0 65534; do
		for sets in "build" "build demo" "build demo check"; do
			# shellcheck disable=SC2046,SC2086 # lists of words
			fake "$uid" $(needed $sets)
			run -0 install_dependencies "${sets##* }"
			[ -z "$output" ]
			[ ! -s "$calls" ]
		done
	done
}

@test "install-dependencies: without root it tells what to run, and fails" {
	# shellcheck disable=SC2046 # a list of words
	fake 65534 $(needed build demo check | grep -vxE 'bats|libssl-dev|mmdebstrap')
	run -1 install_dependencies check
	[ "${#lines[@]}" -eq 2 ]
	[[ "${lines[0]}" == *"as root"* ]]
	[ "$(xargs <<<"${lines[1]}")" = "apt-get install --no-install-recommends libssl-dev mmdebstrap bats" ]
	run -1 install_dependencies demo
	[ "$(xargs <<<"${lines[1]}")" = "apt-get install --no-install-recommends libssl-dev mmdebstrap" ]
	run -1 install_dependencies build
	[ "$(xargs <<<"${lines[1]}")" = "apt-get install --no-install-recommends libssl-dev" ]
	[ ! -s "$calls" ]
}

@test "install-dependencies: root installs what is missing, with new package lists if need be" {
	# shellcheck disable=SC2046 # a list of words
	fake 0 $(needed build | grep -vxE 'libssl-dev|fakeroot')
	run -0 install_dependencies build
	[[ "${lines[0]}" == *" libssl-dev fakeroot" ]]
	install='-o Acquire::Retries=6 install -y -q --no-install-recommends libssl-dev fakeroot'
	diff <(printf '%s\n' "$install" "update -q" "$install") "$calls"
	: >"$calls"
	run -0 install_dependencies build
	diff <(echo "$install") "$calls"
}

@test "install-dependencies: an installation that fails is a failure" {
	# shellcheck disable=SC2046 # a list of words
	fake 0 $(needed build | grep -vx libssl-dev)
	printf '#!/bin/sh\necho "E: no network" >&2\nexit 100\n' >"$fakes/apt-get"
	run ! install_dependencies build
	[[ "$output" == *"no network"* ]]
}

@test "install-dependencies: a system without apt, and wrong usage" {
	fake 65534
	rm "$fakes/apt-get"
	for tool in dirname awk; do
		ln -s "$(command -v "$tool")" "$fakes/$tool"
	done
	sh=$(command -v sh)
	run -0 env PATH="$fakes" "$sh" tools/install-dependencies check
	[[ "$output" == *"tools/dependencies.txt"* ]]
	run -2 install_dependencies
	run -2 install_dependencies everything
	[[ "$output" == "usage: "* ]]
}

@test "every --help is on stdout, and a success" {
	gcc_make all
	program=$BATS_FILE_TMPDIR/gcc/pkgima
	commands=$("$program" --help | sed -n 's/^  \([a-z][a-z-]*\)  *.*/\1/p')
	[ "$(wc -l <<<"$commands")" -ge 7 ]
	for command in "" $commands; do
		for help in --help -h; do
			# shellcheck disable=SC2086 # none, or one word
			"$program" $command "$help" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
			grep -q "^Usage: pkgima ${command:-COMMAND}" "$BATS_TEST_TMPDIR/out"
			[ ! -s "$BATS_TEST_TMPDIR/err" ]
		done
	done
	run -0 --separate-stderr tests/kernel/run --help
	[[ "$output" == "usage: run "* ]]
	[ -z "$stderr" ]
	run -0 clean_make help
	for target in all install uninstall clean demo check sanitize analyze fuzz bench; do
		grep -qw "$target" <<<"$output"
	done
}

@test "make analyze: clang-tidy and shellcheck find nothing" {
	require clang-tidy shellcheck
	need_tree
	clean_make analyze
}

@test "make sanitize: the C tests with AddressSanitizer and UndefinedBehaviorSanitizer" {
	require gcc prove
	clean_make O="$BATS_FILE_TMPDIR/sanitize" sanitize
}
