#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# pkgima audit, of small roots that the real dpkg and rpm install into.

load helpers
load rpm

setup_file()
{
	require root dpkg-deb rpmbuild rpm evmctl getfattr setfattr jq gcc
	export keys=$BATS_FILE_TMPDIR/keys packages=$BATS_FILE_TMPDIR/packages
	make_keys "$keys"
	make_packages
}

# one: programs, a conffile that is executed and one that is not, a script; two: one program, by another key; plain: unsigned.
make_packages()
{
	local build=$BATS_FILE_TMPDIR/build
	mkdir -p "$build"/{one/DEBIAN,one/usr/bin,one/usr/share/doc/one,one/etc/cron.daily,two/usr/bin,plain/usr/bin} "$packages"
	printf '#!/bin/sh\necho one\n' >"$build/one/usr/bin/one"
	cp /bin/true "$build/one/usr/bin/elf"
	echo text >"$build/one/usr/share/doc/one/text"
	printf '#!/bin/sh\necho daily\n' >"$build/one/etc/cron.daily/one"
	echo setting >"$build/one/etc/one.conf"
	printf '/etc/cron.daily/one\n/etc/one.conf\n' >"$build/one/DEBIAN/conffiles"
	printf '#!/bin/sh\nexit 0\n' >"$build/one/DEBIAN/postinst"
	printf '#!/bin/sh\necho two\n' >"$build/two/usr/bin/two"
	printf '#!/bin/sh\necho plain\n' >"$build/plain/usr/bin/plain"
	chmod 755 "$build"/*/usr/bin/* "$build/one/etc/cron.daily/one" "$build/one/DEBIAN/postinst"
	make_deb "$build/one" one
	make_deb "$build/two" two
	make_deb "$build/plain" plain
	sign --out "$packages" "$build/one.deb"
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --out "$packages" "$build/two.deb"
	cp "$build/plain.deb" "$packages"
}

# install_debs ROOT PACKAGE...: by this machine's dpkg, into a database of the root's own.
install_debs()
{
	local root=$1
	mkdir -p "$root"/var/lib/dpkg/{info,updates} "$root/etc/keys/ima"
	[ -e "$root/var/lib/dpkg/status" ] || : >"$root/var/lib/dpkg/status"
	cp "$keys/ima.der" "$root/etc/keys/ima/site.der"
	dpkg --root="$root" --log=/dev/null --force-script-chrootless --force-unsafe-io -i "${@:2}" >"$BATS_TEST_TMPDIR/dpkg.log" 2>&1 || {
		cat "$BATS_TEST_TMPDIR/dpkg.log"
		return 1
	}
}

audit()
{
	"$PKGIMA" audit --root "$root" "$@"
}

setup()
{
	root=$BATS_TEST_TMPDIR/root
}

# What a healthy root has: package one, all of its files signed.
healthy()
{
	install_debs "$root" "$packages/one.deb"
	"$PKGIMA" apply --root "$root" --all
}

@test "a file without its signature is not-applied; --repair puts it there; then all is well" {
	install_debs "$root" "$packages/one.deb"
	run -1 audit
	echo "$output"
	[[ $output == *"one: /usr/bin/one: not-applied: the file carries none"* ]]
	[[ $output == *"one: /var/lib/dpkg/info/one.postinst: not-applied"* ]]
	[[ $output == *"one: 0 ok, 5 not-applied"* ]]
	[[ $output == *"1 package, 0 of them unsigned; 0 files ok, 5 not ok, 5 not-applied"* ]]
	[[ $output == *"1 files left out by the settings, 0 not on disk"* ]]
	[ -z "$(ima_of "$root/usr/bin/one")" ]
	run -0 audit --repair
	[[ $output == *"5 files repaired"* ]]
	evm_accepts "$keys/ima.der" "$root/usr/bin/one" "$root/usr/bin/elf" "$root/etc/cron.daily/one" \
		"$root/usr/share/doc/one/text" "$root/var/lib/dpkg/info/one.postinst"
	[ -z "$(ima_of "$root/etc/one.conf")" ]
	run -0 audit
	[[ $output == *"5 files ok, 0 not ok"* ]]
	[[ $output != *repaired* ]]
}

@test "what is wrong with a file is found out, though it carries its signature" {
	healthy
	echo more >>"$root/usr/bin/one"
	rm "$root/usr/bin/elf"
	setfattr -n security.ima -v "0x0404$(printf 'ab%.0s' {1..32})" "$root/usr/share/doc/one/text"
	"$PKGIMA" sign --xattr --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" "$root/var/lib/dpkg/info/one.postinst"
	run -1 audit
	echo "$output"
	[[ $output == *"one: /usr/bin/one: digest-mismatch: the content is not what was signed"* ]]
	[[ $output == *"one: /usr/bin/elf: missing-file: the file is not there"* ]]
	[[ $output == *"one: /usr/share/doc/one/text: not-applied: the file carries only a hash"* ]]
	[[ $output == *"one: /var/lib/dpkg/info/one.postinst: not-applied: the file carries another signature, by key "* ]]
	[[ $output == *"1 ok, 1 digest-mismatch, 1 missing-file, 2 not-applied"* ]]
	# What can be repaired is.
	run -1 audit --repair
	[[ $output == *"3 ok, 1 digest-mismatch, 1 missing-file"* ]]
	evm_accepts "$keys/ima.der" "$root/usr/share/doc/one/text" "$root/var/lib/dpkg/info/one.postinst"
	run -1 audit
	[[ $output == *"3 ok, 1 digest-mismatch, 1 missing-file"* ]]
}

@test "a file that dpkg was told not to unpack is not missing" {
	healthy
	rm "$root/usr/share/doc/one/text"
	run -1 audit
	[[ $output == *"/usr/share/doc/one/text: missing-file"* ]]
	mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
	printf '# none\npath-exclude=/usr/share/doc/*\npath-include /usr/share/doc/*/copyright\n' >"$root/etc/dpkg/dpkg.cfg.d/docs"
	run -0 audit
	[[ $output == *"1 not on disk"* ]]
	echo 'path-include="/usr/share/doc/one/*"' >"$root/etc/dpkg/dpkg.cfg"
	run -1 audit
}

