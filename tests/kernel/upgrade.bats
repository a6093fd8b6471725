#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Packages are installed, upgraded and removed while the kernel enforces signatures, by apt and by plain dpkg; and
# machines lose their power in the middle of it.
# shellcheck disable=SC2016 # scripts for other shells

load helpers
load ../package/helpers
load upgrade

setup_file()
{
	local ca
	require_kernel uml
	require mmdebstrap apt-ftparchive dpkg-buildpackage unshare e2fsck mount getfattr
	ca=$("$kernel_tests/build-uml")
	export keys=$BATS_FILE_TMPDIR/keys root=$BATS_FILE_TMPDIR/root image=$BATS_FILE_TMPDIR/image
	# That CA is built into the UML kernel.
	mkdir "$keys"
	cp "$ca"/ca.{key,pem,der} "$keys"
	"$PKGIMA" keygen --type ima --name 'Site IMA' --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys"
	make_signed_root
	make_image
	rm -rf --one-file-system "$root"
	everything >"$BATS_FILE_TMPDIR/everything"
}

setup()
{
	out=$BATS_TEST_TMPDIR/out audit=$BATS_TEST_TMPDIR/audit
}

# The life of a package, and the system's own ones, by apt and then, with the diversion, by dpkg: 22 steps.
everything()
{
	prelude
	cat <<-'END'
		planted
		step 'apt install' apt install tool=1
		step 'version 1' works 1
		step 'apt upgrade' apt upgrade
		step 'version 2' works 2
		step 'apt downgrade' apt install --allow-downgrades tool=1
		step 'version 1 again' works 1
		step 'apt reinstall' apt install --reinstall libc6 libselinux1 dash tar dpkg coreutils tool=1
		step 'apt remove' apt remove tool
		step 'apt purge' apt purge tool
		step 'apt diversion' apt install dpkg-ima-divert
		step 'dpkg install' dpkg -i /repo/tool_1.deb
		step 'version 1 by dpkg' works 1
		step 'dpkg upgrade' dpkg -i /repo/tool_2.deb
		step 'version 2 by dpkg' works 2
		step 'dpkg downgrade' dpkg -i /repo/tool_1.deb
		step 'version 1 again by dpkg' works 1
		step 'dpkg reinstall' dpkg -i /repo/libselinux1_* /repo/libc6_* /repo/dash_* /repo/tar_* /repo/dpkg_* \
			/repo/coreutils_* /repo/tool_1.deb
		step 'dpkg remove' dpkg -r tool
		step 'dpkg purge' dpkg -P tool
		step consistent consistent
		planted
	END
}

enforced()
{
	require_kernel "$1"
	boot "$1" "$image" "$BATS_FILE_TMPDIR/everything" --append ima_appraise=enforce --timeout 900 \
		--audit "$audit" >"$out" || :
	cat "$out"
	all_well "$out" 22
	only_planted_denied "$audit" 2
}

@test "6.1: install, upgrade, downgrade, reinstall, remove and purge by apt and by dpkg: nothing is denied" {
	enforced 6.1
}

@test "6.12: install, upgrade, downgrade, reinstall, remove and purge by apt and by dpkg: nothing is denied" {
	enforced 6.12
}

@test "6.12: the same without the backend fails" {
	local what
	require_kernel 6.12
	# The trigger is still there.
	sed -e "/'apt diversion'/d" -e '1i rm /etc/apt/apt.conf.d/20dpkg-ima' "$BATS_FILE_TMPDIR/everything" \
		>"$BATS_TEST_TMPDIR/script"
	boot 6.12 "$image" "$BATS_TEST_TMPDIR/script" --append ima_appraise=enforce --timeout 900 --audit "$audit" >"$out" || :
	cat "$out"
	denials "$audit"
	for what in 'apt install' 'version 1' 'apt upgrade' 'apt reinstall' 'dpkg install' 'dpkg upgrade' 'dpkg reinstall' \
		consistent; do
		grep -q "^STEP $what: [1-9]" "$out"
	done
	grep -q 'type=1800 .*name="/var/lib/dpkg/tmp.ci/preinst".* res=0' "$audit"
}

