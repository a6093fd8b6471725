#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What `pkgima audit --policy` says, and what a kernel with that policy does: of every file in every state, on ext4, tmpfs
# and overlayfs. Signatures are made by evmctl, hashes by coreutils; pkgima runs inside the machine, before the policy is
# loaded, so that both see the same.
#
# Not decided, as pkgima(1) says: signatures of a sha1 digest (state sha1), those for fs-verity where a rule wants them,
# and files with a hash that one rule takes and another does not, where it depends on the order.

load helpers
load audit

setup_file()
{
	local root=$BATS_FILE_TMPDIR/root objects=$BATS_FILE_TMPDIR/objects ca file
	require_kernel uml
	require jq ldd
	ca=$("$kernel_tests/build-uml")
	export keys=$BATS_FILE_TMPDIR/keys image=$BATS_FILE_TMPDIR/image
	mkdir -p "$keys" "$objects" "$root$policies"
	make_leaf "$keys/site" "$ca/ca.pem" "$ca/ca.key"
	make_leaf "$keys/rogue"
	make_ec_leaf "$keys/ec" "$ca/ca.pem" "$ca/ca.key"
	make_objects "$objects"
	make_root "$root"
	add_programs "$root" "$PKGIMA" /bin/true
	gcc -O2 -Wall -Wextra -Werror -static -o "$root/test/try" "$kernel_tests/try.c"
	mkdir -p "$root/test/keys" "$root/etc/keys/ima" "$root/boot" "$root/tmp"
	cp "$keys/site.der" "$root/etc/keys/x509_ima.der"
	cp "$keys/site.der" "$keys/ec.der" "$root/etc/keys/ima/"
	cp "$keys/ec.der" "$root/test/keys/"
	cp "$ca/config" "$root/boot/config"
	sed '/^#/d; s/\t.*//; s/^/rule /' "$TOP"/tests/data/policy/{good,bad} >"$root/test/rules"
	list_uses >"$root/test/uses"
	write_policies "$root/test/policies"
	cp "$(boot --print-init)" "$root/test/init"
	write_scripts "$root"
	# All that is not tested is as it should be.
	find "$root" -type f | while read -r file; do
		sign_with "$keys/site" sha256 "$file"
	done
	mkdir -p "$root$tree/tmpfs" "$root$tree/ovl"
	make_states "$root" "$objects"
	mke2fs -q -t ext4 -m 0 -U "$uuid" -d "$root" "$image" 160m
}

make_ec_leaf()
{
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
	openssl req -new -key "$1.key" -subj "/CN=${1##*/}" -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -days 3650 -sha256 -out "$1.pem" -CA "$2" -CAkey "$3" -CAcreateserial \
		-CAserial "$1.srl" -extfile <(
		echo 'basicConstraints = critical, CA:FALSE'
		echo 'keyUsage = critical, digitalSignature'
		echo 'subjectKeyIdentifier = hash'
		echo 'authorityKeyIdentifier = keyid'
	) 2>/dev/null
	openssl x509 -in "$1.pem" -outform DER -out "$1.der"
}