@test "keys that are not trusted, signatures that are spoilt, packages without any" {
	healthy
	install_debs "$root" "$packages/two.deb" "$packages/plain.deb"
	run -1 audit
	echo "$output"
	[[ $output == *"two: /usr/bin/two: unknown-key: key id "*" is not in the trust store"* ]]
	[[ $output == *"plain: it is not signed: 0 ok, 1 unsigned"* ]]
	[[ $output != *"/usr/bin/plain"* ]]
	[[ $output == *"3 packages, 1 of them unsigned; 5 files ok, 2 not ok, 1 unsigned, 1 unknown-key"* ]]
	# Signed here, it is well, package or not.
	sign --xattr "$root/usr/bin/plain"
	run -1 audit
	[[ $output == *"6 files ok, 1 not ok, 1 unknown-key"* ]]
	run -0 audit --certs "$keys/ima.der" --certs "$keys/rogue/ima.der" "/usr/bin/plain"
	sed -i 's/^\(sha256 [0-9a-f]*\) AwIE\(.\{40\}\)./\1 AwIE\2A/' "$root/var/lib/dpkg/info/one.imasigs"
	run -1 audit
	[[ $output == *"bad-signature"* ]]
}

@test "a conffile that was edited is judged by what it carries, where it has to carry something" {
	healthy
	echo 'echo more' >>"$root/etc/cron.daily/one"
	echo more >>"$root/etc/one.conf"
	run -1 audit
	[[ $output == *"one: /etc/cron.daily/one: digest-mismatch"* ]]
	[[ $output != *one.conf* ]]
	sign --xattr "$root/etc/cron.daily/one"
	run -0 audit
	# And one that was removed is not missing.
	rm "$root/etc/cron.daily/one"
	run -0 audit
}

@test "a package that was removed, and left its conffiles, is none" {
	healthy
	dpkg --root="$root" --log=/dev/null --force-script-chrootless -r one >/dev/null 2>&1
	[ -e "$root/etc/cron.daily/one" ]
	run -0 audit
	[[ $output == "0 packages"* ]]
}

@test "a file system that takes no security.ima" {
	require unshare
	install_debs "$root" "$packages/one.deb"
	mv "$root/usr/bin" "$BATS_TEST_TMPDIR/bin"
	mkdir "$root/usr/bin"
	export root
	# shellcheck disable=SC2016 # the inner shell's
	run -1 unshare --mount sh -c 'mount -t ramfs none "$root/usr/bin" && cp -p "$BATS_TEST_TMPDIR"/bin/* "$root/usr/bin" &&
		"$PKGIMA" audit --root "$root"; status=$?
		printf "[apply]\nunsupported-fs = ignore\n" >"$root/etc/pkgima.conf"
		"$PKGIMA" audit --root "$root" /usr/bin; echo "ignored: $?"; exit $status'
	echo "$output"
	[[ $output == *"one: /usr/bin/one: unsupported-fs: the file system takes no security.ima"* ]]
	[[ $output == *"ignored: 0"* ]]
}

