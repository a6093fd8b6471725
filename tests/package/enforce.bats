#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# `pkgima enforce` in scratch roots, with the real initramfs-tools and GRUB's grub-mkconfig: what it writes, what it refuses,
# and what it leaves when a step fails. That the kernel does what was set is tests/kernel/enforce-boot.bats.
# shellcheck disable=SC2016 # scripts for other shells

load helpers
load enforce

setup_file()
{
	require root mmdebstrap dpkg-buildpackage unshare openssl getfattr setfattr cpio
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system
	make_keys "$keys"
	make_enforce_root "$system"
	make_kernels "$system"
	make_grub "$system"
	sign_all "$system"
}

# Kernels without a module, whose initramfs are made in a second.
make_kernels()
{
	local version
	sed -i 's/^COMPRESS=.*/COMPRESS=gzip/' "$1/etc/initramfs-tools/initramfs.conf"
	for version in 6.1.0-1 6.12.3-1; do
		mkdir -p "$1/lib/modules/$version"
		touch "$1/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$1/boot/vmlinuz-$version"
		printf 'CONFIG_%s=y\n' RD_GZIP RD_ZSTD IMA IMA_APPRAISE CRYPTO_SHA256 CRYPTO_RSA >"$1/boot/config-$version"
		in_root "$1" depmod "$version"
		in_root "$1" update-initramfs -c -k "$version"
	done
}