# write_policies DIR: those that are compared, one a file.
write_policies()
{
	local pseudo='dont_appraise fsmagic=0x9fa0
dont_appraise fsmagic=0x62656572
dont_appraise fsmagic=0x73636673
dont_appraise fsname=devtmpfs
dont_appraise fsmagic=0x1cd1'
	mkdir -p "$1"
	cat >"$1/exec" <<-'END'
		appraise func=POLICY_CHECK appraise_type=imasig
		appraise func=BPRM_CHECK appraise_type=imasig
		appraise func=MMAP_CHECK mask=MAY_EXEC appraise_type=imasig
		appraise func=MODULE_CHECK appraise_type=imasig
	END
	cat >"$1/no-tmpfs" <<-'END'
		appraise func=POLICY_CHECK
		dont_appraise fsmagic=0x01021994
		appraise func=BPRM_CHECK appraise_type=imasig appraise_algos=sha256
		appraise func=MMAP_CHECK appraise_algos=sha512,sha256
		appraise func=MODULE_CHECK appraise_algos=sha1
	END
	cat >"$1/hashes" <<-'END'
		appraise func=BPRM_CHECK
		appraise func=MMAP_CHECK fowner>0 appraise_type=imasig
		appraise func=MMAP_CHECK fgroup<1
		appraise func=MODULE_CHECK
		appraise func=POLICY_CHECK appraise_algos=sha512
	END
	cat >"$1/files" <<-END
		$pseudo
		dont_appraise func=FILE_CHECK fsname=overlay
		appraise func=FILE_CHECK mask=^MAY_READ fowner=0
		appraise func=BPRM_CHECK fowner=0 appraise_type=imasig
	END
	cat >"$1/uuid" <<-END
		appraise func=BPRM_CHECK fsuuid=$uuid appraise_type=imasig
		dont_appraise func=MMAP_CHECK fsuuid=$uuid
		appraise func=MMAP_CHECK fowner=0 appraise_type=imasig
	END
	cat >"$1/owners" <<-'END'
		dont_appraise func=BPRM_CHECK fowner=1000
		appraise func=CREDS_CHECK appraise_type=imasig fsname=tmpfs
		appraise func=BPRM_CHECK mask=^MAY_EXEC appraise_type=imasig
		appraise func=MODULE_CHECK mask=MAY_EXEC appraise_type=imasig
		appraise func=MMAP_CHECK fgroup=1000 appraise_type=imasig
	END
	cat >"$1/users" <<-'END'
		dont_appraise func=BPRM_CHECK uid<1000
		appraise func=BPRM_CHECK uid=1000 appraise_type=imasig
		appraise func=MMAP_CHECK euid>999 appraise_type=imasig
		appraise func=FILE_CHECK mask=MAY_READ gid=1000 fsname=tmpfs appraise_type=imasig
	END
	cat >"$1/opened" <<-END
		$pseudo
		appraise func=FILE_CHECK mask=MAY_EXEC appraise_type=imasig
		appraise func=MODULE_CHECK appraise_type=imasig
	END
	cat >"$1/verity" <<-'END'
		measure func=MMAP_CHECK digest_type=verity fsname=overlay
		appraise func=MMAP_CHECK appraise_type=imasig fsname=overlay
		appraise func=BPRM_CHECK digest_type=verity appraise_type=sigv3 fsmagic=0x01021994
	END
	cat >"$1/measured" <<-'END'
		measure func=FILE_CHECK digest_type=verity fsname=tmpfs
		appraise func=BPRM_CHECK appraise_type=imasig fsname=tmpfs
	END
}

# What runs in the machine, with test_name=NAME on the kernel's command line: with a policy's name it is predicted, loaded,
# and all is tried; "tcb" and "rules" see below.
write_scripts()
{
	cat >"$1/test/script" <<-END
		for word in \$(cat /proc/cmdline); do
			case \$word in test_name=*) name=\${word#*=} ;; esac
		done
		if [ \$name = rules ]; then
			/test/try /test/rules
			exit
		fi
		set -e
		mount -t tmpfs -o mode=755 none $tree/tmpfs
		[ \$name = tcb ] || /test/try copy $tree/S $tree/tmpfs
		mount -t tmpfs none /tmp
		/bin/busybox mkdir /tmp/upper /tmp/work
		mount -t overlay -o lowerdir=$tree/S,upperdir=/tmp/upper,workdir=/tmp/work none $tree/ovl
		set +e
		case \$name in
		tcb) /test/try /test/uses; exit ;;
		appraise_tcb) policy=\$name ;;
		*) policy=/test/policies/\$name ;;
		esac
		/bin/busybox cp /boot/config "/boot/config-\$(/bin/busybox uname -r)"
		pkgima audit --json --policy "\$policy" $tree $policies
		echo "audit: \$?"
		echo "---"
		[ \$name != appraise_tcb ] || exit 0
		cat "\$policy" >/sys/kernel/security/ima/policy
		/test/try /test/uses
	END
}

# boot_with NAME [OPTION...]
boot_with()
{
	boot uml "$image" - --append "ima_appraise=enforce test_name=$1" --timeout 120 "${@:2}"
}