@test "an immutable file is said to be one" {
	require chattr
	install_debs "$root" "$packages/one.deb"
	chattr +i "$root/usr/bin/one" || skip "the file system has no immutable files"
	run -3 audit --repair
	chattr -i "$root/usr/bin/one"
	[[ $output == *"/usr/bin/one: failed: the file is immutable"* ]]
}

@test "PATH: only what is below it, files of no package too, under whatever name" {
	healthy
	install_debs "$root" "$packages/plain.deb"
	mkdir -p "$root/opt/local" "$root/usr/local"
	cp "$root/usr/bin/one" "$root/opt/local/unsigned"
	cp --preserve=xattr "$root/usr/bin/elf" "$root/opt/local/signed"
	ln -s bin "$root/usr/link"
	run -0 audit /usr/share
	[[ $output == *"1 package, 0 of them unsigned; 1 files ok, 0 not ok"* ]]
	run -1 audit /opt/local
	echo "$output"
	[[ $output == *"-: /opt/local/unsigned: unsigned: there is no signature"* ]]
	[[ $output == *"0 packages, 0 of them unsigned; 1 files ok, 1 not ok, 1 unsigned"* ]]
	run -0 audit /opt/local/signed /usr/bin/one
	[[ $output == *"1 package, 0 of them unsigned; 2 files ok"* ]]
	# A file of a package is that, by whatever path; and it is told, though its package is not signed.
	run -1 audit /usr/link/
	[[ $output == *"plain: /usr/bin/plain: unsigned"* ]]
	run -3 audit /nowhere
	[[ $output == *"cannot look at /nowhere: No such file"* ]]
	run -2 audit usr/bin
	cd "$root/opt/local"
	run -1 "$PKGIMA" audit --certs "$keys/ima.der" unsigned
	[[ $output == *"-: $root/opt/local/unsigned: unsigned"* ]]
}

@test "--key-id: what a key has signed, and what is not signed" {
	local id rogue
	healthy
	install_debs "$root" "$packages/two.deb" "$packages/plain.deb"
	"$PKGIMA" apply --root "$root" --certs "$keys/rogue/ima.der" two
	id=$("$PKGIMA" show --json "$root/usr/bin/one" | jq -r '.. | .key_id? // empty' | head -n 1)
	rogue=$("$PKGIMA" show --json "$root/usr/bin/two" | jq -r '.. | .key_id? // empty' | head -n 1)
	[ "${#id}" -eq 8 ]
	run -0 audit --key-id "$id"
	diff <(echo "$output") <(printf '%s\n' /etc/cron.daily/one /usr/bin/elf /usr/bin/one /usr/share/doc/one/text \
		/var/lib/dpkg/info/one.postinst)
	run -0 audit --key-id "$rogue" --packages
	[ "$output" = two ]
	run -0 audit --key-id "${rogue^^}"
	[ "$output" = /usr/bin/two ]
	run -0 audit --key-id none --packages
	[ "$output" = plain ]
	run -0 audit --key-id none --json
	[ "$(jq -r '.files[].path' <<<"$output")" = /usr/bin/plain ]
	run -0 audit --key-id 00000000
	[ -z "$output" ]
	cp --preserve=xattr "$root/usr/bin/two" "$root/local"
	run -0 audit --key-id "$rogue" /
	[ "$(sort <<<"$output")" = "$(printf '/local\n/usr/bin/two')" ]
	# What is signed anew is no longer that key's.
	sign --xattr "$root/usr/bin/two"
	run -0 audit --key-id "$rogue" --packages
	[ -z "$output" ]
}

@test "--json has the same, as documented" {
	healthy
	install_debs "$root" "$packages/plain.deb"
	echo more >>"$root/usr/bin/one"
	run -1 audit --json
	jq -e '.sums.ok == 4 and .sums["digest-mismatch"] == 1 and .sums.unsigned == 1 and .sums["left-out"] == 1' <<<"$output"
	jq -e '.packages | map(select(.package == "one"))[0] | .manager == "dpkg" and .signed and .files.ok == 4' <<<"$output"
	jq -e '.packages | map(select(.package == "plain"))[0] | .signed == false and .files.unsigned == 1' <<<"$output"
	jq -e '.findings | map(select(.path == "/usr/bin/one"))[0] |
		.package == "one" and .verdict == "digest-mismatch" and (.reason | length > 0)' <<<"$output"
	jq -e '.findings | map(select(.path == "/usr/bin/plain"))[0] | .verdict == "unsigned"' <<<"$output"
}