# A copy of its own; files of /usr are links, and must not be changed in place.
fresh()
{
	local folder
	root=$BATS_TEST_TMPDIR/root
	mkdir "$root"
	for folder in "$system"/*; do
		[ "$folder" = "$system/usr" ] || cp -a "$folder" "$root"
	done
	cp -al "$system/usr" "$root"
	before=$(state)
}

teardown()
{
	rm -rf "${BATS_TEST_TMPDIR:?}/root"
}

enforce()
{
	local verb=$1
	shift
	run "$PKGIMA" enforce "$verb" --root "$root" "$@"
	echo "enforce $verb: $status"
	echo "$output"
}

# All that enforce could have changed.
state()
{
	(cd "$root" && find etc/ima-init etc/grub.d etc/kernel boot -type f,l -exec sha256sum {} + 2>/dev/null
	ls etc/grub.d etc/kernel/install.d 2>/dev/null || :) | sort
}

# carried KERNEL FILE: what its initramfs has of ima-init, by cpio.
carried()
{
	local unpacked=$BATS_TEST_TMPDIR/unpacked
	rm -rf "$unpacked"
	mkdir "$unpacked"
	gzip -dc "$root/boot/initrd.img-$1" | cpio -i -d --quiet -D "$unpacked" '*usr/lib/ima-init*' 2>/dev/null
	cat "$unpacked/usr/lib/ima-init/$2"
}

# Words for the kernel in grub.cfg, of each entry.
entries()
{
	grep -oE '^[[:space:]]*linux[[:space:]].*' "$root/boot/grub/grub.cfg"
}

# recovery COUNT: so many entries have each of the words, at the end; GRUB takes the menu; all others are as they were.
recovery()
{
	[ "$(entries | grep -c ' ima_init=log$')" -eq "$1" ]
	[ "$(entries | grep -c ' ima_init=off$')" -eq "$1" ]
	in_root "$root" grub-script-check /boot/grub/grub.cfg
	# Behind the others: what starts by default is as it was.
	diff <(sed -n '/BEGIN .*10_linux/,/END .*10_linux/p' "$system/boot/grub/grub.cfg") \
		<(sed -n '/BEGIN .*10_linux/,/END .*10_linux/p' "$root/boot/grub/grub.cfg")
	[ -z "$(sed -n '1,/END .*10_linux/{/ima_init/p}' "$root/boot/grub/grub.cfg")" ]
}

@test "log, on, off: each kernel's initramfs carries what is set, GRUB's menu has recovery entries, and off leaves nothing" {
	local kernel
	fresh
	enforce status
	[ "$status" -eq 0 ]
	[[ $output == *"6.1.0-1: enforces nothing"* ]]

	enforce log
	[ "$status" -eq 0 ]
	[[ $output == *"the next boot logs"* ]]
	for kernel in 6.1.0-1 6.12.3-1; do
		[ "$(carried "$kernel" init.conf)" = mode=log ]
		carried "$kernel" policy | cmp - "$TOP/pkg-ima-init/policies/exec"
		carried "$kernel" ca/site.der | cmp - "$keys/ca.der"
	done
	recovery 2
	enforce status
	[ "$status" -eq 0 ]
	[[ $output == *"6.1.0-1: only logs"*"entries with ima_init=log and ima_init=off in /boot/grub/grub.cfg"* ]]

	# Nothing is refused, as all is signed.
	enforce on
	[ "$status" -eq 0 ]
	[[ $output == *": 0 denied"*"the next boot enforces /etc/ima-init/policy" ]]
	for kernel in 6.1.0-1 6.12.3-1; do
		[ "$(carried "$kernel" init.conf)" = mode=enforce ]
		carried "$kernel" policy | cmp - "$TOP/pkg-ima-init/policies/exec"
	done
	recovery 2
	enforce status
	[ "$status" -eq 0 ]
	[[ $output == *"6.12.3-1: enforces, by its initramfs"* ]]
	run -0 --separate-stderr "$PKGIMA" enforce status --root "$root" --json
	[ "$(jq -r .set <<<"$output")" = enforce ]
	[ "$(jq -r '[.checks[].state] | unique | .[]' <<<"$output")" = ok ]
	[ "$(jq '[.checks[] | select(.check == "next boot")] | length' <<<"$output")" -eq 2 ]

	# Once more there is nothing to do: no file is another one.
	changed=$(stat -c %i "$root"/boot/initrd* "$root"/boot/grub/grub.cfg "$root"/etc/ima-init/*)
	enforce on
	[ "$status" -eq 0 ]
	[[ $output == *"nothing to do: the next boot enforces"* ]]
	[ "$(stat -c %i "$root"/boot/initrd* "$root"/boot/grub/grub.cfg "$root"/etc/ima-init/*)" = "$changed" ]

	enforce off
	[ "$status" -eq 0 ]
	for kernel in 6.1.0-1 6.12.3-1; do
		run ! carried "$kernel" init
	done
	recovery 0
	cmp "$root/etc/ima-init/policy.off" "$TOP/pkg-ima-init/policies/exec"
	rm "$root/etc/ima-init/policy.off"
	# The language of the menu was that of who made it; initramfs are not made of the same bytes twice.
	in_root "$root" update-grub
	diff <(grep -v initrd <<<"$before") <(state | grep -v initrd)
	enforce off
	[ "$status" -eq 0 ]
	[[ $output == *"nothing to do"* ]]
}

# refused TEXT VERB [OPTION...]: with that reason, and nothing is another than before.
refused()
{
	local text=$1
	shift
	before=$(state)
	enforce "$@"
	[ "$status" -eq 1 ]
	[[ $output == *"refused: "*"$text"* ]]
	[ "$(state)" = "$before" ]
}

# without PATH COMMAND...: while the root has not that file.
without()
{
	mv "$root$1" "$BATS_TEST_TMPDIR/aside"
	"${@:2}"
	mv "$BATS_TEST_TMPDIR/aside" "$root$1"
}

@test "refused: without ima-init, its part in an initramfs, CA, certificate or appraisal, and while systemd would load a policy" {
	local verb config
	fresh
	for verb in log on; do
		without /ima/latch refused 'there is no /ima/latch; install the package ima-init' "$verb"
		without /usr/share/initramfs-tools/hooks/ima-init refused 'no initramfs would carry ima-init' "$verb"
		without /usr/sbin/update-initramfs refused 'no initramfs would carry ima-init' "$verb"
		without /etc/keys/ima-ca/site.der refused 'no CA certificate is confirmed' "$verb"
		without /etc/keys/ima/site.der refused 'no certificate in /etc/keys/ima counts' "$verb"
		mkdir -p "$root/etc/ima"
		touch "$root/etc/ima/ima-policy"
		refused '/etc/ima/ima-policy exists' "$verb"
		rm "$root/etc/ima/ima-policy"
		config=$root/boot/config-6.12.3-1
		cp "$config" "$BATS_TEST_TMPDIR/config"
		sed -i /APPRAISE/d "$config"
		refused 'no IMA appraisal (/boot/config-6.12.3-1' "$verb"
		cp "$BATS_TEST_TMPDIR/config" "$config"
	done
	# One that a package owns is not the administrator's.
	mkdir -p "$BATS_TEST_TMPDIR/site/etc/keys/ima-ca"
	cp "$keys/ca.der" "$BATS_TEST_TMPDIR/site/etc/keys/ima-ca/site.der"
	make_deb "$BATS_TEST_TMPDIR/site" site
	cp "$BATS_TEST_TMPDIR/site.deb" "$root/root/"
	in_root "$root" dpkg -i /root/site.deb
	refused 'no CA certificate is confirmed' log
}

@test "refused: policies that kernels refuse, that appraise nothing, or that keep their promise not" {
	local policy=$BATS_TEST_TMPDIR/policy verb
	fresh
	for verb in log on; do
		refused '/policies/log appraises nothing' "$verb" --policy log
		echo 'appraise func=NO_SUCH_CHECK' >"$policy"
		refused 'line 1: a kernel refuses it' "$verb" --policy "$policy"
		echo 'appraise func=BPRM_CHECK appraise_type=imasig' >"$policy"
		refused 'the first rule has to be one about POLICY_CHECK' "$verb" --policy "$policy"
		printf '%s\n' 'appraise func=POLICY_CHECK appraise_type=imasig' 'dont_appraise fsmagic=0x01021994' >"$policy"
		refused 'exempts tmpfs' "$verb" --policy "$policy"
		printf '%s' 'appraise func=POLICY_CHECK appraise_type=imasig' >"$policy"
		refused 'does not end in a line feed' "$verb" --policy "$policy"
		enforce "$verb" --policy /nowhere/policy
		[ "$status" -eq 3 ]
		enforce "$verb" --policy nameless
		[ "$status" -eq 3 ]
	done
	# Words that do not belong together.
	enforce off --policy exec
	[ "$status" -eq 2 ]
	enforce log --force
	[ "$status" -eq 2 ]
	run "$PKGIMA" enforce
	[ "$status" -eq 2 ]
}

@test "on is refused while the prediction finds denials, and lists them; --force overrides just that" {
	local command
	fresh
	cp "$root/bin/true" "$root/usr/local/bin/unsigned"
	cp -a "$root/usr/bin" "$root/usr/new"
	rm -r "${root:?}/usr/bin"
	mv "$root/usr/new" "$root/usr/bin"
	setfattr -x security.ima "$root/usr/bin/dpkg"
	refused '2 files would be denied' on
	# What hurts first comes first; the command that is named shows the same.
	[[ $output == *"denied: package manager: /usr/bin/dpkg: execute: "*"denied: rest: /usr/local/bin/unsigned: execute: "* ]]
	command=$(sed -n 's/^all of them: pkgima //p' <<<"$output")
	[ "$command" = "audit --policy exec --root $root" ]
	# shellcheck disable=SC2086 # words
	run "$PKGIMA" $command
	[ "$status" -eq 1 ]
	[[ $output == *"denied: package manager: /usr/bin/dpkg: "*"/usr/local/bin/unsigned: "* ]]
	# Many: the first ten, and how many more.
	find "$root/usr/bin" -type f -exec setfattr -x security.ima {} + 2>/dev/null || :
	refused 'files would be denied' on
	[ "$(grep -c '^denied: ' <<<"$output")" -eq 10 ]
	[[ $output == *" more"* ]]
	# Not what else is missing.
	without /etc/keys/ima-ca/site.der refused 'no CA certificate' on --force
	enforce on --force
	[ "$status" -eq 0 ]
	[[ $output == *"forced: "*"files would be denied"*"the next boot enforces"* ]]
	[ "$(carried 6.1.0-1 init.conf)" = mode=enforce ]
}

# tool NAME: standard input takes the place of a program of the root.
tool()
{
	[ -e "$BATS_TEST_TMPDIR/${1##*/}" ] || mv "$root$1" "$BATS_TEST_TMPDIR/${1##*/}"
	cat >"$root$1"
	chmod 755 "$root$1"
	"$PKGIMA" sign --xattr --key "$keys/ima.key" --cert "$keys/ima.der" "$root$1" >/dev/null
}