# agrees NAME LEAST [UNDECIDED]: kernel and prediction agree about policy NAME, and LEAST uses at least are denied.
agrees()
{
	boot_with "$1" >"$BATS_TEST_TMPDIR/output" || {
		tail -n 50 "$BATS_TEST_TMPDIR/output"
		return 1
	}
	sed '/^audit: /,$d' "$BATS_TEST_TMPDIR/output" >"$BATS_TEST_TMPDIR/predictions"
	sed '1,/^---$/d' "$BATS_TEST_TMPDIR/output" >"$BATS_TEST_TMPDIR/results"
	grep -qx 'audit: 1' "$BATS_TEST_TMPDIR/output" || {
		grep -v '^ ' "$BATS_TEST_TMPDIR/output" | tail -n 40
		return 1
	}
	settle "$2" "${3-}"
}

settle()
{
	run compare "/(${2:-none})(/|\$)" "$BATS_TEST_TMPDIR/predictions" "$BATS_TEST_TMPDIR/results"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[-1]} =~ ^([0-9]+)\ uses,\ ([0-9]+)\ denied ]]
	[ "${BASH_REMATCH[1]}" -eq "${3:-$(list_uses | wc -l)}" ]
	[ "${BASH_REMATCH[2]}" -ge "$1" ]
}

@test "exec: signatures of everything that is executed, mapped or loaded" {
	agrees exec 200 sha1
}

@test "no-tmpfs: a file system exempted, hash algorithms permitted" {
	agrees no-tmpfs 100 'sha1|hash|hash512|longhash'
}

@test "hashes: a hash is enough, owner and group of files" {
	agrees hashes 100 sha1
}

@test "files: what is opened to be read, of root's files" {
	agrees files 100 'sha1|hash|hash512|oldhash|longhash'
}

@test "uuid: rules about one file system miss overlayfs and tmpfs" {
	agrees uuid 50 sha1
}

@test "owners: an exemption before the rule, credentials, a mask that never matches" {
	agrees owners 50 sha1
}

@test "users: rules about who does it" {
	agrees users 50 sha1
}

@test "opened: what is opened to be executed" {
	agrees opened 50 sha1
}

@test "verity: signatures for fs-verity, and what a measure rule leaves to an appraise rule" {
	agrees verity 50 'verity|sha1'
}

@test "measured: what is measured when it is opened, and appraised when it is executed" {
	agrees measured 20 'tmpfs'
}

# From the first file on that is opened: nothing can be copied to tmpfs, which is exempt. And what is loaded replaces it.
@test "appraise_tcb: the kernel's own policy, by its name" {
	boot_with appraise_tcb >"$BATS_TEST_TMPDIR/output"
	sed '/^audit: /,$d' "$BATS_TEST_TMPDIR/output" >"$BATS_TEST_TMPDIR/predictions"
	boot_with tcb --append 'ima_policy=appraise_tcb' >"$BATS_TEST_TMPDIR/output" || {
		cat "$BATS_TEST_TMPDIR/output"
		return 1
	}
	grep -vE "/tmpfs/|^load-policy .*/[^u][^/]*\$|^load-policy .*/unknown " "$BATS_TEST_TMPDIR/output" >"$BATS_TEST_TMPDIR/results"
	settle 200 sha1 "$(($(list_uses | grep -vcE '/tmpfs/|^load-policy') + 1))"
}

# Those of tests/data/policy. This kernel is a 6.1 without CONFIG_IMA_APPRAISE_MODSIG and without an LSM that has labels.
@test "rules: what the kernel takes as a rule, and what it refuses" {
	local line rule expected
	boot_with rules >"$BATS_TEST_TMPDIR/output"
	grep -v '^#' "$TOP/tests/data/policy/good" | while IFS= read -r line; do
		rule=${line%%$'\t'*} expected=allowed
		[[ $line != *$'\t'* || $line == *$'\tKEYS' ]] || expected='error 22'
		grep -Fxq "rule $rule $expected" "$BATS_TEST_TMPDIR/output" || {
			echo "not $expected: $line"
			grep -F "rule $rule " "$BATS_TEST_TMPDIR/output"
			return 1
		}
	done
	grep -v '^#' "$TOP/tests/data/policy/bad" | while IFS= read -r line; do
		# A number that is too large is ERANGE.
		grep -Fxq -e "rule $line error 22" -e "rule $line error 34" "$BATS_TEST_TMPDIR/output" || {
			echo "not refused: $line"
			return 1
		}
	done
}
