#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# From the first boot to a retired key, on a system all of whose files rpm has installed, from packages that a site has signed:
# its kernel enforces, a second key comes, rpm and dnf replace everything by what that key has signed, the first key is retired,
# the machine is started again, rpm removes ima-init, and it is started once more. ima-init and the plugin are from rpm.spec; the initramfs is made by dracut.
# shellcheck disable=SC2016 # scripts for other shells

load helpers
load ../package/helpers
load ../package/rpm
load rehearsal-rpm

kernel=6.12

setup_file()
{
	require_kernel $kernel
	require mmdebstrap rpmbuild rpm rpm2cpio createrepo_c unshare getfattr
	export PKGIMA_BUILD=${PKGIMA_BUILD:-$TOP/build}
	export keys=$BATS_FILE_TMPDIR/keys root=$BATS_FILE_TMPDIR/root packages=$BATS_FILE_TMPDIR/packages
	export seed=$BATS_FILE_TMPDIR/seed lists=$BATS_FILE_TMPDIR/lists image=$BATS_FILE_TMPDIR/image
	make_keys "$keys"
	"$PKGIMA" keygen --type ima --name 'Second IMA' --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys/second"
	make_packages
	install_system "$root"
	make_machine
	rm -rf --one-file-system "$root" "$seed"
	first_boot
}