@test "packages of rpm are audited and repaired as those of dpkg" {
	local spec=$BATS_TEST_TMPDIR/x.spec package
	{
		write_spec x 1
		printf '%%install\nmkdir -p %%{buildroot}/usr/bin\nprintf "#!/bin/sh\\n" >%%{buildroot}/usr/bin/x\n'
		printf 'echo data >%%{buildroot}/usr/bin/y\nchmod 755 %%{buildroot}/usr/bin/x\n%%files\n/usr/bin/x\n/usr/bin/y\n'
	} >"$spec"
	package=$(build_rpm "$spec" | grep -v src.rpm)
	cp "$package" "$BATS_TEST_TMPDIR/plain.rpm"
	sign --out "$BATS_TEST_TMPDIR/signed" "$package"
	mkdir -p "$root/etc/keys/ima" "$root/var/lib/rpm"
	cp "$keys/ima.der" "$root/etc/keys/ima/"
	rpm --root "$root" --dbpath /var/lib/rpm --nosignature --nodeps -i "$BATS_TEST_TMPDIR/plain.rpm"
	run -1 audit
	echo "$output"
	[[ $output == *"x-1-1."*": it is not signed: 0 ok, 2 unsigned"* ]]
	rpm --root "$root" --dbpath /var/lib/rpm --nosignature --nodeps -U --force "$BATS_TEST_TMPDIR"/signed/*.rpm
	run -1 audit
	[[ $output == *"2 not-applied"* ]]
	run -0 audit --repair
	evm_accepts "$keys/ima.der" "$root/usr/bin/x" "$root/usr/bin/y"
	rm "$root/usr/bin/y"
	run -1 audit
	[[ $output == *"/usr/bin/y: missing-file"* ]]
	run -0 audit --key-id none --packages
	[ -z "$output" ]
}

@test "wrong command lines, and roots that have nothing" {
	run -2 audit --packages
	run -2 audit --repair --key-id none
	run -2 audit --policy x --repair
	run -2 audit --key-id 1234
	run -2 audit --nothing
	run -3 "$PKGIMA" audit --root "$BATS_TEST_TMPDIR/none"
	mkdir -p "$root"
	run -3 audit
	[[ $output == *"there is no database of dpkg or rpm"* ]]
}

# exec_policy: what ima-init's is.
exec_policy()
{
	cat >"$BATS_TEST_TMPDIR/exec" <<-'END'
		appraise func=POLICY_CHECK appraise_type=imasig
		appraise func=BPRM_CHECK appraise_type=imasig
		appraise func=MMAP_CHECK mask=MAY_EXEC appraise_type=imasig
		appraise func=MODULE_CHECK appraise_type=imasig
		appraise func=FIRMWARE_CHECK appraise_type=imasig
		appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig
		appraise func=KEXEC_INITRAMFS_CHECK appraise_type=imasig
	END
}

@test "--policy: what would be denied, in the order of what hurts first" {
	exec_policy
	healthy
	libc=$(ldd /bin/dash | grep -o '/[^ ]*/libc\.so[^ ]*')
	loader=$(ldd /bin/dash | grep -o '/[^ ]*/ld-[^ ]*')
	mkdir -p "$root"/{sbin,bin,opt,lib/modules/1,boot}
	cp /bin/dash "$root/sbin/init"
	ldd /bin/dash | grep -o '/[^ ]*' | sort -u | while read -r library; do
		mkdir -p "$root${library%/*}"
		cp -L "$library" "$root$library"
	done
	cp /bin/dash "$root/bin/sh"
	cp /bin/true "$root/bin/login"
	cp /bin/true "$root/usr/bin/dpkg"
	cp /bin/true "$root/opt/unsigned"
	cp /bin/true "$root/opt/signed"
	chmod -x "$root/opt/signed"
	sign --xattr "$root/opt/signed"
	: >"$root/lib/modules/1/a.ko"
	: >"$root/lib/modules/1/b.ko.xz"
	: >"$root/boot/initrd.img-1"
	: >"$root/opt/data"
	run -1 audit --policy "$BATS_TEST_TMPDIR/exec"
	echo "$output"
	[[ $output != *hole* ]]
	[[ $output == *"policy: note: nothing is measured"* ]]
	diff <(grep '^denied' <<<"$output" | cut -d ' ' -f 2- | sed 's/ line [0-9]*:.*(/ (/') - <<-END
		init: /sbin/init: execute, map: (no package)
		shell: /bin/sh: execute, map: (no package)
		loader: $libc: execute, map: (no package)
		loader: $loader: execute, map: (no package)
		login: /bin/login: execute, map: (no package)
		package manager: /usr/bin/dpkg: execute, map: (no package)
		package manager: /var/lib/dpkg/info/one.postinst: execute: its interpreter /bin/sh would be denied (one)
		kernel: /boot/initrd.img-1: kexec-initramfs: (no package)
		kernel: /lib/modules/1/a.ko: load-module: (no package)
		rest: /etc/cron.daily/one: execute: its interpreter /bin/sh would be denied (one)
		rest: /opt/unsigned: execute, map: (no package)
		rest: /usr/bin/elf: execute: its loader $loader would be denied (one)
		rest: /usr/bin/one: execute: its interpreter /bin/sh would be denied (one)
	END
	[[ $output == *"line 2: it has no signature"* ]]
	[[ $output == *"undecided: kernel: 1 compressed modules"* ]]
	[[ $output == *"exec: 7 rules; "* ]]
}