tool_back()
{
	mv "$BATS_TEST_TMPDIR/${1##*/}" "$root$1"
}

@test "a step that fails: what remains is said, status shows it, and the same command again finishes it" {
	fresh
	# No recovery entries: then nothing else is done.
	before=$(cd "$root" && find etc/ima-init boot -type f -exec sha256sum {} + | sort)
	tool /usr/sbin/update-grub <<<$'#!/bin/sh\necho broken >&2\nexit 5'
	enforce log
	[ "$status" -eq 3 ]
	[[ $output == *"/usr/sbin/update-grub: chroot failed with exit status 5: "*"nothing else was changed"* ]]
	[ "$(cd "$root" && find etc/ima-init boot -type f -exec sha256sum {} + | sort)" = "$before" ]
	# One that says it has, and has not.
	tool /usr/sbin/update-grub <<<$'#!/bin/sh\nexit 0'
	enforce log
	[ "$status" -eq 3 ]
	[[ $output == *"has no recovery entries"* ]]
	tool_back /usr/sbin/update-grub

	# The initramfs of the first kernel only.
	cp --preserve=xattr "$root/usr/sbin/update-initramfs" "$root/usr/sbin/update-initramfs.real"
	tool /usr/sbin/update-initramfs <<<$'#!/bin/sh\nupdate-initramfs.real -u -k 6.1.0-1\nexit 3'
	enforce log
	[ "$status" -eq 3 ]
	[[ $output == *"exit status 3"*"the same command again goes on from here"* ]]
	enforce status
	[ "$status" -eq 1 ]
	[[ $output == *"attention  next boot  6.12.3-1: enforces nothing: ima-init is not in its initramfs"* ]]
	[[ $output == *"ok         next boot  6.1.0-1: only logs"* ]]
	# It says that it has made them.
	tool /usr/sbin/update-initramfs <<<$'#!/bin/sh\nexit 0'
	enforce log
	[ "$status" -eq 3 ]
	[[ $output == *"kernel 6.12.3-1: enforces nothing"* ]]
	# Killed in the middle, and with it what started it.
	tool /usr/sbin/update-initramfs <<<$'#!/bin/sh\nkill -KILL $PPID; kill -KILL $$'
	enforce on
	[ "$status" -ne 0 ]
	enforce status
	[ "$status" -eq 1 ]
	[[ $output == *"set        enforce"*"6.1.0-1: only logs, by what is no longer set"* ]]
	tool_back /usr/sbin/update-initramfs
	enforce on
	[ "$status" -eq 0 ]
	[ "$(carried 6.1.0-1 init.conf)$(carried 6.12.3-1 init.conf)" = mode=enforcemode=enforce ]
	recovery 2

	# off goes on with what it can do, and comes to its end the second time.
	tool /usr/sbin/update-initramfs <<<$'#!/bin/sh\nexit 3'
	enforce off
	[ "$status" -eq 3 ]
	[[ $output == *"the recovery entries stay until the rest is done"* ]]
	[ ! -e "$root/etc/ima-init/policy" ]
	recovery 2
	tool_back /usr/sbin/update-initramfs
	enforce off
	[ "$status" -eq 0 ]
	recovery 0
	enforce status
	[ "$status" -eq 0 ]
}

