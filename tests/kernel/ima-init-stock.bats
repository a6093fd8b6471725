#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# ima-init on Debian's own kernels, which have no keyring .ima: rings, switches, EVM with a keyring of its own, and that
# every policy is one for them. Without an initramfs of ours: the runner's ends in init=/ima/init of the root.

load helpers
load ima-init

setup_file()
{
	require_kernel uml
	require_kernel 6.1
	require make dpkg dpkg-deb dpkg-buildpackage getfattr
	export dir=$BATS_FILE_TMPDIR leaf=$BATS_FILE_TMPDIR/keys/leaf rogue=$BATS_FILE_TMPDIR/keys/rogue
	export seed=$BATS_FILE_TMPDIR/seed
	make_site
	make_init_root "$seed"
	make_ca_leaf "$dir/keys/both" "$leaf"
	cp "$rogue.der" "$seed/etc/keys/ima/rogue.der"
	ln -s busybox "$seed/bin/grep"
	ln -s busybox "$seed/bin/ls"
	# What every machine is asked.
	init_script "$seed" <<-'END'
		try signed; try unsigned; try rogue
		state
		grep ' _ca: \| _ima: \| _evm: \| _evmca: ' /proc/keys
		for value in 0x80000002 2; do echo "$value" >/sys/kernel/security/evm && echo "EVM took $value"; done
		echo "evm $(cat /sys/kernel/security/evm)"
		echo "kexec $(cat /proc/sys/kernel/kexec_load_disabled)"
		echo "lockdown $(cat /sys/kernel/security/lockdown)"
		echo "modules $(cat /sys/module/module/parameters/sig_enforce)"
		ls /sys/kernel/security/ima/policy
	END
}

setup()
{
	root=$BATS_TEST_TMPDIR/root
	cp -a "$seed" "$root"
}

# Every rule of each policy is taken; none of them becomes the policy, since the last rule is none.
every_policy_is_one()
{
	cat >"$1/test/script" <<-'END'
		for policy in /usr/share/ima-init/policies/*; do
			taken=0 refused=0
			exec 3>/sys/kernel/security/ima/policy
			while IFS= read -r rule; do
				case $rule in
				'#'* | '') continue ;;
				esac
				if echo "$rule" >&3; then taken=$((taken + 1)); else refused=$((refused + 1)); echo "refused: $rule"; fi
			done <"$policy"
			echo none >&3 || echo "${policy##*/}: $taken taken, $refused refused"
			exec 3>&-
		done
	END
	start "$2" "$1" 'quiet ima_init=off'
	ended "exit"
	for policy in "$TOP"/pkg-ima-init/policies/*; do
		grep -qxF "${policy##*/}: $(grep -c '^[^#]' "$policy") taken, 0 refused" <<<"$output"
	done
	[ "$(grep -c ' taken, ' <<<"$output")" -eq 6 ]
}

stock_boot()
{
	local release
	require_kernel "$1"
	release=$(cat "$("$kernel_tests/fetch-stock" "$1")/version")
	mkdir -p "$root/lib/modules/$release/kernel/lib"
	: >"$root/lib/modules/$release/kernel/lib/crc7.ko.xz"
	cp "$TOP/pkg-ima-init/policies/exec-measure" "$root/etc/ima-init/policy"
	start "$1" "$root" "quiet"
	ended "exit"
	denies
	for line in mode=enforce policy=/etc/ima-init/policy keyring=_ima evm=closed; do
		[[ $output == *"state $line"* ]]
	done
	[[ $output == *" _ca: 1"* ]]
	[[ $output == *" _ima: 1"* ]]
	[[ $output != *"EVM took"* ]]
	[[ $output == *"evm 0"* ]]
	[[ $output == *"kexec 1"* ]]
	[[ $output == *"lockdown none [integrity] confidentiality"* ]]
	[[ $output == *"modules Y"* ]]
	[[ $output == *"/sys/kernel/security/ima/policy: No such file"* ]]
	said "certificate not loaded: /etc/keys/ima/rogue.der: no CA certificate of the kernel's has issued it"
	said 'enforce, policy /etc/ima-init/policy, 1 keys; starting /sbin/init'
	# Nothing but what was planted is denied, ima-init's own steps included.
	run ! grep -aE 'type=1800 .* res=0' <(grep -avE 'name="/(unsigned|rogue)/echo"' "$log")
}