# $packages: the system in version 1, signed by the first key. $BATS_FILE_TMPDIR/repo: what replaces it, by the second.
make_packages()
{
	local own repo=$BATS_FILE_TMPDIR/repo name
	mkdir "$packages" "$repo"
	own=$("$support/build-rpms")
	make_seed "$seed"
	split_seed "$seed" "$BATS_FILE_TMPDIR/files"
	cp "$own"/1/{pkgima,rpm-plugin-pkgima,ima-init}.rpm "$packages"
	# What pkgima's own packages ask for is in files of "rest" and "rpm".
	rpm -qp --requires "$packages"/*.rpm | grep -v '^rpmlib(' | sort -u | sed 's/ >= / = /' >"$BATS_FILE_TMPDIR/wanted"
	# shellcheck disable=SC2086 # a list of names
	build_system "$seed" 1 $upgraded kernel rest
	simple_rpm site-policy "$TOP/pkg-ima-init/policies/exec" /etc/ima-init/policy
	simple_rpm tool "$seed/usr/bin/true" /usr/bin/tool
	# The same without a new version.
	cp "$packages"/*.rpm "$repo"
	change_seed "$seed"
	# shellcheck disable=SC2086
	packages=$repo build_system "$seed" 2 $upgraded
	packages=$repo simple_rpm second-key "$keys/second/ima.der" /etc/keys/ima/second.der
	cp "$seed/usr/bin/true" "$BATS_FILE_TMPDIR/other"
	printf 'other' >>"$BATS_FILE_TMPDIR/other"
	packages=$repo simple_rpm unsigned "$BATS_FILE_TMPDIR/other" /usr/bin/unsigned
	for name in $upgraded; do
		rm "$repo/$name-1.rpm"
	done
	mv "$repo/unsigned-1.rpm" "$BATS_FILE_TMPDIR"
	# A new key comes in a package that the old one has signed; later that one is replaced, too.
	cp "$repo/second-key-1.rpm" "$BATS_FILE_TMPDIR"
	sign_with "$keys/ima" "$packages"
	sign_with "$keys/ima" "$BATS_FILE_TMPDIR/second-key-1.rpm"
	sign_with "$keys/second/ima" "$repo"
	mv "$BATS_FILE_TMPDIR/unsigned-1.rpm" "$repo"
	createrepo_c -q "$repo"
}

# $image and $image.initrd: the machine, with the repository, an unsigned program, and one that the first key has signed and
# nobody has installed.
make_machine()
{
	mkdir -p "$root/srv" "$root/opt/planted"
	cp -r "$BATS_FILE_TMPDIR/repo" "$BATS_FILE_TMPDIR/second-key-1.rpm" "$root/srv"
	cp "$root/usr/bin/true" "$root/opt/planted/unsigned"
	setfattr -x security.ima "$root/opt/planted/unsigned" 2>/dev/null || :
	cp "$root/usr/bin/true" "$root/opt/planted/old"
	cp "$root/usr/bin/true" "$root/opt/planted/old-again"
	sign --xattr "$root/opt/planted/old" "$root/opt/planted/old-again" >/dev/null
	rm "$root/dev/null"
	cp "$(find "$root/boot" -name 'initr*' ! -name '*.old')" "$image.initrd"
	mke2fs -q -F -t ext4 -m 0 -d "$root" "$image" "$(($(du -sm "$root" | cut -f1) * 5 / 4 + 700))M"
}

# What all scripts for the machine begin with: steps whose failure is what is wanted are those of refused and denied.
prelude()
{
	cat <<-END
		old=$(openssl x509 -in "$keys/ima.pem" -noout -ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' | tail -c 9 | tr A-F a-f)
		new=$(openssl x509 -in "$keys/second/ima.pem" -noout -ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' | tail -c 9 |
			tr A-F a-f)
	END
	cat <<-'END'
		export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
		repo=/srv/repo
		step() { what=$1; shift; "$@" </dev/null; echo "STEP $what: $?"; }
		refused() { ! "$@"; }
		denied() { "$@"; [ $? -eq 126 ]; }
		nothing() { [ -z "$("$@")" ]; }
		version() { [ "$(rpm -q --qf '%{VERSION}\n' "${@:2}" | sort -u)" = "$1" ]; }
		key() { grep -qx "key=$1" /run/pkgima/state; }
		enforced()
		{
			step 'state' grep -qx mode=enforce /run/pkgima/state
			step 'system' systemctl is-system-running --wait
			step 'multi-user.target' systemctl is-active multi-user.target
			step 'no unit has failed' nothing systemctl --failed --no-legend
			step 'unsigned denied' denied /opt/planted/unsigned
		}
	END
}

first_script()
{
	prelude
	cat <<-'END'
		enforced
		step 'first key' key $old
		step 'signed by the first' /opt/planted/old
		step 'all is well' pkgima audit
		step 'unsigned refused by rpm' refused rpm -U $repo/unsigned-1.rpm
		step 'key and its users refused' refused rpm -U /srv/second-key-1.rpm $repo/tool-1.rpm $repo/libc6-2.rpm
		step 'the key alone' rpm -U /srv/second-key-1.rpm
		step 'not retired, what it has signed is installed' refused pkgima keys retire $old
		step 'rpm -U' rpm -U $repo/libc6-2.rpm $repo/bash-2.rpm $repo/coreutils-2.rpm $repo/dash-2.rpm
		step 'version 2' version 2 libc6 bash coreutils dash
		step 'unsigned refused by dnf' refused dnf -y -q install unsigned
		step 'dnf upgrade' dnf -y upgrade
		step 'all in version 2' version 2 libc6 bash coreutils dash systemd python rpm dnf
		pkgima audit --key-id $old --packages >/root/old
		sed 's/^/OLD /' /root/old
		step 'dnf reinstall' dnf -y reinstall $(cat /root/old)
		step 'nothing of the first key is left' nothing pkgima audit --key-id $old --packages
		step 'retired' pkgima keys retire $old
		step 'signed by the first denied' denied /opt/planted/old-again
		printf x >>/usr/bin/tool
		step 'tampered denied' denied /usr/bin/tool
		step 'installed again' dnf -y reinstall tool
		step 'tool' tool
		step 'all is well again' pkgima audit
		enforced
		sync
	END
}

second_script()
{
	prelude
	cat <<-'END'
		enforced
		step 'second key' key $new
		step 'not the first' refused key $old
		step 'signed by the first denied' denied /opt/planted/old
		step 'tool' tool
		step 'rpm' rpm -V --nomtime libc6 bash coreutils dash
		step 'dnf has nothing to do' dnf -y upgrade
		step 'all is well' pkgima audit
		# What asks for its module by name has to go first: dracut makes nothing without it.
		sed -i 's/ ima-init / /' /etc/dracut.conf.d/site.conf
		step 'rpm -e ima-init' rpm -e ima-init
		step '/ima is gone' refused test -e /ima
		step 'unsigned still denied' denied /opt/planted/unsigned
		sync
	END
}

third_script()
{
	prelude
	cat <<-'END'
		step 'nobody has enforced' refused test -e /run/pkgima/state
		step 'system' systemctl is-system-running --wait
		step 'multi-user.target' systemctl is-active multi-user.target
		step 'no unit has failed' nothing systemctl --failed --no-legend
		step 'unsigned' /opt/planted/unsigned
		step 'ima-init is gone' refused rpm -q ima-init
	END
}

# start IMAGE INITRD SCRIPT NAME [OPTION...]: boots to multi-user.target; what came out is in $BATS_FILE_TMPDIR/NAME.*.
start()
{
	local out=$BATS_FILE_TMPDIR/$4
	boot $kernel "$1" "$3" --initrd "$2" --init /sbin/init --shell /bin/bash --smp 2 --mem 2048M --timeout 900 \
		--console "$out.console" --kmsg "$out.kmsg" --audit "$out.audit" --result "$out.result" \
		--append 'quiet ima_appraise=enforce' "${@:5}" >"$out.out" || :
}

first_boot()
{
	first_script >"$BATS_FILE_TMPDIR/script"
	start "$image" "$image.initrd" "$BATS_FILE_TMPDIR/script" first --save-image "$image.second"
}

# all_well NAME COUNT: so many steps were taken, and none has failed.
all_well()
{
	cat "$BATS_FILE_TMPDIR/$1.result" "$BATS_FILE_TMPDIR/$1.out"
	grep -a 'ima-init: ' "$BATS_FILE_TMPDIR/$1.console" || :
	grep -qx 'exit 0' "$BATS_FILE_TMPDIR/$1.result"
	[ "$(grep -ac '^STEP ' "$BATS_FILE_TMPDIR/$1.out")" -eq "$2" ]
	run ! grep -aE '^STEP .*: [1-9]' "$BATS_FILE_TMPDIR/$1.out"
}

# denied_are NAME PATH:COUNT...: what the kernel has denied, and how often.
denied_are()
{
	local log=$BATS_FILE_TMPDIR/$1.audit
	grep -E 'type=1800 .* res=0' "$log" || :
	diff <(printf '%s\n' "${@:2}" | sort) <(grep -E 'type=1800 .* res=0' "$log" | sed 's/.*name="\([^"]*\)".*/\1/' | sort |
		uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/\2:\1/')
}