@test "off works when keys, policy, ima-init and initramfs are broken; other settings of init.conf stay" {
	fresh
	printf '# mine\nlockdown=keep\n' >"$root/etc/ima-init/init.conf"
	enforce log
	[ "$status" -eq 0 ]
	[ "$(carried 6.1.0-1 init.conf)" = $'mode=log\n# mine\nlockdown=keep' ]
	echo garbage | tee "$root"/etc/keys/ima{,-ca}/site.der >"$root/etc/ima-init/policy"
	head -c 100 /dev/urandom >"$root/etc/ima-init/policy.sig"
	rm -r "$root"/ima "$root/usr/share/initramfs-tools/hooks/ima-init" "$root/etc/grub.d/42_ima-init"
	head -c 1000000 "$root/boot/initrd.img-6.1.0-1" >"$BATS_TEST_TMPDIR/cut"
	cp "$BATS_TEST_TMPDIR/cut" "$root/boot/initrd.img-6.1.0-1"
	printf 'mode : log\n# mine\nlockdown=keep\n  mode = enforce\n' >"$root/etc/ima-init/init.conf"
	enforce status
	[ "$status" -eq 1 ]
	[[ $output == *"attention  next boot  6.1.0-1: /boot/initrd.img-6.1.0-1: "* ]]
	enforce off
	[ "$status" -eq 0 ]
	run ! carried 6.1.0-1 init
	run ! carried 6.12.3-1 init
	recovery 0
	[ "$(cat "$root/etc/ima-init/init.conf")" = $'# mine\nlockdown=keep' ]
	[ "$(cat "$root/etc/ima-init/policy.off")" = garbage ]
	enforce status
	[ "$status" -eq 0 ]
}