@test "6.1: rings, EVM, switches, policy, latch" {
	stock_boot 6.1
}

@test "6.12: the same, with a certificate that has CA:TRUE: the restriction of a keyring does not look" {
	cp "$dir/keys/both.der" "$root/etc/keys/ima/site.der"
	stock_boot 6.12
	grep -aq 'ima-init: /etc/keys/ima/site.der: loaded' "$log"
}

@test "6.1: each switch can be left; a module that is not compressed is left to the policy" {
	local modules
	modules=$root/lib/modules/$(cat "$("$kernel_tests/fetch-stock" 6.1)/version")/kernel/lib
	mkdir -p "$modules"
	: >"$modules/crc7.ko.xz"
	start 6.1 "$root" "quiet ima_init.modules=keep"
	ended "exit"
	denies
	[[ $output == *"kexec 1"* ]]
	[[ $output == *"lockdown none [integrity] confidentiality"* ]]
	[[ $output == *"modules N"* ]]
	mv "$modules/crc7.ko.xz" "$modules/crc7.ko"
	start 6.1 "$root" "quiet ima_init.kexec=keep ima_init.lockdown=keep"
	ended "exit"
	denies
	[[ $output == *"kexec 0"* ]]
	[[ $output == *"lockdown [none] integrity confidentiality"* ]]
	[[ $output == *"modules N"* ]]
}

@test "6.1: every policy of ours is one, rule by rule" {
	every_policy_is_one "$root" 6.1
}

@test "6.12: every policy of ours is one, rule by rule" {
	require_kernel 6.12
	every_policy_is_one "$root" 6.12
}