tcb='ima_appraise=enforce ima_policy=appraise_tcb'

@test "uml, SIGNED_INIT, appraise_tcb and then a policy: the same, and dpkg-ima itself is upgraded and removed" {
	{
		cat "$BATS_FILE_TMPDIR/everything"
		cat <<-'END'
			step 'apt own' apt install --reinstall pkgima dpkg-ima dpkg-ima-divert
			step 'dpkg own' dpkg -i /repo/dpkg-ima-divert_* /repo/dpkg-ima_* /repo/pkgima_*
			step 'dpkg behind' dpkg -i /repo/tool_2.deb
			step 'diversion removed' dpkg -P dpkg-ima-divert
			step 'apt behind' apt install --allow-downgrades tool=1
			step 'version 1 behind' works 1
			step 'dpkg-ima removed' dpkg -P dpkg-ima
			step 'consistent behind' consistent
			planted
		END
	} >"$BATS_TEST_TMPDIR/script"
	boot uml "$image" "$BATS_TEST_TMPDIR/script" --init /ima/init --append "$tcb" --timeout 240 \
		--audit "$audit" >"$out" || :
	cat "$out"
	all_well "$out" 31
	only_planted_denied "$audit" 3
	# The kernel took the certificate by its hook, and the policy as a file that it has appraised.
	grep -q "integrity: Loaded X.509 cert 'Site IMA:" "$audit"
	grep -q 'type=1802 .*op=policy_update cause=completed .*res=1' "$audit"
}

@test "uml: debconf cannot run config scripts ahead of dpkg, where they are unsigned, and asks when dpkg configures" {
	{
		prelude
		cat <<-'END'
			step 'ask in advance' apt install --no-install-recommends apt-utils
			step install apt install asks
			step 'asked once, by dpkg' sh -c '[ "$(cat /run/asked)" = /var/lib/dpkg/info/asks.config ]'
			step answered grep -qx given /run/answer
			step consistent consistent
		END
	} >"$BATS_TEST_TMPDIR/script"
	boot uml "$image" "$BATS_TEST_TMPDIR/script" --init /ima/init --append "$tcb" --timeout 120 --audit "$audit" >"$out" || :
	cat "$out"
	all_well "$out" 5
	denials "$audit"
	[ "$(denials "$audit" | wc -l)" -ge 1 ]
	run ! grep -v 'name="/var/cache/debconf/tmp.ci/' < <(denials "$audit")
}