@test "--policy: the whole of a root that is signed passes; what is no program is not asked for anything" {
	exec_policy
	healthy
	mkdir "$root/bin"
	cp "$(command -v busybox)" "$root/bin/sh"
	sign --xattr "$root/bin/sh"
	cp "$(command -v busybox)" "$root/usr/bin/elf"
	sign --xattr "$root/usr/bin/elf"
	echo data >"$root/data"
	run -0 audit --policy "$BATS_TEST_TMPDIR/exec"
	echo "$output"
	[[ $output == *"0 denied, 0 undecided"* ]]
	run -0 audit --policy "$BATS_TEST_TMPDIR/exec" --json /usr/bin
	jq -e '.denied == 0 and .rules == 7 and .files == 2 and .predictions == [] and (.lint | length == 1)' <<<"$output"
	printf 'appraise func=FILE_CHECK fowner=0\n' >"$BATS_TEST_TMPDIR/files"
	run -1 audit --policy "$BATS_TEST_TMPDIR/files" /data
	[[ $output == *"denied: rest: /data: read: line 1: it has no signature"* ]]
}

@test "--policy: shared objects whose text is relocated" {
	exec_policy
	healthy
	echo 'int g; int *f(void); int *f(void) { return &g; }' >"$BATS_TEST_TMPDIR/l.c"
	gcc -shared -fno-pic -mcmodel=large -Wl,-z,notext -nostdlib -o "$root/text.so" "$BATS_TEST_TMPDIR/l.c" 2>/dev/null
	readelf -d "$root/text.so" | grep -q TEXTREL
	sign --xattr "$root/text.so"
	run -1 audit --policy "$BATS_TEST_TMPDIR/exec" /text.so
	echo "$output"
	[[ $output == *"relocates-text: rest: /text.so: "*"mprotect(2)"* ]]
}

@test "--policy: names, rules that the kernel adds, and lines that it refuses" {
	healthy
	exec_policy
	mkdir -p "$root/usr/share/ima-init/policies" "$root/boot"
	cp "$BATS_TEST_TMPDIR/exec" "$root/usr/share/ima-init/policies/exec"
	run audit --policy exec /usr/bin/elf
	[[ $output == *"/usr/share/ima-init/policies/exec: 7 rules"* ]]
	run -0 audit --policy tcb /usr/bin/elf
	[[ $output == *"no rule appraises"*"tcb: 20 rules"* ]]
	run audit --policy 'secure_boot|appraise_tcb' /usr/bin/elf
	[[ $output == *"secure_boot|appraise_tcb: 19 rules"* ]]
	printf 'CONFIG_IMA_APPRAISE_REQUIRE_MODULE_SIGS=y\nCONFIG_CRYPTO_SHA256=y\n' >"$root/boot/config-6.1.0-1"
	: >"$root/boot/config-6.0.0-9"
	printf 'dont_appraise func=MODULE_CHECK\nmeasure func=BPRM_CHECK\n' >"$BATS_TEST_TMPDIR/none"
	mkdir -p "$root/lib/modules"
	: >"$root/lib/modules/x.ko"
	run -1 audit --policy "$BATS_TEST_TMPDIR/none" /lib/modules
	echo "$output"
	[[ $output == *"policy: dead: line 1: it never matters: a rule of the kernel's own"* ]]
	[[ $output == *"denied: kernel: /lib/modules/x.ko: load-module: the kernel's own rule: it has no signature"* ]]
	[[ $output == *"2 rules, 1 of the kernel's own before them (/boot/config-6.1.0-1)"* ]]
	printf 'measure\nnothing\nappraise pcr=1\n' >"$BATS_TEST_TMPDIR/bad"
	run -3 audit --policy "$BATS_TEST_TMPDIR/bad"
	[[ $output == *"bad: line 2: no kernel knows the word: nothing"*"bad: line 3: pcr= goes with measure"* ]]
	run -3 audit --policy nothing
	[[ $output == *"cannot open the policy nothing"* ]]
}