@test "6.1: nothing to restrict the keyring to, or no key: the boot stops, but in mode log" {
	rm "$root"/etc/keys/ima-ca/*
	start 6.1 "$root" "quiet"
	stopped_with 'there is no CA certificate: /etc/keys/ima-ca'
	start 6.1 "$root" "quiet ima_init=log"
	ended "exit"
	[[ $output == *"unsigned ran"*"state mode=log"*"evm 0"*"kexec 0"*"[none]"* ]]
	[[ $output != *"EVM took"* ]]
	cp "$dir/keys/ca.der" "$root/etc/keys/ima-ca/"
	echo none >"$root/etc/keys/ima-ca/none.der"
	rm "$root"/etc/keys/ima/site.der
	start 6.1 "$root" "quiet"
	stopped_with 'there is no key to verify files with: keyring _ima, certificates /etc/keys/ima/*.der'
	said 'CA certificate not loaded: /etc/keys/ima-ca/none.der: the kernel cannot parse it'
}

# policies N: so many policies the kernel had taken, by what it says without "quiet".
policies()
{
	[ "$(grep -ac 'policy update completed' "$log")" -eq "$1" ]
}

@test "6.1: no latch, or a proof that would show nothing: the boot stops" {
	setfattr -x security.ima "$root/ima/latch"
	start 6.1 "$root" ""
	stopped_with 'the keyring is not in use: /ima/latch: Permission denied'
	policies 1
	evmctl_sign "$leaf" "$root/ima/latch"
	ln -f "$root/ima/latch" "$root/ima/proof"
	start 6.1 "$root" ""
	stopped_with 'signed programs do not run: /ima/proof is the same file as /ima/latch'
	policies 1
}

@test "6.1: a policy that covers some group's files only has to cover the latch; then these are verified in all sessions" {
	printf 'appraise func=%s fgroup=777 appraise_type=imasig\n' BPRM_CHECK 'MMAP_CHECK mask=MAY_EXEC' >"$root/etc/ima-init/policy"
	chgrp 777 "$root"/{signed,rogue}/echo
	start 6.1 "$root" ""
	stopped_with 'the keyring is not in use: /ima/latch ran, but no rule of the policy had it verified by _ima'
	policies 1
	chgrp 777 "$root/ima/latch" "$root/ima/proof"
	start 6.1 "$root" "quiet"
	ended "exit"
	[[ $output == *"signed ran"*"unsigned ran"*"rogue: 126"*"state mode=log"* ]]
	# Where the kernel verifies nothing at all that was said, and is no failure of the policy.
	echo 'appraise func=BPRM_CHECK appraise_type=imasig' >"$root/etc/ima-init/policy"
	start 6.1 "$root" "quiet ima_appraise=off"
	ended "exit"
	[[ $output == *"unsigned ran"*"rogue ran"*"state mode=log"* ]]
	said 'the kernel only logs what the policy would deny'
	# Of the two the latch is what counts.
	echo 'appraise func=BPRM_CHECK fgroup=777 appraise_type=imasig' >"$root/etc/ima-init/policy"
	chgrp 0 "$root/ima/latch"
	start 6.1 "$root" ""
	stopped_with 'the keyring is not in use: /ima/latch ran'
}

@test "6.1: before latch and proof run all is closed and the policy is in force; the state is written after them" {
	local name
	for name in latch proof; do
		cat >"$root/ima/$name" <<-'END'
			#!/bin/busybox sh
			bb=/bin/busybox
			/unsigned/echo && exit 10
			[ ! -e /sys/kernel/security/ima/policy ] || exit 11
			for value in 0x80000002 2; do echo "$value" >/sys/kernel/security/evm && exit 12; done
			[ "$($bb cat /proc/sys/kernel/kexec_load_disabled)" = 1 ] || exit 13
			$bb grep -qF '[integrity]' /sys/kernel/security/lockdown || exit 14
			[ ! -e /run/pkgima/state ] || exit 15
			echo "looked around" >/dev/kmsg
		END
		chmod 755 "$root/ima/$name"
		evmctl_sign "$leaf" "$root/ima/$name"
	done
	start 6.1 "$root" "quiet"
	ended "exit"
	denies
	[[ $output == *"state mode=enforce"* ]]
	[ "$(grep -ac 'looked around' "$log")" -eq 2 ]
}

# withheld WHAT [WORDS]: the boot, with something withheld from ima-init.
withheld()
{
	[ -e "$root/withhold" ] || "${CC:-gcc}" -O2 -Wall -Wextra -Werror -static -o "$root/withhold" "$kernel_tests/withhold.c"
	start 6.1 "$root" "withhold=$*" --init /withhold
}

# stopped_before_the_policy TEXT: as stopped_with, and without a policy: what has to be closed first was not.
stopped_before_the_policy()
{
	stopped_with "$1"
	policies 0
}

# go_on_with TEXT: said, and the machine enforces.
go_on_with()
{
	ended "exit"
	said "$1"
	denies
	[[ $output == *"state mode=enforce"* ]]
}

@test "6.1: what the kernel does not let ima-init do, row by row: the boot stops, or goes on and enforces" {
	local release
	release=$(cat "$("$kernel_tests/fetch-stock" 6.1)/version")
	mkdir -p "$root/lib/modules/$release/kernel/lib"
	: >"$root/lib/modules/$release/kernel/lib/crc7.ko.xz"
	withheld session
	stopped_before_the_policy 'no session keyring of its own: Quota exceeded'
	withheld session quiet ima_init=log
	ended "exit"
	said 'no session keyring of its own: Quota exceeded'
	[[ $output == *"unsigned ran"*"state mode=log"* ]]
	withheld ring
	stopped_before_the_policy 'cannot make and restrict a keyring: _ca: Quota exceeded'
	withheld kexec
	stopped_before_the_policy 'kexec_load cannot be turned off: Read-only file system'
	withheld lockdown
	stopped_before_the_policy 'the kernel cannot be locked down: Read-only file system'
	withheld evm
	stopped_before_the_policy 'EVM cannot be closed: Read-only file system'
	withheld sig_enforce quiet
	go_on_with 'module signatures cannot be enforced: Read-only file system'
	withheld detach quiet
	go_on_with 'cannot detach the file system that ima-init came from: /run/ima-init: Resource busy'
	said "the policy's signature cannot be set"
	withheld policy
	stopped_before_the_policy 'the kernel does not take the policy: rule 2 was taken in part'
	withheld closed quiet
	ended "exit"
	denies
	[[ $output == *"state evm=closed"* ]]
	withheld fault quiet
	ended stopped
	said 'fault in ima-init itself'
	withheld fault quiet ima_init=log
	ended stopped
	said 'fault in ima-init itself'
}

# in_table NAME: "NAME: WHAT" in the output, and that is what SECURITY.md's table says of NAME.
in_table()
{
	local said
	said=$(sed -n "s/^$1: //p" <<<"$output")
	came_out "$(bypass_table | sed -n "s/^$1|//p")" "$said"
}

# left_to_the_policy KERNEL WORDS NAME: what ima-init-boot.bats does not try with this kernel, or with none. NAME is the
# table's for FUSE with WORDS on the kernel command line.
left_to_the_policy()
{
	local stock word
	require_kernel "$1"
	stock=$("$kernel_tests/fetch-stock" "$1")
	"${CC:-gcc}" -std=gnu11 -O2 -Wall -Wextra -Werror -static -o "$root/bin/bypass" "$kernel_tests/bypass.c"
	for word in fine ran!; do
		"${CC:-gcc}" -O2 -static -nostdlib -no-pie -fno-stack-protector "-DWORD=\"$word\"" -o "$root/bin/${word%!}" \
			"$kernel_tests/program.c"
	done
	# A module in 6.1; built in later.
	dpkg-deb --fsys-tarfile "$stock/package.deb" | tar -xO --wildcards '*/fs/fuse/fuse.ko' >"$root/fuse.ko" 2>/dev/null || :
	cp "$stock/vmlinuz" "$root/kernel"
	cp "$stock/vmlinuz" "$root/unsigned/kernel"
	head -c 100000 /dev/urandom | tee "$root/initrd" >"$root/unsigned/initrd"
	evmctl_sign "$leaf" "$root/bin/bypass" "$root/bin/fine" "$root/fuse.ko" "$root/kernel" "$root/initrd"
	init_script "$root" <<-END
		[ ! -s /fuse.ko ] || /bin/busybox insmod /fuse.ko
		/bin/busybox mkdir /fuse
		state
		said() { while read -r line; do words="\$words\$line "; done; echo "\$words"; }
		echo "kexec left to the policy: \$(bypass kexec /kernel /unsigned/initrd | said)"
		echo "unsigned kernel: \$(bypass kexec /unsigned/kernel /initrd | said)"
		echo "both signed: \$(bypass kexec /kernel /initrd | said)"
		echo "$3: \$(bypass fuse /bin/fine /bin/ran /fuse | said)"
		echo "kexec \$(cat /proc/sys/kernel/kexec_load_disabled)"
	END
	start "$1" "$root" "quiet ima_init.kexec=keep ima_init.lockdown=keep $2"
	ended "exit"
	[[ $output == *"state mode=enforce"* ]]
	[[ $output == *"kexec 0"* ]]
	in_table 'kexec left to the policy'
	[[ $output == *"kexec left to the policy: file: Permission denied, memory: Permission denied "* ]]
	[[ $output == *"unsigned kernel: file: Permission denied, memory: Permission denied "* ]]
	[[ $output == *"both signed: ran file: Success, memory: Permission denied "* ]]
	for word in kernel initrd; do
		grep -aE "type=1800 .* cause=IMA-signature-required .*name=\"/unsigned/$word\" .* res=0" "$log"
	done
	in_table "$3"
}