@test "a policy that the kernel wants signed: its signature comes along, and without a good one it is refused" {
	local policy=$BATS_TEST_TMPDIR/policy
	fresh
	cp "$TOP/pkg-ima-init/policies/exec" "$policy"
	echo 'GRUB_CMDLINE_LINUX="quiet ima_policy=secure_boot"' >>"$root/etc/default/grub"
	refused 'has no signature, and the kernel wants one' log --policy "$policy"
	"$PKGIMA" sign --xattr --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" "$policy"
	refused 'its signature is not good' log --policy "$policy"
	"$PKGIMA" sign --xattr --key "$keys/ima.key" --cert "$keys/ima.der" "$policy"
	enforce log --policy "$policy"
	[ "$status" -eq 0 ]
	getfattr --only-values -n security.ima "$policy" >"$BATS_TEST_TMPDIR/value"
	cmp "$BATS_TEST_TMPDIR/value" "$root/etc/ima-init/policy.sig"
	carried 6.1.0-1 policy.sig | cmp - "$BATS_TEST_TMPDIR/value"
	evm_accepts "$keys/ima.der" "$root/etc/ima-init/policy"
	# Another policy does not keep it. A comment does not count.
	sed -i 's/.*secure_boot/# &/' "$root/etc/default/grub"
	enforce log --policy exec-measure
	[ "$status" -eq 0 ]
	[ ! -e "$root/etc/ima-init/policy.sig" ]
	run ! carried 6.1.0-1 policy.sig
	carried 6.12.3-1 policy | cmp - "$TOP/pkg-ima-init/policies/exec-measure"
	# What was switched off comes back.
	enforce off
	enforce log
	[ "$status" -eq 0 ]
	cmp "$root/etc/ima-init/policy" "$TOP/pkg-ima-init/policies/exec-measure"

	# One that a package brings again with its next version stays off all the same.
	mkdir -p "$BATS_TEST_TMPDIR/site/etc/ima-init"
	cp "$TOP/pkg-ima-init/policies/exec" "$BATS_TEST_TMPDIR/site/etc/ima-init/policy"
	make_deb "$BATS_TEST_TMPDIR/site" site
	cp "$BATS_TEST_TMPDIR/site.deb" "$root/root/"
	in_root "$root" dpkg -i /root/site.deb
	enforce off
	[ "$status" -eq 0 ]
	[ "$(cat "$root/etc/ima-init/init.conf")" = mode=off ]
	in_root "$root" dpkg -i /root/site.deb
	[ "$(carried 6.1.0-1 init.conf)" = mode=off ]
	enforce status
	[ "$status" -eq 0 ]
	[[ $output == *"6.1.0-1: enforces nothing, by its initramfs"* ]]
}

loader_entries()
{
	(cd "$root/boot/loader/entries" && printf '%s\n' *)
}

