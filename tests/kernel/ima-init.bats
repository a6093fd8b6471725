#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# ima-init without an initramfs, on a kernel that has the site's CA built in, loads the certificate from the root, and
# appraises all of root's files until the policy is loaded: the boot, and each of its parts broken.

load helpers
load ima-init

setup_file()
{
	require_kernel uml
	require make dpkg dpkg-deb dpkg-buildpackage getfattr
	export dir=$BATS_FILE_TMPDIR leaf=$BATS_FILE_TMPDIR/keys/leaf rogue=$BATS_FILE_TMPDIR/keys/rogue
	export seed=$BATS_FILE_TMPDIR/seed
	make_site
	make_init_root "$seed"
	init_script "$seed" <<-'END'
		try signed; try unsigned; try rogue
		state
		echo 0x80000002 2>/dev/null >/sys/kernel/security/evm && echo "EVM took it"
		exit 0
	END
}

setup()
{
	require_kernel uml
	root=$BATS_TEST_TMPDIR/root
	cp -a "$seed" "$root"
}

@test "installed from its package: each file has the package's signature, which evmctl accepts" {
	for file in "$seed"/ima/{init,latch,proof} "$seed"/etc/ima-init/policy "$seed"/etc/keys/x509_ima.der \
		"$seed"/usr/share/ima-init/policies/*; do
		evmctl ima_verify --key "$leaf.der" "$file" 2>&1 | grep 'verification is OK'
	done
	[ "$(dpkg-query --admindir="$seed/var/lib/dpkg" -W -f '${db:Status-Status}' ima-init)" = installed ]
	[ ! -e "$seed/etc/ima/ima-policy" ]
}

@test "the boot: certificate by the kernel, policy by path, state, EVM closed, arguments and environment kept" {
	cp "$leaf.der" "$root/etc/keys/ima/site.der"
	evmctl_sign "$leaf" "$root/etc/keys/ima/site.der"
	init_script "$root" <<-'END'
		try signed; try unsigned; try rogue
		state
		while read -r rule; do echo "rule $rule"; done </sys/kernel/security/ima/policy
		for value in 0x80000002 2 1; do
			echo "$value" >/sys/kernel/security/evm && echo "EVM took $value"
		done
		echo "evm $(cat /sys/kernel/security/evm)"
		# A second policy: unsigned text, and an unsigned file.
		echo 'audit func=BPRM_CHECK' >/sys/kernel/security/ima/policy && echo "policy took text"
		echo 'dont_appraise fsmagic=0x01021994' >/run/policy
		echo /run/policy >/sys/kernel/security/ima/policy && echo "policy took a path"
		cat /proc/1/cmdline | tr '\0' ' '; echo
		tr '\0' '\n' </proc/1/environ | grep given
		grep -c ' /run tmpfs .*noexec' /proc/mounts
		cat /proc/sys/kernel/kexec_load_disabled 2>/dev/null || echo "no kexec"
	END
	ln -s busybox "$root/bin/tr"
	ln -s busybox "$root/bin/grep"
	start uml "$root" "$tcb quiet given=kept argument"
	ended "exit"
	denies
	grep -aq "integrity: Loaded X.509 cert 'leaf:" "$log"
	grep -aq 'ima-init: /etc/keys/ima/site.der: loaded' "$log"
	id=$(openssl x509 -in "$leaf.pem" -noout -ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' | tail -c 9 | tr A-F a-f)
	for line in mode=enforce policy=/etc/ima-init/policy keyring=.ima "key=$id" evm=closed; do
		[[ $output == *"state $line"* ]]
	done
	diff <(grep -E '^[^#]' "$TOP/pkg-ima-init/policies/exec") <(sed -n 's/^rule \(.*[^ ]\) *$/\1/p' <<<"$output")
	[[ $output != *took* ]]
	[[ $output == *"evm 0"* ]]
	[[ $output == *"/sbin/init argument"* ]]
	[[ $output == *"given=kept"* ]]
	# One line, whatever the console is set to.
	said 'enforce, policy /etc/ima-init/policy, 1 keys; starting /sbin/init'
	[ "$(grep -ac ima-init: "$console")" -eq 1 ]
}

@test "another real init: ima_init.exec=, and /etc/ima-init/init.conf" {
	mv "$root/sbin/init" "$root/sbin/other"
	start uml "$root" "$tcb ima_init.exec=/sbin/other"
	ended "exit"
	denies
	printf '# a comment\nexec = /sbin/other\nlockdown=keep\nunknown=1\n' >"$root/etc/ima-init/init.conf"
	evmctl_sign "$leaf" "$root/etc/ima-init/init.conf"
	start uml "$root" "$tcb"
	ended "exit"
	denies
	said 'settings not as they should be: unknown: unknown setting'
	# What the kernel does not let be read does not count; then there is no /sbin/init.
	setfattr -x security.ima "$root/etc/ima-init/init.conf"
	start uml "$root" "$tcb"
	stopped_with 'cannot start the real init: /sbin/init: No such file or directory'
	said 'settings not as they should be: cannot open /etc/ima-init/init.conf: Permission denied'
}

# The kernel itself does not run it.
kernel_refuses()
{
	start uml "$1" "$tcb"
	ended panic
	[ "$status" -eq 125 ]
	[[ $output == *"Requested init /ima/init failed (error -13)"* ]]
}

@test "the boot from a root that is mounted to be read only, as certs/kernel.md has it" {
	ln -s busybox "$root/bin/grep"
	init_script "$root" <<-'END'
		try signed; try unsigned; try rogue
		state
		grep ' / ' /proc/mounts
	END
	start uml "$root" "$tcb quiet ro"
	ended "exit"
	denies
	grep ' / ext4 ro,' <<<"$output"
	[[ $output == *"state mode=enforce"*"state policy=/etc/ima-init/policy"*"state started=root"* ]]
	run ! grep -a 'ima-init: cannot' "$console"
}

@test "a kernel that wants a signed policy without a word about it, as under Secure Boot: by path, in mode log too" {
	"${CC:-gcc}" -O2 -Wall -Wextra -Werror -static -o "$root/withhold" "$kernel_tests/withhold.c"
	start uml "$root" "ima_policy=secure_boot withhold=cmdline" --init /withhold
	ended "exit"
	denies
	[[ $output == *"state policy=/etc/ima-init/policy"* ]]
	# It was tried by text.
	grep -a 'signed policy file' "$log"
	start uml "$root" "ima_policy=secure_boot withhold=cmdline ima_init=log" --init /withhold
	ended "exit"
	[[ $output == *"unsigned ran"*"state mode=log"*"state policy=log"* ]]
	grep -a 'signed policy file' "$log"
	setfattr -x security.ima "$root/etc/ima-init/policy"
	start uml "$root" "ima_policy=secure_boot withhold=cmdline" --init /withhold
	stopped_with 'the kernel does not take the policy: /etc/ima-init/policy has no valid signature'
}

@test "certificate missing, or not by the CA: the kernel does not run ima-init" {
	rm "$root/etc/keys/x509_ima.der"
	kernel_refuses "$root"
	cp "$rogue.der" "$root/etc/keys/x509_ima.der"
	kernel_refuses "$root"
	grep -aq 'integrity: Problem loading X.509 certificate -126' "$console"
}

@test "certificate with CA:TRUE: of another key, the kernel does not run ima-init; of the key, 6.1 does not look" {
	openssl genpkey -algorithm RSA -out "$BATS_TEST_TMPDIR/other.key" 2>/dev/null
	make_ca_leaf "$BATS_TEST_TMPDIR/other" "$BATS_TEST_TMPDIR/other"
	cp "$BATS_TEST_TMPDIR/other.der" "$root/etc/keys/x509_ima.der"
	kernel_refuses "$root"
	make_ca_leaf "$BATS_TEST_TMPDIR/same" "$leaf"
	cp "$BATS_TEST_TMPDIR/same.der" "$root/etc/keys/x509_ima.der"
	start uml "$root" "$tcb"
	ended "exit"
	denies
}

@test "ima-init unsigned: the kernel does not run it" {
	setfattr -x security.ima "$root/ima/init"
	kernel_refuses "$root"
}

@test "policy unsigned, changed, or with an error: the boot stops, whoever signed it" {
	policy=$root/etc/ima-init/policy
	setfattr -x security.ima "$policy"
	start uml "$root" "$tcb"
	stopped_with 'the policy cannot be read: cannot open /etc/ima-init/policy: Permission denied'
	evmctl_sign "$rogue" "$policy"
	start uml "$root" "$tcb"
	stopped_with 'the policy cannot be read: cannot open /etc/ima-init/policy: Permission denied'
	echo 'appraise func=BPRM_CHECK nonsense=1' >>"$policy"
	evmctl_sign "$leaf" "$policy"
	start uml "$root" "$tcb"
	stopped_with 'the kernel does not take the policy: /etc/ima-init/policy: Invalid argument'
	printf 'appraise func=BPRM_CHECK' >"$policy"
	evmctl_sign "$leaf" "$policy"
	start uml "$root" "$tcb"
	stopped_with 'the policy cannot be read: /etc/ima-init/policy: no line feed at its end'
	# Recovery: with what is broken as it is.
	start uml "$root" "$tcb ima_init=log"
	ended "exit"
	[[ $output == *"unsigned ran"*"rogue ran"*"state mode=log"*"state policy=log"* ]]
}

@test "policy where the kernel wants no signature: as text; with an error, and with a path in it" {
	policy=$root/etc/ima-init/policy
	setfattr -x security.ima "$policy"
	start uml "$root" "quiet"
	ended "exit"
	denies
	run ! grep -a 'signed policy file' "$log"
	printf 'appraise func=POLICY_CHECK appraise_type=imasig\nappraise func=BPRM_CHECK nonsense=1\n' >"$policy"
	start uml "$root" "quiet"
	stopped_with 'the kernel does not take the policy: rule 2: Invalid argument'
	printf '# a\n\n/etc/passwd\n' >"$policy"
	start uml "$root" "quiet"
	stopped_with 'line 3 is a path, not a rule'
	start uml "$root" "quiet ima_init=log"
	ended "exit"
	said 'log, policy log, 1 keys; starting /sbin/init'
}

@test "policy missing: without enforce having been said the boot goes on with the kernel's own; with it, it stops" {
	rm "$root/etc/ima-init/policy"
	start uml "$root" "$tcb"
	ended "exit"
	denies
	said 'there is no policy, and none was asked for: /etc/ima-init/policy'
	[[ $output == *"state mode=enforce"* ]]
	start uml "$root" "ima_appraise=enforce"
	ended "exit"
	[[ $output == *"unsigned ran"*"state mode=off"* ]]
	start uml "$root" "$tcb ima_init=enforce"
	stopped_with 'there is no policy: /etc/ima-init/policy'
}

@test "a policy that appraises nothing: where enforce was said the boot stops" {
	cp --preserve=xattr "$root/usr/share/ima-init/policies/log" "$root/etc/ima-init/policy"
	start uml "$root" "$tcb"
	ended "exit"
	[[ $output == *"unsigned ran"*"state mode=log"*"state policy=/etc/ima-init/policy"* ]]
	start uml "$root" "$tcb ima_init=enforce"
	stopped_with 'the policy appraises nothing: /etc/ima-init/policy'
}

@test "real init unsigned: the boot stops, in each mode in which it is denied" {
	setfattr -x security.ima "$root/sbin/init"
	start uml "$root" "$tcb"
	stopped_with 'cannot start the real init: /sbin/init: Permission denied'
	start uml "$root" "$tcb ima_init=off"
	stopped_with 'cannot start the real init: /sbin/init: Permission denied'
}

@test "panic=: when the boot stops the machine waits, and says so again, or starts again after a while" {
	rm "$root/sbin/init"
	start uml "$root" "$tcb quiet panic=2" --timeout 20
	stopped_with 'cannot start the real init'
	start uml "$root" "$tcb quiet panic=0" --timeout 30
	ended timeout
	[ "$(grep -ac 'cannot start the real init: .*the boot stops' "$console")" -ge 2 ]
}

@test "no proof: the programs for it missing, unsigned, without end, or one too large" {
	cp -a "$root" "$root.2"
	setfattr -x security.ima "$root/ima/proof"
	start uml "$root" "$tcb"
	stopped_with 'signed programs do not run: /ima/proof: Permission denied'
	rm "$root/ima/proof"
	start uml "$root" "$tcb"
	stopped_with 'signed programs do not run: /ima/proof: No such file or directory'
	truncate -s 20G "$root/ima/proof"
	start uml "$root" "$tcb"
	stopped_with 'signed programs do not run: /ima/proof is too large'
	printf '#!/bin/busybox sh\nwhile :; do :; done\n' >"$root.2/ima/proof"
	chmod 755 "$root.2/ima/proof"
	evmctl_sign "$leaf" "$root.2/ima/proof"
	start uml "$root.2" "$tcb" --timeout 40
	stopped_with 'signed programs do not run: /ima/proof did not end'
	# What the kernel has to read for it counts, too.
	printf '#!/large\n' >"$root.2/ima/proof"
	evmctl_sign "$leaf" "$root.2/ima/proof"
	truncate -s 1000G "$root.2/large"
	chmod 755 "$root.2/large"
	start uml "$root.2" "$tcb" --timeout 40 --size 500M
	stopped_with 'signed programs do not run: /ima/proof did not end'
}

@test "recovery: ima_init=off boots plainly, =log denies nothing; words that are none are named" {
	start uml "$root" "quiet ima_init=off"
	ended "exit"
	[[ $output == *"unsigned ran"*"rogue ran"*"state mode=off"*"state keyring="*"state evm=closed"* ]]
	start uml "$root" "quiet ima_init=of ima_init.kexec=no ima_init.colour=blue"
	ended "exit"
	denies
	said 'ima_init=of: unknown value'
	said 'word on the kernel command line ignored: ima_init.kexec=no: unknown value'
	said 'ima_init.colour=blue: unknown setting'
	# ima_appraise= of the kernel's own: then hooks must not take the machine for one that enforces.
	start uml "$root" "quiet ima_appraise=log"
	ended "exit"
	[[ $output == *"unsigned ran"*"state mode=log"* ]]
	said 'the kernel only logs what the policy would deny'
}

@test "a build that lets nothing weaken it: off, log and keep do not count, and there has to be a policy" {
	make -s -C "$TOP" O="$BATS_TEST_TMPDIR/build" INIT_RECOVERY=no "$BATS_TEST_TMPDIR/build/ima-init" >/dev/null
	cp "$BATS_TEST_TMPDIR/build/ima-init" "$root/ima/init"
	evmctl_sign "$leaf" "$root/ima/init"
	start uml "$root" "$tcb ima_init=off ima_init=log ima_init.kexec=keep"
	ended "exit"
	denies
	[[ $output == *"state mode=enforce"* ]]
	for word in ima_init=off ima_init=log ima_init.kexec=keep; do
		said "$word: this build of ima-init lets nothing weaken it"
	done
	rm "$root/etc/ima-init/policy"
	start uml "$root" "$tcb ima_init=log"
	stopped_with 'there is no policy: /etc/ima-init/policy'
}

@test "a trust store full of what is none: 50 certificates are loaded, the rest is named, nothing hangs" {
	local folder=$root/etc/keys/ima
	for n in $(seq 50); do
		make_leaf "$BATS_TEST_TMPDIR/many$n" "$dir/keys/ca.pem" "$dir/keys/ca.key" &
		((n % 8)) || wait
		cp "$BATS_TEST_TMPDIR/many$n.der" "$folder/" 2>/dev/null || :
	done
	wait
	cp "$BATS_TEST_TMPDIR"/many*.der "$folder/"
	head -c 200 "$leaf.der" >"$folder/truncated.der"
	: >"$folder/empty.der"
	head -c 5000 /dev/urandom >"$folder/noise.der"
	cp "$rogue.der" "$folder/rogue.der"
	evmctl_sign "$leaf" "$folder"/{many*,truncated,noise,rogue}.der
	"$PKGIMA" sign --xattr --key "$leaf.key" --cert "$leaf.der" "$folder/empty.der"
	cp "$leaf.der" "$folder/unsigned.der"
	mkdir "$folder/folder.der"
	mkfifo "$folder/fifo.der"
	mknod "$folder/device.der" c 5 1
	ln -s loop.der "$folder/loop.der"
	ln -s /etc/keys/ima-ca/site.der "$folder/link.der"
	truncate -s 100G "$folder/huge.der"
	cp "$leaf.der" "$folder/$(printf 'x\033[31m%0230d' 0).der"
	cp "$leaf.der" "$folder/.hidden.der"
	echo no >"$folder/README"
	start uml "$root" "$tcb quiet" --size 900M
	echo "$output" >"$BATS_TEST_TMPDIR/output"
	ended "exit"
	denies
	said 'enforce, policy /etc/ima-init/policy, 51 keys; starting /sbin/init'
	for line in 'truncated.der: the kernel cannot parse it' 'empty.der: ' 'noise.der: the kernel cannot parse it' \
		"rogue.der: no CA certificate of the kernel's has issued it" \
		'cannot open /etc/keys/ima/unsigned.der: Permission denied' 'folder.der: no regular file' \
		'fifo.der: no regular file' 'device.der: no regular file' 'loop.der: no regular file' \
		'link.der: no regular file' 'huge.der: 107374182400 bytes, at most 65536 are accepted' \
		'cannot open /etc/keys/ima/x\033[31m000'; do
		said "certificate not loaded: "
		said "$line"
	done
	[ "$(grep -ac 'certificate not loaded' "$console")" -eq 12 ]
	run ! grep -a -e hidden -e README "$console"
	# What hooks read has lines of less than 200 bytes, which is all that inih takes.
	[ "$(grep -c '^state key=[0-9a-f]\{8\}$' "$BATS_TEST_TMPDIR/output")" -eq 51 ]
}

@test "a trust store that is a file, a fifo or a loop: certificates of the kernel's remain" {
	local folder=$root/etc/keys/ima
	rm -r "$folder"
	echo file >"$folder"
	start uml "$root" "$tcb"
	ended "exit"
	denies
	said 'certificate not loaded: /etc/keys/ima: Not a directory'
	rm "$folder"
	ln -s ima "$folder"
	start uml "$root" "$tcb"
	ended "exit"
	said 'certificate not loaded: /etc/keys/ima: Symbolic link loop'
}

@test "settings and policy that are no files, or huge: said, and nothing hangs" {
	mkfifo "$root/etc/ima-init/init.conf"
	start uml "$root" "$tcb"
	ended "exit"
	denies
	said 'settings not as they should be: /etc/ima-init/init.conf: no regular file'
	for make in 'mkfifo' 'mkdir' 'ln -s policy' 'truncate -s 100G'; do
		rm -rf "$root/etc/ima-init/policy"
		$make "$root/etc/ima-init/policy"
		start uml "$root" "$tcb" --size 500M
		stopped_with 'the policy cannot be read: /etc/ima-init/policy: '
	done
	said '107374182400 bytes, at most 262144 are accepted'
}

@test "the root's folders missing or in the way: /run a file, no /sys; nothing is silent" {
	rmdir "$root/run" 2>/dev/null || :
	: >"$root/run"
	start uml "$root" "$tcb quiet"
	said 'cannot mount: tmpfs on /run'
	said 'cannot leave the state in /run/pkgima'
	said 'enforce, policy /etc/ima-init/policy'
	rm "$root/run"
	: >"$root/sys"
	start uml "$root" "$tcb quiet"
	stopped_with 'EVM cannot be closed: Not a directory'
	said 'cannot mount: sysfs on /sys'
	start uml "$root" "$tcb quiet ima_init=log" || :
	said 'EVM cannot be closed: Not a directory'
	said 'the kernel does not take the policy: '
	said 'enforce, policy none, 1 keys; starting /sbin/init'
	# A folder that leads nowhere is no kernel without EVM.
	ln -sf nowhere "$root/sys"
	start uml "$root" "$tcb quiet"
	stopped_with 'EVM cannot be closed: No such file or directory'
	for word in off log; do
		start uml "$root" "$tcb quiet ima_init=$word" || :
		said 'EVM cannot be closed: No such file or directory'
		said "; starting /sbin/init"
	done
	rm "$root/sys"
	: >"$root/proc"
	# There is no telling what panic= says: it waits.
	start uml "$root" "$tcb quiet" --timeout 20
	ended timeout
	said 'cannot mount /proc: Not a directory; the boot stops'
}

@test "only what is below /ima is signed: with a policy that asks for no more, an unsigned real init runs" {
	mkdir "$root"/ima/{bin,etc,lib}
	cp "$(command -v busybox)" "$root/ima/bin/echo"
	printf '#!/ima/bin/sh\necho "the script ran"\n' >"$root/ima/bin/script"
	cp "$(command -v busybox)" "$root/ima/bin/sh"
	echo setting >"$root/ima/etc/conf"
	"${CC:-gcc}" -O2 -Wall -Wextra -Werror -static -o "$root/ima/bin/bypass" "$kernel_tests/bypass.c"
	"${CC:-gcc}" -shared -fPIC -o "$root/ima/lib/signed.so" -x c - <<<'int one(void) { return 1; }'
	cp "$root/ima/lib/signed.so" "$root/ima/lib/unsigned.so"
	cp "$root/ima/lib/signed.so" "$root/test/library.so"
	chmod 755 "$root"/ima/bin/*
	cat >"$root/etc/ima-init/policy" <<-'END'
		appraise func=POLICY_CHECK appraise_type=imasig
		appraise func=BPRM_CHECK fgroup=777 appraise_type=imasig
		appraise func=MMAP_CHECK mask=MAY_EXEC fgroup=777 appraise_type=imasig
		appraise func=FILE_CHECK fgroup=777 appraise_type=imasig
	END
	evmctl_sign "$leaf" "$root/etc/ima-init/policy" "$root"/ima/bin/* "$root/ima/etc/conf" \
		"$root/ima/lib/signed.so"
	cp -a "$root/ima/bin/echo" "$root/ima/bin/changed"
	printf Z | dd of="$root/ima/bin/changed" bs=1 seek=4000 conv=notrunc status=none
	cp --no-preserve=xattr "$root/ima/etc/conf" "$root/ima/etc/unsigned"
	chgrp -R 777 "$root/ima"
	# Nothing else is.
	setfattr -x security.ima "$root/sbin/init"
	setfattr -x security.ima "$root/bin/busybox"
	cat >"$root/test/script" <<-'END'
		/unsigned/echo unsigned ran
		/ima/bin/echo signed ran
		/ima/bin/script
		cat /ima/etc/conf
		/ima/bin/changed changed ran || echo "changed: $?"
		cat /ima/etc/unsigned || echo "conf: $?"
		for library in /ima/lib/signed.so /ima/lib/unsigned.so /test/library.so; do
			echo "$library $(/ima/bin/bypass map $library)"
		done
		while read -r line; do echo "state $line"; done </run/pkgima/state
	END
	start uml "$root" "$tcb quiet"
	ended "exit"
	for line in 'unsigned ran' 'signed ran' 'the script ran' setting 'changed: 126' 'conf: 1' 'state mode=log' \
		'state policy=/etc/ima-init/policy' \
		'/ima/lib/signed.so ran' '/test/library.so ran'; do
		grep -qxF "$line" <<<"$output"
	done
	# It cannot even be opened.
	[[ $output == *"/ima/lib/unsigned.so mmap: "* ]]
	[[ $output != *"changed ran"* ]]
	said 'log, policy /etc/ima-init/policy, 1 keys; starting /sbin/init'
}

# Page faults that the first process had when /faults, a program that says so, begins.
faults()
{
	sed -n 's/.*faults \([0-9]*\).*/\1/p' "$console"
}