@test "6.1: kexec left to the policy, and FUSE with fail_securely, are what the bypass table says" {
	left_to_the_policy 6.1 ima_policy=fail_securely 'FUSE, with ima_policy=fail_securely'
}

@test "6.12: kexec left to the policy, and FUSE, are what the bypass table says" {
	left_to_the_policy 6.12 '' 'FUSE content that changes'
}

# evm_keys: a CA for EVM and a certificate by it, made with openssl, in $dir/keys.
evm_keys()
{
	(
		cd "$dir/keys"
		openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=EVM CA' -keyout evmca.key -out evmca.pem \
			-config <(printf '[req]\ndistinguished_name=dn\nx509_extensions=e\n[dn]\n[e]\n%s\n%s\n%s\n' \
				'basicConstraints=critical,CA:TRUE' 'keyUsage=critical,keyCertSign' 'subjectKeyIdentifier=hash')
		openssl x509 -in evmca.pem -outform DER -out evmca.der
	) 2>/dev/null
	make_leaf "$dir/keys/evm" "$dir/keys/evmca.pem" "$dir/keys/evmca.key"
	# The site's own CA is none for EVM.
	make_leaf "$dir/keys/notevm" "$dir/keys/ca.pem" "$dir/keys/ca.key"
}

# evm_sign NAME FILE...: a portable signature of content and metadata, beside the one of the content.
evm_sign()
{
	local name=$1 file
	for file in "${@:2}"; do
		chown 0:0 "$file"
		evmctl sign --portable --hashalgo sha256 --key "$dir/keys/$name.key" --keyid-from-cert "$dir/keys/$name.pem" \
			"$file" >/dev/null
	done
}