@test "kernel-install: recovery entries for each kernel, in the specification's form, and the initramfs that the loader starts" {
	local version entry mode names
	fresh
	rm -r "$root/boot/grub"
	mkdir -p "$root"/boot/loader/entries "$root"/etc/kernel/install.d
	echo type1 >"$root/boot/loader/entries.srel"
	echo site >"$root/etc/kernel/entry-token"
	echo 'root=/dev/vda ro quiet' >"$root/etc/kernel/cmdline"
	for version in 6.1.0-1 6.12.3-1; do
		in_root "$root" kernel-install add "$version" "/boot/vmlinuz-$version" "/boot/initrd.img-$version"
	done
	names=$(loader_entries)
	[ "$names" = $'site-6.1.0-1.conf\nsite-6.12.3-1.conf' ]

	enforce log
	[ "$status" -eq 0 ]
	[[ $output != *attention* ]]
	for version in 6.1.0-1 6.12.3-1; do
		entry=$root/boot/loader/entries/site-$version.conf
		for mode in log off; do
			# The same kernel and initramfs, one word more, another name, behind all others.
			diff <(grep -vE '^(title|sort-key|options)' "$entry") \
				<(grep -vE '^(title|sort-key|options)' "$root/boot/loader/entries/site-0-ima-init-$mode-$version.conf")
			[ "$(sed -n 's/^options *//p' "$root/boot/loader/entries/site-0-ima-init-$mode-$version.conf")" = \
				"$(sed -n 's/^options *//p' "$entry") ima_init=$mode" ]
			grep -q "^title Recovery: .*(ima_init=$mode): Debian" "$root/boot/loader/entries/site-0-ima-init-$mode-$version.conf"
		done
		run ! grep ima_init "$entry"
		cmp "$root/boot/initrd.img-$version" "$root$(sed -n 's/^initrd *//p' "$entry")"
	done
	[ "$(loader_entries | wc -l)" -eq 6 ]
	enforce status
	[ "$status" -eq 0 ]
	[ "$(grep -c 'next boot .*only logs' <<<"$output")" -eq 4 ]
	[[ $output == *"kernel-install: entries with ima_init=log and ima_init=off in /boot/loader/entries"* ]]

	# They come and go with their kernel.
	in_root "$root" kernel-install remove 6.1.0-1
	[ "$(loader_entries | wc -l)" -eq 3 ]
	in_root "$root" kernel-install add 6.1.0-1 /boot/vmlinuz-6.1.0-1 /boot/initrd.img-6.1.0-1
	[ "$(loader_entries | wc -l)" -eq 6 ]
	# One that is missing is seen.
	rm "$root/boot/loader/entries/site-0-ima-init-off-6.1.0-1.conf"
	enforce status
	[ "$status" -eq 1 ]
	[[ $output == *"attention  recovery   kernel-install: /boot/loader/entries has no entries for recovery"* ]]

	# What the loader starts is what counts: it would still have enforced.
	enforce off
	[ "$status" -eq 0 ]
	[ "$(loader_entries)" = "$names" ]
	[ ! -e "$root/etc/kernel/install.d/95-ima-init.install" ]
	for version in 6.1.0-1 6.12.3-1; do
		cmp "$root/boot/initrd.img-$version" "$root$(sed -n 's/^initrd *//p' "$root/boot/loader/entries/site-$version.conf")"
		run ! carried "$version" init
	done
}