# again IMAGE INITRD: the machine as it was left, ready for another script; its initramfs becomes INITRD.
again()
{
	local made
	made=$(debugfs -R 'ls -p /boot' "$1" 2>/dev/null | cut -d / -f 6 | grep '^initr' | head -n 1)
	debugfs -R "dump /boot/$made $2" "$1" 2>/dev/null
	# A script that is there already would be run instead. What is in the journal would undo its removal.
	e2fsck -p "$1" || [ $? -eq 1 ]
	debugfs -w -R 'rm /test/script' "$1" 2>/dev/null
}

@test "every file of every package carries its signature from rpm's installation on; dracut has put ima-init into the initramfs" {
	grep -E 'pkgima: ([0-9]+) of \1 packages are signed, .* none refused' "$BATS_FILE_TMPDIR/install.log"
	grep -E 'pkgima: 2 of 2 packages are signed' "$BATS_FILE_TMPDIR/later.log"
	cpio -t --quiet <"$image.initrd" 2>/dev/null | grep -E 'usr/lib/ima-init/(init|policy|ca/)'
}

@test "enforced: refusals, a second key in a run of its own, rpm -U and dnf upgrade of libc6, shells, systemd, rpm and dnf, the first key retired" {
	all_well first 30
	grep -q 'unsigned.*: refused, since this system enforces signatures' "$BATS_FILE_TMPDIR/first.out"
	grep -q 'second-key.*install .* first' "$BATS_FILE_TMPDIR/first.out"
	# What the first key had still signed was all but those of version 2.
	diff <(sed -n 's/^OLD \(.*\)-[^-]*-[^-]*$/\1/p' "$BATS_FILE_TMPDIR/first.out" | sort) \
		<(printf '%s\n' ima-init kernel pkgima rest rpm-plugin-pkgima site-policy second-key tool | sort)
	denied_are first /opt/planted/unsigned:2 /opt/planted/old-again:1 /usr/bin/tool:1
}

@test "started again, from the initramfs that was made on the machine: the first key does not come back; rpm removes ima-init" {
	again "$image.second" "$BATS_TEST_TMPDIR/initrd"
	# It was made anew, when ima-init was installed again.
	run ! cmp -s "$image.initrd" "$BATS_TEST_TMPDIR/initrd"
	second_script >"$BATS_TEST_TMPDIR/script"
	start "$image.second" "$BATS_TEST_TMPDIR/initrd" "$BATS_TEST_TMPDIR/script" second --save-image "$image.third"
	all_well second 15
	denied_are second /opt/planted/unsigned:2 /opt/planted/old:1
}

@test "without ima-init the machine starts, from an initramfs that was made without it, and enforces nothing" {
	again "$image.third" "$BATS_TEST_TMPDIR/initrd"
	grep -a 'dracut' "$BATS_FILE_TMPDIR/second.out" || :
	cpio -t --quiet <"$BATS_TEST_TMPDIR/initrd" >"$BATS_TEST_TMPDIR/files" 2>/dev/null
	grep -qx usr/bin/mount "$BATS_TEST_TMPDIR/files"
	run ! grep -E 'ima-init|etc/keys' "$BATS_TEST_TMPDIR/files"
	echo "$output"
	third_script >"$BATS_TEST_TMPDIR/script"
	start "$image.third" "$BATS_TEST_TMPDIR/initrd" "$BATS_TEST_TMPDIR/script" third
	all_well third 6
	run -1 grep -E 'type=1800 .* res=0' "$BATS_FILE_TMPDIR/third.audit"
}