@test "--policy: EVM, once it is used, wants an attribute of its own" {
	exec_policy
	healthy
	mkdir -p "$root/etc/keys/evm-ca"
	run -1 audit --policy "$BATS_TEST_TMPDIR/exec" /usr/bin/elf
	echo "$output"
	[[ $output == *"EVM is in use, and it has no security.evm"* ]]
	setfattr -n security.evm -v 0x0502 "$root/usr/bin/elf" || skip "security.evm cannot be set here"
	run -1 audit --policy "$BATS_TEST_TMPDIR/exec" /usr/bin/elf
	[[ $output == *"undecided: rest: /usr/bin/elf: execute, map: "*"EVM"* ]]
}

@test "--policy: what is not asked of all users, under all labels and in any order is not said to pass" {
	local number
	mkdir -p "$root"/{usr/bin,lib64}
	cp /bin/true "$root/usr/bin/unsigned"
	cp /bin/true "$root/usr/bin/signed"
	"$PKGIMA" sign --xattr --key "$keys/ima.key" --cert "$keys/ima.pem" "$root/usr/bin/signed"
	cd "$BATS_TEST_TMPDIR"
	printf 'dont_appraise obj_type=label%s\n' {1..20} >labels
	echo 'appraise func=BPRM_CHECK appraise_type=imasig' >>labels
	run -1 audit --certs "$keys/ima.der" --policy ./labels
	echo "$output"
	[[ $output == *"undecided: rest: /usr/bin/unsigned: execute: line 21: it depends on a label"* ]]
	[[ $output == *"0 denied, 1 undecided"* ]]
	for number in {1..40}; do
		echo "dont_appraise func=BPRM_CHECK uid=${number}0"
	done >users
	echo 'appraise func=BPRM_CHECK uid=395 appraise_type=imasig' >>users
	run -3 audit --certs "$keys/ima.der" --policy ./users
	[[ $output == *"more users and groups than can be asked for"* ]]
	# What is opened to be executed is measured first.
	printf 'measure func=FILE_CHECK digest_type=verity\nappraise func=BPRM_CHECK appraise_type=imasig\n' >verity
	run -1 audit --certs "$keys/ima.der" --policy ./verity /usr/bin/signed
	echo "$output"
	[[ $output == *"undecided: rest: /usr/bin/signed: execute: line 2: "*"fs-verity, which it remembers"* ]]
	# A loader is mapped; the same file as an interpreter is executed.
	cp "$root/usr/bin/unsigned" "$root/lib64/ld-linux-x86-64.so.2"
	printf '#!/lib64/ld-linux-x86-64.so.2\n' >"$root/usr/bin/ascript"
	printf '#!/lib64/ld-linux-x86-64.so.2\n' >"$root/usr/bin/zscript"
	chmod 755 "$root"/usr/bin/?script
	"$PKGIMA" sign --xattr --key "$keys/ima.key" --cert "$keys/ima.pem" "$root"/usr/bin/?script
	sed 1d verity >programs
	run -1 audit --certs "$keys/ima.der" --policy ./programs
	echo "$output"
	[[ $output == *"/usr/bin/ascript: execute: its interpreter /lib64/ld-linux-x86-64.so.2 would be denied"* ]]
	[[ $output == *"/usr/bin/zscript: execute: its interpreter /lib64/ld-linux-x86-64.so.2 would be denied"* ]]
	[[ $output != *"its loader"* ]]
}