@test "it is small: hardly more pages are touched than without it" {
	local without
	"${CC:-gcc}" -O2 -Wall -Wextra -Werror -static -o "$root/faults" -x c - <<-'END'
		#include <stdio.h>
		#include <sys/resource.h>
		#include <unistd.h>
		int main(void)
		{
			struct rusage usage;
			getrusage(RUSAGE_SELF, &usage);
			printf("faults %ld\n", usage.ru_minflt);
			fflush(stdout);
			return execl("/sbin/init", "init", NULL);
		}
	END
	evmctl_sign "$leaf" "$root/faults"
	console=$BATS_TEST_TMPDIR/without
	boot uml "$root" - --init /faults --append "$tcb quiet" --console "$console"
	without=$(faults)
	start uml "$root" "$tcb quiet ima_init.exec=/faults"
	ended "exit"
	denies
	echo "with ima-init $(faults) faults, without $without"
	# It has some 50; linked with glibc it has 117.
	[ $(($(faults) - without)) -lt 90 ]
}

@test "x86-64: the same boot under qemu, without an initramfs; ima-init unsigned, and the policy" {
	require_kernel 6.1
	cp "$leaf.der" "$root/etc/keys/ima/site.der"
	evmctl_sign "$leaf" "$root/etc/keys/ima/site.der"
	start x86 "$root" "$tcb quiet"
	ended "exit"
	denies
	grep -aq "integrity: Loaded X.509 cert 'leaf:" "$log"
	for line in mode=enforce policy=/etc/ima-init/policy keyring=.ima evm=closed; do
		[[ $output == *"state $line"* ]]
	done
	setfattr -x security.ima "$root/etc/ima-init/policy"
	start x86 "$root" "$tcb quiet"
	stopped_with 'the policy cannot be read: cannot open /etc/ima-init/policy: Permission denied'
	setfattr -x security.ima "$root/ima/init"
	start x86 "$root" "$tcb"
	ended panic
	[[ $output == *"Requested init /ima/init failed (error -13)"* ]]
}
