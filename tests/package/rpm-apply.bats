#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Signatures onto the files of packages that rpm installed: built by rpmbuild, installed by rpm without plugins, so without
# any security.ima; what a file has to carry afterwards is what rpm reads in its database.

load helpers

setup_file()
{
	require root rpm rpmbuild evmctl getfattr dpkg dpkg-deb perl strace
	# rpm's configuration and, on Debian, its database are the user's: these are the test's.
	export HOME=$BATS_FILE_TMPDIR/home keys=$BATS_FILE_TMPDIR/keys packages=$BATS_FILE_TMPDIR/packages
	mkdir "$HOME"
	make_keys "$keys"
	build_all
	sign --out "$packages" "$BATS_FILE_TMPDIR/unsigned"
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --out "$BATS_FILE_TMPDIR/rogue" \
		"$BATS_FILE_TMPDIR/unsigned/tool-1-1.noarch.rpm"
}

setup()
{
	root=$BATS_TEST_TMPDIR/root
	database=/var/lib/rpm
	make_root "$root"
}

# make_root DIR: an empty system that trusts $keys.
make_root()
{
	mkdir -p "$1/etc/keys/ima" "$1/etc/keys/ima-ca"
	cp "$keys/ima.der" "$1/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$1/etc/keys/ima-ca/site.der"
}

# build TREE NAME VERSION [OPTION...]: the package of what lies in TREE; its %files come from stdin.
build()
{
	local tree=$1 name=$2 version=$3 work=$BATS_FILE_TMPDIR/build
	shift 3
	mkdir -p "$work"
	{
		printf '%%global __strip /bin/true\n%%global _build_id_links none\n%%global debug_package %%{nil}\n'
		printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: a test\nLicense: none\n' "$name" "${version#*:}"
		[[ $version != *:* ]] || printf 'Epoch: %s\n' "${version%%:*}"
		[[ $* == *--target* ]] || echo 'BuildArch: noarch'
		printf '%%description\n-\n%%install\nmkdir -p %%{buildroot}\ncp -a %s/. %%{buildroot}\n%%files\n' "$tree"
		cat
	} >"$work/$name.spec"
	rpmbuild -bb --quiet --define "_topdir $work" --define "_dbpath $work/db" \
		--define "_rpmdir $BATS_FILE_TMPDIR/unsigned" --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
		"$@" "$work/$name.spec" >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
	rm -rf "$tree"
}

# put MODE TEXT FILE
put()
{
	mkdir -p "${3%/*}"
	printf '%s\n' "$2" >"$3"
	chmod "$1" "$3"
}