# A machine with a second disk on /opt, on which nothing is read without a signature.
file_check()
{
	local id=8d7f6c1e-4a53-4b0e-9d2c-3f1a5e6b7c80
	mke2fs -q -F -t ext4 -U "$id" "$BATS_TEST_TMPDIR/opt" 64M
	{
		prelude
		echo "id=$id"
		cat <<-'END'
			PATH=$backend:$PATH
			mount /dev/ubdc /opt
			# After appraise_tcb the kernel takes rules from files only.
			echo "appraise func=FILE_CHECK fsuuid=$id appraise_type=imasig" >/run/policy
			echo /run/policy >/sys/kernel/security/ima/policy
			count() { getfattr --absolute-names -n security.ima /opt/data/* | grep -c ^security; }
			signed() { cat /opt/data/* >/dev/null && [ "$(count)" -eq 20 ]; }
			clean() { [ -z "$(find /opt /var/lib/dpkg -name '*.dpkg-*')" ]; }
			unread() { echo text >/opt/new && ! cat /opt/new; }
			version() { [ "$(/opt/data/data)" = "data, version $1" ]; }
			step 'nothing is read unsigned' unread
			step 'setting there' test -e /run/pkgima/dpkg.cfg
		END
		cat
	} >"$BATS_TEST_TMPDIR/script"
	boot uml "$image" "$BATS_TEST_TMPDIR/script" --init /ima/init --timeout 120 --audit "$audit" \
		--append "$tcb ubd2=$BATS_TEST_TMPDIR/opt" >"$out" || :
	cat "$out"
	# The backend tries to read what dpkg has just written, and then gives it its signature first.
	run ! grep -vE 'comm="dpkg-deb" name="/opt/data/[a-z0-9]*\.dpkg-new"|comm="cat" name="/opt/new"' < <(denials "$audit")
}

@test "uml, FILE_CHECK on /opt: the first run is refused once, with the word to do it again" {
	file_check <<-'END'
		step 'first run' dpkg -i /repo/data_1.deb
		step 'nothing left' clean
		step 'not installed' sh -c '! dpkg -s data | grep "^Status: .* installed"'
		step 'setting there now' grep -qx force-unsafe-io /run/pkgima/dpkg.cfg
		step 'second run' dpkg -i /repo/data_1.deb
		step 'version 1' version 1
		step 'signed 1' signed
		step 'upgrade' apt install data=2
		step 'version 2' version 2
		step 'signed 2' signed
		step 'nothing left again' clean
		step 'others' dpkg -i /repo/tool_1.deb /repo/dash_*
		step 'purge' dpkg -P data
		step 'consistent' consistent
	END
	[ "$(steps "$out" | grep -c .)" -eq 16 ]
	[ "$(steps "$out" | grep -v ': 0$')" = $'setting there: 1\nfirst run: 1' ]
	[ "$(grep -c 'do it again' "$out")" -eq 1 ]
}

@test "uml, FILE_CHECK on /opt: with the setting from the start the first run works" {
	file_check <<-'END'
		mkdir -p /run/pkgima
		echo force-unsafe-io >/run/pkgima/dpkg.cfg
		step 'first run' dpkg -i /repo/data_1.deb
		step 'version 1' version 1
		step 'signed 1' signed
		step 'upgrade' dpkg -i /repo/data_2.deb
		step 'version 2' version 2
		step 'signed 2' signed
		step 'nothing left' clean
		step 'consistent' consistent
	END
	[ "$(steps "$out" | grep -c .)" -eq 10 ]
	[ "$(steps "$out" | grep -v ': 0$')" = 'setting there: 1' ]
	run ! grep 'do it again' "$out"
}

# Packages whose files all differ are upgraded, and with them ones that everything needs.
archives='/more/many_2.deb tool_2.deb libselinux1_* libc6_* dash_*'

# pull_plug SECONDS IMAGE: kills a machine that many seconds after it has begun; what its disk has then is IMAGE.
pull_plug()
{
	local folder=$BATS_TEST_TMPDIR/runner status=0
	rm -rf "$folder"
	mkdir "$folder"
	TMPDIR=$folder "$kernel_tests/run" uml "$image" "$BATS_TEST_TMPDIR/script" --timeout 120 --save-image "$2" \
		>"$folder.out" 2>&1 3>&- &
	runner=$!
	timeout 40 sh -c 'until head -c 8192 "$1"/*/out.img | grep -qa begin; do sleep 0.02; done' sh "$folder" 2>&-
	sleep "$1"
	machine=$folder
	kill -KILL "$(cat "$folder"/*/uml/pid)"
	wait "$runner" || status=$?
	runner=
	remove_remains
	[ "$status" -eq 124 ]
}

# A UML kernel that was killed leaves the processes that ran its programs, stopped, in sessions of their own.
remove_remains()
{
	local remains
	[ -n "${machine-}" ] || return 0
	remains=$(pgrep -f "uml_dir=$machine/" | xargs)
	# shellcheck disable=SC2086 # a list of numbers
	[ -z "$remains" ] || kill -KILL $remains || :
	machine=
}

teardown()
{
	[ -z "${runner-}" ] || kill "$runner" || :
	remove_remains
}

# How long the machine needed for its upgrade, in ms, from what it says.
took()
{
	sed -n 's/^took \([0-9]*\)\.\([0-9]*\)$/\1\20/p'
}

# on_disk IMAGE COMMAND...: with the image mounted on $disk, for so long as this takes.
on_disk()
{
	export disk=$BATS_TEST_TMPDIR/disk archives
	export -f spoiled_signatures in_root recover
	mkdir -p "$disk"
	# The mount goes with its name space.
	unshare --mount bash -euc 'mount -o loop "$1" "$disk"; shift; "$@"' bash "$@"
}

# What the next start finds on $disk is put in order. Prints what it was like before and is then.
recover()
{
	echo "inconsistent: $(in_root "$disk" dpkg --audit | sed -n 's/^ \([a-z0-9]*\) .*/\1/p' | xargs)," \
		"$(find "$disk" -xdev -name '*.dpkg-new' | wc -l) new files"
	# What has not got its name yet may have its signature on disk before its content: nobody uses it.
	spoiled_signatures "$disk" | grep -vE '\.dpkg-new: |/tmp\.ci/' | sed 's/^/spoiled before: /'
	# It says of a package that was just being unpacked that it is to be installed again.
	in_root "$disk" dpkg --configure -a || :
	in_root "$disk" sh -c "cd /repo && PATH=/usr/libexec/dpkg-ima/bin:\$PATH dpkg --force-unsafe-io -i $archives"
	in_root "$disk" dpkg --configure -a
	[ -z "$(in_root "$disk" dpkg --audit)" ]
	[ "$(in_root "$disk" /usr/share/many/many)" = "many, version 2" ]
	in_root "$disk" tool | grep -q 'version 2$'
	[ -z "$(find "$disk" -xdev -name '*.dpkg-new' -o -name '*.dpkg-tmp')" ]
	spoiled_signatures "$disk" | sed 's/^/spoiled after: /'
}

@test "uml: the power goes at ten moments of an upgrade; dpkg gets over it, and no signature is on what it does not fit" {
	local moment took seconds unfinished=0 crashed=$BATS_TEST_TMPDIR/crashed
	{
		prelude
		echo 'PATH=$backend:$PATH; cd /repo; echo begin'
		echo "step upgrade dpkg -i $archives"
		echo 'read up rest </proc/uptime; echo "took $up"'
	} >"$BATS_TEST_TMPDIR/script"
	boot uml "$image" "$BATS_TEST_TMPDIR/script" --timeout 120 >"$out"
	all_well "$out" 1
	took=$(took <"$out")
	echo 'sleep 60' >>"$BATS_TEST_TMPDIR/script"
	for moment in 0 1 2 3 4 5 6 7 8 9; do
		seconds=$(printf '%d.%03d' $((took * moment / 10000)) $((took * moment / 10 % 1000)))
		pull_plug "$seconds" "$crashed"
		# It may have been faster than before.
		if grep -q '^took' "$BATS_TEST_TMPDIR/runner.out"; then
			took=$(took <"$BATS_TEST_TMPDIR/runner.out")
		else
			unfinished=$((unfinished + 1))
		fi
		e2fsck -fp "$crashed" >"$BATS_TEST_TMPDIR/fsck" || [ $? -eq 1 ]
		if [ "$moment" -eq 5 ]; then
			cp --sparse=always "$crashed" "$crashed.again"
		fi
		on_disk "$crashed" recover >"$BATS_TEST_TMPDIR/recovered" 2>&1 || {
			cat "$BATS_TEST_TMPDIR/recovered"
			return 1
		}
		echo "after $seconds s, of some $took ms:"
		grep -E '^inconsistent|^spoiled' "$BATS_TEST_TMPDIR/recovered"
		run ! grep '^spoiled' "$BATS_TEST_TMPDIR/recovered"
	done
	[ "$unfinished" -ge 5 ]
	# That would have been seen.
	on_disk "$crashed" bash -c 'echo >>"$disk/usr/bin/tool"; spoiled_signatures "$disk"' | grep /usr/bin/tool
	# And one of them under enforcement.
	{
		prelude
		cat <<-END
			PATH=\$backend:\$PATH; cd /repo
			dpkg --configure -a
			step again dpkg -i $archives
			step configured dpkg --configure -a
			step consistent consistent
			step 'version 2' works 2
			planted
		END
	} >"$BATS_TEST_TMPDIR/script"
	debugfs -w -R 'rm /test/script' "$crashed.again" 2>/dev/null
	boot uml "$crashed.again" "$BATS_TEST_TMPDIR/script" --init /ima/init --append "$tcb" --timeout 120 \
		--audit "$audit" >"$out"
	cat "$out"
	all_well "$out" 5
	only_planted_denied "$audit" 1
}