# All that runs but /signed, and /other by a key that the kernel does not have.
evm_sign_all()
{
	evm_sign evm "$root"/{both,chmod}/echo "$root/sbin/init" "$root"/bin/{busybox,setxattr} "$root"/ima/{latch,proof}
	evm_sign notevm "$root/other/echo"
}

evm_root()
{
	evm_keys
	mkdir -p "$root/etc/keys/evm" "$root/etc/keys/evm-ca" "$root"/{both,other,chmod}
	cp "$dir/keys/evm.der" "$dir/keys/notevm.der" "$root/etc/keys/evm"
	cp "$dir/keys/evmca.der" "$root/etc/keys/evm-ca"
	for word in both other chmod; do
		cp --preserve=xattr "$root/signed/echo" "$root/$word/echo"
		chmod 755 "$root/$word/echo"
	done
	# busybox has no setfattr.
	gcc -O -static -o "$root/bin/setxattr" -x c - <<-'END'
		#include <string.h>
		#include <sys/xattr.h>
		int main(int argc, char **argv)
		{
			static const char hash[34] = { 4, 4 };
			return argc != 2 || setxattr(argv[1], "security.ima", hash, sizeof(hash), 0) != 0;
		}
	END
	evmctl_sign "$leaf" "$root/bin/setxattr"
	evm_sign_all
	chmod 777 "$root/chmod/echo"
	ln -s busybox "$root/bin/touch"
	ln -s busybox "$root/bin/chmod"
	init_script "$root" <<-'END'
		try both; try signed; try other; try chmod; try unsigned
		state
		for value in 0x80000002 2 4; do echo "$value" >/sys/kernel/security/evm && echo "EVM took $value"; done
		echo "evm $(cat /sys/kernel/security/evm)"
		# As an installation does it.
		touch /new && setxattr /new && echo "xattr set"
		chmod 700 /both/echo || echo "frozen"
		grep ' _evm: \| _evmca: ' /proc/keys
	END
}

# What only EVM, in use with this key, brings about.
metadata_is_verified()
{
	ended "exit"
	[[ $output == *"both ran"* ]]
	for word in signed other chmod unsigned; do
		[[ $output == *"$word: 126"* ]]
		[[ $output != *"$word ran"* ]]
	done
	[[ $output == *"state evm=verifies"* ]]
	[[ $output == *"evm 2"* ]]
	[[ $output != *"EVM took"* ]]
	[[ $output == *"xattr set"* ]]
	[[ $output == *frozen* ]]
}

# evm_boot KERNEL: one without a keyring for EVM.
evm_boot()
{
	require_kernel "$1"
	evm_root
	start "$1" "$root" "quiet"
	metadata_is_verified
	[[ $output == *" _evmca: 1"* ]]
	[[ $output == *" _evm: 1"* ]]
	said "certificate for EVM not loaded: /etc/keys/evm/notevm.der: no CA certificate of the kernel's has issued it"
}

@test "6.1: with a CA and a certificate for EVM metadata is verified, and it is closed" {
	evm_boot 6.1
}

@test "6.1: the same from an initramfs, which brings the CA; EVM that was closed before, without verifying, stops the boot" {
	evm_root
	withheld root quiet
	metadata_is_verified
	[[ $output == *"state policy=/run/ima-init/policy"*"state started=initramfs"* ]]
	withheld closed
	stopped_before_the_policy 'EVM cannot be closed: Operation not permitted'
}

@test "6.12: with a CA and a certificate for EVM metadata is verified, and it is closed" {
	evm_boot 6.12
}

@test "6.1: a CA for EVM without a certificate stops the boot" {
	evm_root
	rm "$root/etc/keys/evm/evm.der"
	echo none >"$root/etc/keys/evm-ca/none.der"
	start 6.1 "$root" "quiet"
	stopped_with 'there is no key to verify metadata with: keyring _evm, certificates /etc/keys/evm/*.der'
	said 'CA certificate for EVM not loaded: /etc/keys/evm-ca/none.der: the kernel cannot parse it'
}

@test "uml: with a certificate in .evm metadata is verified, and it is closed" {
	evm_root
	# There the CA is the kernel's.
	cp "$leaf.der" "$root/etc/keys/evm/evm.der"
	cp "$leaf".key "$dir/keys/evm.key"
	cp "$leaf".pem "$dir/keys/evm.pem"
	make_leaf "$dir/keys/notevm"
	chmod 755 "$root/chmod/echo"
	evm_sign_all
	chmod 777 "$root/chmod/echo"
	start uml "$root" "quiet"
	metadata_is_verified
}