build_tool()
{
	local tree=$BATS_FILE_TMPDIR/tree
	put 755 "#!/bin/sh $1" "$tree/usr/bin/tool"
	ln "$tree/usr/bin/tool" "$tree/usr/bin/tool-again"
	ln -s tool "$tree/usr/bin/tool-link"
	put 755 "#!/bin/sh kept $1" "$tree/etc/tool/kept"
	put 755 "#!/bin/sh saved $1" "$tree/etc/tool/saved"
	put 644 "plain $1" "$tree/etc/tool/plain"
	put 600 "text $1" "$tree/usr/share/tool/with space"
	put 644 'the same everywhere' "$tree/usr/share/common/licence"
	put 644 "taken $1" "$tree/usr/share/taken"
	put 644 "net $1" "$tree/usr/share/net/file"
	put 644 "documentation $1" "$tree/usr/share/doc/tool/README"
	build "$tree" tool "$1" <<-'FILES'
		/usr/bin/*
		%config(noreplace) /etc/tool/kept
		%config /etc/tool/saved
		%config /etc/tool/plain
		"/usr/share/tool/with space"
		/usr/share/common/licence
		/usr/share/taken
		/usr/share/net/file
		%doc /usr/share/doc/tool/README
		%ghost /var/lib/tool/state
	FILES
}

build_all()
{
	local tree=$BATS_FILE_TMPDIR/tree arch bits
	build_tool 1
	build_tool 2
	put 644 'the same everywhere' "$tree/usr/share/common/licence"
	put 755 '#!/bin/sh' "$tree/bin/other"
	build "$tree" other 4:1 <<<$'/bin/other\n/usr/share/common/licence'
	put 644 'of the taker' "$tree/usr/share/taken"
	build "$tree" taker 1 <<<'/usr/share/taken'
	for arch in x86_64 i686; do
		# Different programs of the same name, and a text that is the same.
		bits=$([ "$arch" = i686 ] && echo '--32 elf_i386' || echo '--64 elf_x86_64')
		put 644 text "$tree/usr/share/both/text"
		mkdir -p "$tree/usr/bin"
		printf '.globl _start\n_start: ret\n' | as "${bits% *}" -o "$BATS_FILE_TMPDIR/both.o" -
		ld -m "${bits#* }" -o "$tree/usr/bin/both" "$BATS_FILE_TMPDIR/both.o"
		build "$tree" both 1 --target "$arch" <<<$'/usr/bin/both\n/usr/share/both/text'
	done
	mkdir -p "$tree"
	build "$tree" nothing 1 </dev/null
	mkdir -p "$tree/etc/keys/ima-ca"
	cp "$keys/rogue/ca.der" "$tree/etc/keys/ima-ca/vendor.der"
	build "$tree" ca 1 <<<'/etc/keys/ima-ca/vendor.der'
	mkdir -p "$tree"
	build "$tree" ghost-ca 1 <<<'%ghost /etc/keys/ima-ca/site.der'
	mkdir -p "$tree/keyring"
	cp "$keys/rogue/ca.der" "$tree/keyring/vendor.der"
	build "$tree" linked-ca 1 <<<'/keyring/vendor.der'
}

# in_database ROOT ARGUMENT...: rpm, on the root's database and nothing else; its advice not to be used on Debian is dropped.
in_database()
{
	local where=$1
	shift
	rpm --root "$where" --dbpath "$database" --define '_transaction_color 3' "$@" \
		2> >(grep -v '^rpm: ' >&2)
}

install_rpms()
{
	in_database "$root" -U --noplugins --nodeps --ignorearch "$@"
}

apply()
{
	"$PKGIMA" apply --root "$root" "$@"
}

# Each file carries what rpm's database has for it: of PACKAGE... all regular files that are on disk and no ghosts.
assert_as_in_database()
{
	local signature path count=0
	local -a files=()
	while read -r signature path; do
		[ "$(ima_of "$root$path")" = "$signature" ] || { echo "$path is not as in the database"; return 1; }
		files+=("$root$path")
		count=$((count + 1))
	done < <(in_database "$root" -q --qf '[%{FILEMODES:perms} %{FILEFLAGS:fflags}. %{FILESIGNATURES} %{FILENAMES}\n]' "$@" |
		sed -n 's/^-[^ ]* [^g ]*\. //p')
	[ "$count" -gt 0 ]
	evm_accepts "$keys/ima.der" "${files[@]}"
}

# Nothing below the root carries a signature.
assert_none_signed()
{
	[ -z "$(getfattr -R -h -m '^security.ima$' --absolute-names "$root")" ]
}

# What a root has of rpm's databases, byte for byte.
database_state()
{
	(cd "$root$database" && find . -type f ! -name '*-shm' -exec sha256sum {} + | sort -k 2)
}

@test "every file of every package gets what the database has for it, once" {
	install_rpms "$packages"/{tool-1-1,other-1-1,nothing-1-1}.noarch.rpm
	assert_none_signed
	run -0 --separate-stderr apply --all
	# Of ten regular files of tool and two of other: two names of one file, one file of two packages, one plain conffile.
	[ "${lines[0]}" = '3 packages: 9 files signed, 2 were signed already, 0 not ok' ]
	[ "${lines[1]}" = '1 files left out by the settings, 0 edited conffiles, 0 not on disk' ]
	[ -z "$stderr" ]
	[ -z "$(ima_of "$root/etc/tool/plain")" ]
	printf '[apply]\nconffiles = yes\n' >"$root/etc/pkgima.conf"
	run -0 --separate-stderr apply --all
	[ "$output" = '3 packages: 1 files signed, 11 were signed already, 0 not ok' ]
	run -0 --separate-stderr apply --all
	[ "$output" = '3 packages: 0 files signed, 12 were signed already, 0 not ok' ]
	# Only what is new is worked on.
	install_rpms --force "$packages/other-1-1.noarch.rpm"
	run -0 apply --all
	[[ $output == '3 packages: '[12]' files signed, 1'[01]' were signed already, 0 not ok' ]]
}

@test "the values are byte for byte those that rpm reads in its database, and evmctl accepts them" {
	printf '[apply]\nconffiles = yes\n' >"$root/etc/pkgima.conf"
	install_rpms "$packages/tool-1-1.noarch.rpm"
	state=$(database_state)
	run -0 apply --all
	assert_as_in_database tool
	[ "$(database_state)" = "$state" ]
	# Content, modes, owners and times are rpm's.
	run -0 in_database "$root" -V --nodeps tool
	[ ! -e "$root/var/lib/tool/state" ]
}

@test "a package is named as for rpm -q" {
	local name
	install_rpms "$packages"/{tool-1-1,other-1-1}.noarch.rpm "$packages"/both-1-1.*.rpm
	for name in tool tool.noarch tool-1 tool-1-1 tool-1-1.noarch; do
		run -0 apply "$name"
		[[ ${lines[0]} == '1 package: '* ]]
	done
	for name in other other-1-1 other-4:1-1 other-4:1-1.noarch other-4:1; do
		run -0 apply "$name"
		[[ ${lines[0]} == '1 package: '* ]]
	done
	run -0 apply both
	[[ ${lines[0]} == '2 packages: '* ]]
	run -0 apply both.i686
	[[ ${lines[0]} == '1 package: '* ]]
	for name in too tools tool-2 tool-1-2 tool.i686 other-3:1-1 tool-1-1.noarch.rpm tool: /usr/bin/tool tool-; do
		run -3 --separate-stderr apply "$name"
		[ "$stderr" = "pkgima apply: $name: no such package is installed" ]
	done
	# The others are worked on.
	rm "$root"/usr/bin/tool*
	install_rpms --force "$packages"/tool-1-1.noarch.rpm
	run -3 apply absent tool
	[ -n "$(ima_of "$root/usr/bin/tool")" ]
}

@test "a package without signatures: unsigned by name, passed over by --all" {
	install_rpms "$BATS_FILE_TMPDIR/unsigned/tool-1-1.noarch.rpm" "$packages/other-1-1.noarch.rpm"
	run -1 --separate-stderr apply tool
	[ "$stderr" = 'pkgima apply: tool: unsigned: the installed package has no file signatures' ]
	run -0 --separate-stderr apply --all
	[ -z "$stderr" ]
	[[ ${lines[0]} == '1 package: 2 files signed, '* ]]
	[ -z "$(ima_of "$root/usr/bin/tool")" ]
}

@test "a tampered file is reported and gets nothing, the others do" {
	install_rpms "$packages/tool-1-1.noarch.rpm"
	echo more >>"$root/usr/share/tool/with space"
	run -1 --separate-stderr apply --all
	[ "$stderr" = 'pkgima apply: tool-1-1.noarch: /usr/share/tool/with space: digest-mismatch: the content is not what was signed' ]
	[ -z "$(ima_of "$root/usr/share/tool/with space")" ]
	[ -n "$(ima_of "$root/usr/bin/tool")" ]
}

@test "a signature by an unknown key is reported and not written" {
	install_rpms "$BATS_FILE_TMPDIR/rogue/tool-1-1.noarch.rpm"
	run -1 apply --all
	[[ $output == *'tool-1-1.noarch: /usr/bin/tool: unknown-key: '* ]]
	assert_none_signed
	run -0 apply --certs "$keys/rogue/ima.der" --all
	[ -n "$(ima_of "$root/usr/bin/tool")" ]
}

@test "edited configuration: the administrator's is left alone, what rpm put beside it is signed" {
	install_rpms "$packages/tool-1-1.noarch.rpm"
	apply --all
	echo edited >>"$root/etc/tool/kept"
	echo edited >>"$root/etc/tool/saved"
	setfattr -x security.ima "$root/etc/tool/kept"
	setfattr -x security.ima "$root/etc/tool/saved"
	run -0 apply --all
	[[ $output == *' 2 edited conffiles, '* ]]
	install_rpms "$packages/tool-2-1.noarch.rpm"
	run -0 --separate-stderr apply --all
	[ -z "$stderr" ]
	[[ $output == *' 1 edited conffiles, '* ]]
	grep -q edited "$root/etc/tool/kept"
	[ -z "$(ima_of "$root/etc/tool/kept")" ]
	grep -q 'kept 2' "$root/etc/tool/kept.rpmnew"
	evm_accepts "$keys/ima.der" "$root/etc/tool/kept.rpmnew" "$root/etc/tool/saved"
	grep -q edited "$root/etc/tool/saved.rpmsave"
	[ -z "$(ima_of "$root/etc/tool/saved.rpmsave")" ]
	cp "$root/etc/tool/kept.rpmnew" "$root/etc/tool/kept"
	rm "$root/etc/tool/kept.rpmnew"
	apply --all
	evm_accepts "$keys/ima.der" "$root/etc/tool/kept"
}

@test "what rpm's database says is not the package's, or not there, is passed over" {
	install_rpms --define '_netsharedpath /usr/share/net' --excludedocs "$packages/tool-1-1.noarch.rpm"
	install_rpms --replacefiles "$packages/taker-1-1.noarch.rpm"
	[ "$(in_database "$root" -q --qf '[%{FILENAMES} %{FILESTATES:fstate}\n]' tool | grep -v normal)" = \
		$'/usr/share/doc/tool/README not installed\n/usr/share/net/file net shared\n/usr/share/taken replaced' ]
	run -0 --separate-stderr apply --all
	[ -z "$stderr" ]
	[[ ${lines[1]} == *', 1 not on disk' ]]
	assert_as_in_database taker
	# A file that was put there since is no business of the package; one on the network is.
	put 644 'net 1' "$root/usr/share/net/file"
	put 644 'something else' "$root/usr/share/doc/tool/README"
	run -0 apply --all
	[ -n "$(ima_of "$root/usr/share/net/file")" ]
	[ -z "$(ima_of "$root/usr/share/doc/tool/README")" ]
}

@test "multilib: the preferred architecture's program is signed, the common text stays as it is" {
	install_rpms "$packages"/both-1-1.{x86_64,i686}.rpm
	[ "$(in_database "$root" -q --qf '[%{FILENAMES} %{FILESTATES:fstate}\n]' both.i686 | grep -c 'wrong color')" = 1 ]
	run -0 --separate-stderr apply --all
	[ -z "$stderr" ]
	[ "$output" = '2 packages: 2 files signed, 1 were signed already, 0 not ok' ]
	run -0 apply --all
	[ "$output" = '2 packages: 0 files signed, 3 were signed already, 0 not ok' ]
	evm_accepts "$keys/ima.der" "$root/usr/bin/both" "$root/usr/share/both/text"
}

@test "folders that are links: followed inside the root, never out of it" {
	mkdir -p "$root/usr/bin" "$BATS_TEST_TMPDIR/outside"
	ln -s usr/bin "$root/bin"
	install_rpms "$packages/other-1-1.noarch.rpm"
	run -0 apply --all
	evm_accepts "$keys/ima.der" "$root/usr/bin/other"
	rm "$root/bin"
	mv "$root/usr/bin/other" "$BATS_TEST_TMPDIR/outside"
	setfattr -x security.ima "$BATS_TEST_TMPDIR/outside/other"
	ln -s "$BATS_TEST_TMPDIR/outside" "$root/bin"
	run -0 apply --all
	[[ $output == *', 1 not on disk'* ]]
	[ -z "$(ima_of "$BATS_TEST_TMPDIR/outside/other")" ]
}

# A root with a dpkg database, and one package in it: /usr/bin/of-dpkg, and a program of the name "tool".
install_debs()
{
	local name
	mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
	touch "$root/var/lib/dpkg/status"
	for name in tool of-dpkg; do
		put 755 "#!/bin/sh $name" "$BATS_TEST_TMPDIR/$name/usr/bin/$name-deb"
		make_deb "$BATS_TEST_TMPDIR/$name" "$name"
	done
	sign --out "$BATS_TEST_TMPDIR/debs" "$BATS_TEST_TMPDIR"/{tool,of-dpkg}.deb
	dpkg --root="$root" --force-all -i "$BATS_TEST_TMPDIR"/debs/*.deb >/dev/null 2>&1
}

@test "dpkg and rpm in one root: both in one run, by name in both, only what changed in the next" {
	install_debs
	install_rpms "$packages"/{tool-1-1,other-1-1}.noarch.rpm
	# "tool" is a package of each.
	run -0 --separate-stderr apply tool
	[ -z "$stderr" ]
	[[ ${lines[0]} == '2 packages: 9 files signed, '* ]]
	evm_accepts "$keys/ima.der" "$root/usr/bin/tool-deb" "$root/usr/bin/tool"
	[ -z "$(ima_of "$root/usr/bin/of-dpkg-deb")" ]
	run -0 apply other of-dpkg
	[[ ${lines[0]} == '2 packages: '* ]]
	run -0 apply --all
	[[ ${lines[0]} == '4 packages: '*' files signed, '*', 0 not ok' ]]
	run -0 apply --all
	[[ ${lines[0]} == '4 packages: 0 files signed, '*', 0 not ok' ]]
	setfattr -x security.ima "$root/usr/bin/tool"
	setfattr -x security.ima "$root/usr/bin/of-dpkg-deb"
	run -0 apply --all
	[[ ${lines[0]} == '4 packages: 2 files signed, '* ]]
	run -3 --separate-stderr apply nowhere
	[ "$stderr" = 'pkgima apply: nowhere: no such package is installed' ]
	# Neither manager's own view has changed.
	[ -z "$(dpkg --root="$root" --verify)" ]
	run -0 in_database "$root" -V --nodeps tool other
}

# closes FILE: the trust store is closed, since a package has FILE of /etc/keys/ima-ca.
closes()
{
	setfattr -x security.ima "$root/bin/other" 2>/dev/null || :
	run -1 apply other
	[[ $output == *"/etc/keys/ima-ca/$1 does not count: "*package* ]]
	[[ $output == *'unknown-key'* ]]
	run -0 "$PKGIMA" keys list --root "$root"
	[[ $output == *"/etc/keys/ima-ca/$1 "*package* ]]
}

@test "a CA certificate that a package of rpm owns does not count, and closes the trust store" {
	install_rpms "$packages/other-1-1.noarch.rpm"
	rm "$root/etc/keys/ima-ca/site.der"
	install_rpms "$packages/ca-1-1.noarch.rpm"
	closes vendor.der
	assert_none_signed
	# Beside the administrator's it is without effect.
	cp "$keys/ca.der" "$root/etc/keys/ima-ca/site.der"
	run -0 apply other
	[[ $output == *'vendor.der does not count'* ]]
	in_database "$root" -e ca
	rm "$root/etc/keys/ima-ca/site.der"
	run -0 apply other
}

@test "nor one that a package has as a ghost, or through a folder that is a link, with dpkg's database beside it" {
	install_debs
	install_rpms "$packages"/{other-1-1,ghost-ca-1-1}.noarch.rpm
	closes site.der
	in_database "$root" -e --justdb ghost-ca
	run -0 apply other
	rm "$root/etc/keys/ima-ca/site.der"
	ln -s etc/keys/ima-ca "$root/keyring"
	install_rpms "$packages/linked-ca-1-1.noarch.rpm"
	[ -f "$root/etc/keys/ima-ca/vendor.der" ]
	closes vendor.der
	# dpkg's word counts as before.
	in_database "$root" -e linked-ca
	mkdir -p "$BATS_TEST_TMPDIR/deb-ca/etc/keys/ima-ca"
	cp "$keys/rogue/ca.der" "$BATS_TEST_TMPDIR/deb-ca/etc/keys/ima-ca/debian.der"
	make_deb "$BATS_TEST_TMPDIR/deb-ca" deb-ca
	mkdir -p "$root/etc/keys/ima-ca"
	dpkg --root="$root" --force-all -i "$BATS_TEST_TMPDIR/deb-ca.deb" >/dev/null 2>&1
	closes debian.der
}

@test "rpm without a database: dpkg's packages only, and none is made" {
	install_debs
	mkdir -p "$root/var/lib/rpm" "$root/usr/lib/sysimage"
	mkdir -p "$root$HOME/.rpmdb"
	find "$root" "$HOME" ! -path '*/usr/bin/*' >"$BATS_TEST_TMPDIR/before"
	run -0 --separate-stderr apply --all
	[ -z "$stderr" ]
	[ "$output" = '2 packages: 2 files signed, 0 were signed already, 0 not ok' ]
	run -0 "$PKGIMA" keys list --root "$root"
	find "$root" "$HOME" ! -path '*/usr/bin/*' | cmp - "$BATS_TEST_TMPDIR/before"
	# A link in the place of the database is none.
	ln -s "$BATS_TEST_TMPDIR/elsewhere" "$root/var/lib/rpm/rpmdb.sqlite"
	run -0 apply --all
	[ ! -e "$BATS_TEST_TMPDIR/elsewhere" ]
	rm -rf "$root/var/lib/dpkg"
	run -3 --separate-stderr apply --all
	[ "$stderr" = 'pkgima apply: there is no database of dpkg or rpm' ]
}

# broken TEXT: what rpm's database has is said in one message, and dpkg's packages get their signatures all the same.
broken()
{
	local file
	for file in "$root"/usr/bin/*-deb; do
		setfattr -x security.ima "$file" 2>/dev/null || :
	done
	run -3 --separate-stderr apply --certs "$keys/ima.der" --all
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "pkgima apply: "*"rpm's database $database"*"$1"* ]]
	[ "$output" = '2 packages: 2 files signed, 0 were signed already, 0 not ok' ]
	evm_accepts "$keys/ima.der" "$root"/usr/bin/*-deb
	# Whose the CA certificate is cannot be told: nothing is trusted.
	run -3 --separate-stderr apply --all
	[[ $stderr == "pkgima apply: who owns a CA certificate cannot be told: "* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	run -3 "$PKGIMA" keys list --root "$root"
}

@test "a database that is broken in one way or another is an error, and no crash" {
	local file=$root$database/rpmdb.sqlite
	install_debs
	install_rpms "$packages"/{tool-1-1,other-1-1}.noarch.rpm
	cp "$file" "$BATS_TEST_TMPDIR/good"
	# One header is not what its digest says: rpm itself passes over the package.
	perl -pi -e 's/a test/A test/g' "$file"
	broken 'damaged'
	rm "$root$database"/rpmdb.sqlite*
	echo 'no database' >"$file"
	broken 'not a database'
	: >"$file"
	broken 'readonly'
	head -c 20000 "$BATS_TEST_TMPDIR/good" >"$file"
	broken ''
	# Of another kind, for which this rpm may have no reader.
	rm "$root$database"/rpmdb.sqlite*
	echo 'no database' >"$root$database/Packages.db"
	broken '(ndb)'
	[ ! -e "$file" ]
	rm "$root$database/Packages.db"
	echo 'no database' >"$root$database/Packages"
	broken '(bdb_ro)'
	[ ! -e "$file" ]
}

@test "where the database is: what rpm's configuration says, or where others have it, all of it inside the root" {
	database=/srv/rpmdb install_rpms "$packages/tool-1-1.noarch.rpm"
	run -3 apply tool
	echo '%_dbpath /srv/rpmdb' >"$HOME/.rpmmacros"
	run -0 apply tool
	rm "$HOME/.rpmmacros"
	# Of the user, as Debian has it.
	database=$HOME/.rpmdb install_rpms "$packages/other-1-1.noarch.rpm"
	run -0 apply other
	database=/usr/lib/sysimage/rpm install_rpms "$packages/taker-1-1.noarch.rpm"
	run -0 apply taker
	# A second name of the same is no second database.
	mkdir -p "$root/var/lib"
	ln -s /usr/lib/sysimage/rpm "$root/var/lib/rpm"
	run -0 apply taker
	[[ $output == '1 package: '* ]]
	# An empty one of the user, as a query makes it, hides none.
	rm -r "${root:?}$HOME/.rpmdb" "${root:?}/bin" "$root/var/lib/rpm"
	database=$HOME/.rpmdb in_database "$root" -qa
	[ -e "$root$HOME/.rpmdb/rpmdb.sqlite" ]
	database=/var/lib/rpm install_rpms --force "$packages/other-1-1.noarch.rpm"
	run -0 apply other taker
	[[ $output == '2 packages: '* ]]
	[ ! -e "$HOME/.rpmdb" ]
}

@test "reading changes nothing: neither the database nor anything else is opened for writing but what sqlite keeps beside it" {
	install_rpms "$packages/tool-1-1.noarch.rpm"
	run -0 strace -f -e trace=openat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,creat,ftruncate \
		-o "$BATS_TEST_TMPDIR/trace" "$PKGIMA" apply --root "$root" --all
	run -0 grep -F "$root" "$BATS_TEST_TMPDIR/trace"
	run -1 grep -E 'O_RDWR|O_WRONLY|O_CREAT|mkdir|rename|unlink|creat\(|ftruncate' \
		<(grep -F "$root" "$BATS_TEST_TMPDIR/trace" | grep -vE 'rpmdb\.sqlite-(wal|shm)"')
}

@test "what runs in dpkg's packages is not linked with librpm" {
	local program
	for program in dpkg-ima-trigger dpkg-ima-backend dpkg-ima-apt-hook; do
		run -0 readelf -d "${PKGIMA_BUILD:-$TOP/build}/$program"
		[[ $output != *librpm* ]]
	done
}