@test "a policy by which the kernel would not verify /ima/latch is refused, where that can be known" {
	local policy=$BATS_TEST_TMPDIR/policy text='no rule has the kernel verify /ima/latch' hook
	fresh
	cp "$root/boot/config-6.1.0-1" "$root/boot/config-$(uname -r)"
	# It is root's, of root's group.
	printf 'appraise func=%s appraise_type=imasig\n' POLICY_CHECK 'BPRM_CHECK fgroup=777' MODULE_CHECK >"$policy"
	cp "$policy" "$root/root/policy"
	before=$(state)
	for verb in log on; do
		run -1 in_root "$root" pkgima enforce "$verb" --policy /root/policy
		[[ $output == *"refused: "*"$text"* ]]
		[ "$(state)" = "$before" ]
	done
	# Another root will be on another file system.
	enforce log --policy "$policy"
	[ "$status" -eq 0 ]
	[[ $output == *"attention: "*"$text"* ]]
	# Whatever the kernel asks for when it executes the program.
	for hook in 'BPRM_CHECK' 'MMAP_CHECK mask=MAY_EXEC' 'FILE_CHECK mask=MAY_EXEC' 'CREDS_CHECK fgroup=0'; do
		printf 'appraise func=%s appraise_type=imasig\n' POLICY_CHECK "$hook" >"$root/root/policy"
		run -0 in_root "$root" pkgima enforce log --policy /root/policy
		[[ $output != *"$text"* ]]
	done
	cp "$policy" "$root/root/policy"
	chgrp 777 "$root/ima/latch"
	run -0 in_root "$root" pkgima enforce log --policy /root/policy
	[[ $output != *"$text"* ]]
	chgrp 0 "$root/ima/latch"
	# A kernel with .ima keeps that anyway.
	echo CONFIG_INTEGRITY_TRUSTED_KEYRING=y | tee -a "$root"/boot/config-* >/dev/null
	run -0 in_root "$root" pkgima enforce log --policy /root/policy
	[[ $output != *"$text"* ]]
}

@test "of the running system: without a known boot loader that is said, and so is what its boot was" {
	fresh
	rm -r "$root/boot/grub"
	# The kernel that runs this is not asked, but one that is as if it ran.
	cp "$root/boot/config-6.1.0-1" "$root/boot/config-$(uname -r)"
	run in_root "$root" pkgima enforce on
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"attention: this boot was not in mode log"* ]]
	[[ $output == *"attention: no boot loader that is known here has a menu"*"ima_init=log or ima_init=off on the kernel command line"* ]]
	mkdir -p "$root/run/pkgima"
	printf 'mode=log\npolicy=log\nkeyring=_ima\nevm=closed\n' >"$root/run/pkgima/state"
	run in_root "$root" pkgima enforce status
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"now        only logged, policy log"* ]]
	[[ $output == *"recovery   no boot loader that is known here"* ]]
	run in_root "$root" pkgima enforce on
	[ "$status" -eq 0 ]
	[[ $output != *"was not in mode log"*  ]]
	printf 'mode=enforce\npolicy=/etc/ima-init/policy\nkeyring=_ima\n' >"$root/run/pkgima/state"
	run -0 in_root "$root" pkgima enforce status
	[[ $output == *"now        enforced, policy /etc/ima-init/policy, keyring _ima"* ]]
	# Not started by ima-init, and a root that is another system's.
	rm "$root/run/pkgima/state"
	run -0 in_root "$root" pkgima enforce status
	[[ $output == *"now        nothing is enforced: ima-init has not started this system"* ]]
}

@test "dracut: its initramfs carries what is set, and after off nothing" {
	root=$BATS_TEST_TMPDIR/root
	"$support/base-root" "$root" systemd-sysv dbus udev kmod keyutils debconf linux-base cpio zstd mount dracut
	cp "$("$support/build-packages")"/ima-init_*.deb "$root/root"
	in_root "$root" sh -c 'dpkg -i /root/ima-init_*.deb'
	mkdir -p "$root/lib/modules" "$root"/etc/keys/ima{,-ca}
	cp -a "$system"/lib/modules/6.1.0-1 "$root/lib/modules"
	cp -a "$system"/boot/{vmlinuz,config}-6.1.0-1 "$root/boot"
	cp "$keys/ima.der" "$root/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$root/etc/keys/ima-ca/site.der"
	enforce log
	[ "$status" -eq 0 ]
	[ "$(carried 6.1.0-1 init.conf)" = mode=log ]
	carried 6.1.0-1 policy | cmp - "$TOP/pkg-ima-init/policies/exec"
	enforce status
	[ "$status" -eq 0 ]
	[[ $output == *"6.1.0-1: only logs, by its initramfs"* ]]
	enforce off
	[ "$status" -eq 0 ]
	run ! carried 6.1.0-1 init
}