@test "uml: every policy of ours can be loaded, and does what it says" {
	echo setting >"$root/unsigned/conf"
	for policy in exec exec-measure all all-measure log log-measure; do
		cp "$TOP/pkg-ima-init/policies/$policy" "$root/etc/ima-init/policy"
		evmctl_sign "$leaf" "$root/etc/ima-init/policy"
		init_script "$root" <<-'END'
			try signed; try unsigned
			state
			echo "dpkg $(cat /run/pkgima/dpkg.cfg 2>&1)"
			cat /unsigned/conf || echo "conf: $?"
			echo "measured $(grep -c 'boot_aggregate\|/signed/echo' /sys/kernel/security/ima/ascii_runtime_measurements)"
		END
		case $policy in
		all*)
			# As a labelling pass leaves it.
			find "$root" -xdev -type f ! -path "$root/unsigned/*" | while read -r file; do
				getfattr --absolute-names -n security.ima "$file" >/dev/null 2>&1 ||
					evmctl ima_hash --hashalgo sha256 "$file" >/dev/null
			done
			;;
		esac
		start uml "$root" "quiet"
		ended "exit"
		[[ $output == *"signed ran"* ]]
		case $policy in
		log*) [[ $output == *"unsigned ran"*"state mode=log"*"No such file"*setting* ]] ;;
		exec*) [[ $output == *"unsigned: 126"*"state mode=enforce"*"No such file"*setting* ]] ;;
		all*) [[ $output == *"unsigned: 126"*"state mode=enforce"*"dpkg force-unsafe-io"*"conf: 1"* ]] ;;
		esac
		case $policy in
		*-measure) grep -qx 'measured 2' <<<"$output" ;;
		*) grep -qx 'measured [01]' <<<"$output" ;;
		esac
		[[ $policy != log* ]] || grep -aq 'type=1805 .*/unsigned/echo' "$log"
	done
}

@test "uml: a policy ends what ima_policy=tcb measures; with exec-measure programs, modules and keys go on being measured" {
	local policy word often
	cp "$("$kernel_tests/build-uml")/modules/crc7.ko" "$root/crc7.ko"
	make_leaf "$BATS_TEST_TMPDIR/later" "$dir/keys/ca.pem" "$dir/keys/ca.key"
	cp "$BATS_TEST_TMPDIR/later.der" "$root/later.der"
	# busybox has no keyctl.
	"${CC:-gcc}" -O2 -Wall -Wextra -Werror -static -o "$root/bin/add" -x c - <<-'END'
		#include <stdlib.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			static char der[4096];
			ssize_t length = read(0, der, sizeof(der));
			return argc != 2 || syscall(SYS_add_key, "asymmetric", "later", der, length, strtol(argv[1], NULL, 16)) < 0;
		}
	END
	evmctl_sign "$leaf" "$root/bin/add" "$root/crc7.ko"
	init_script "$root" <<-'END'
		list=/sys/kernel/security/ima/ascii_runtime_measurements
		keys() { grep -c ' ima-buf sha256:[0-9a-f]* \.ima ' "$list"; }
		state
		before=$(keys)
		try signed
		/bin/busybox insmod /crc7.ko && echo "module loaded"
		while read -r id rest; do
			case $rest in *' .ima: '*) add "$id" </later.der && echo "key added" ;; esac
		done </proc/keys
		for file in /ima/init /signed/echo /crc7.ko; do echo "$file $(grep -c " $file " "$list")"; done
		echo "keys $(($(keys) - before))"
	END
	for policy in exec exec-measure; do
		cp "$TOP/pkg-ima-init/policies/$policy" "$root/etc/ima-init/policy"
		evmctl_sign "$leaf" "$root/etc/ima-init/policy"
		start uml "$root" "quiet ima_policy=tcb"
		ended "exit"
		[[ $output == *"state mode=enforce"*"signed ran"*"module loaded"*"key added"* ]]
		# From before the policy.
		grep -qx '/ima/init 1' <<<"$output"
		case $policy in
		*-measure) often=1 ;;
		*) often=0 ;;
		esac
		for word in /signed/echo /crc7.ko keys; do
			grep -qx "$word $often" <<<"$output"
		done
	done
}
