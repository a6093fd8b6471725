# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # variables of bats, and of that file
# What bad-input.bats makes its input with, and looks at the outcome with.

# make_root DIR: an empty dpkg database, and a trust store with the site's keys.
make_root()
{
	mkdir -p "$1/var/lib/dpkg/info" "$1/var/lib/dpkg/updates" "$1/etc/keys/ima" "$1/etc/keys/ima-ca"
	touch "$1/var/lib/dpkg/status" "$1/var/lib/dpkg/available"
	cp "$keys/ima.der" "$1/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$1/etc/keys/ima-ca/site.der"
}

# install_into ROOT PACKAGE...
install_into()
{
	local root=$1
	shift
	dpkg --root="$root" --log=/dev/null --force-depends --force-unsafe-io -i "$@" >/dev/null 2>&1
}

# run_trigger ROOT [ARGUMENT...]
run_trigger()
{
	DPKG_ROOT=$1 DPKG_ADMINDIR=$1/var/lib/dpkg "$trigger" "${@:2}"
}

# In the output of --separate-stderr: a message, and no byte that a terminal would obey.
says()
{
	[[ $stderr == *"$1"* ]] || {
		printf 'expected: %s\ngot: %q\n' "$1" "$stderr" >&2
		return 1
	}
	[[ ${stderr//$'\n'/} != *[[:cntrl:]]* ]]
}

# No file below these folders has a signature.
none_signed()
{
	[ -z "$(getfattr -R -P -h --absolute-names -n security.ima "$@" 2>/dev/null)" ]
}

# holds FOLDER NAME...: these and nothing else, hidden or not.
holds()
{
	diff <(cd "$1" && find . -mindepth 1 -printf '%P\n' | sort) <([ $# -eq 1 ] || printf '%s\n' "${@:2}" | sort)
}

# The manifest's line for /usr/share/secret up to EVM.
entry_prefix()
{
	sed -n 's|^\(.*\) f /usr/share/secret$|\1|p' "$manifest"
}

# with_manifest FILE: makes bad.deb and root/, in which FILE is the manifest of victim.
with_manifest()
{
	rm -rf tree root bad.deb
	dpkg-deb -R "$victim" tree
	cp --sparse=always "$1" tree/DEBIAN/imasigs
	dpkg-deb -Znone -b tree bad.deb >/dev/null
	cp -a "$pristine" root
	cp --sparse=always "$1" root/var/lib/dpkg/info/victim.imasigs
}

# refused REASON: by all that read manifests, and nothing gets a signature.
refused()
{
	local command
	for command in show verify 'verify --payload'; do
		# shellcheck disable=SC2086 # a word and an option
		run -3 --separate-stderr "$PKGIMA" $command bad.deb
		says "pkgima ${command%% *}: bad.deb: $1" || return 1
		[ -z "$output" ] || return 1
	done
	run -3 --separate-stderr "$PKGIMA" apply --root root --all
	says "pkgima apply: victim: failed: $1" || return 1
	run -0 --separate-stderr run_trigger "$PWD/root"
	says "dpkg-ima: victim: failed: $1" || return 1
	none_signed root || return 1
}

# cases: reads lines "TAIL|REASON"; TAIL, with escapes of printf %b, follows the digest and the signature.
cases()
{
	local tail reason prefix
	prefix=$(entry_prefix)
	while IFS='|' read -r tail reason; do
		echo "case: $tail" >&2
		{
			echo 'pkgima-manifest 1'
			printf '%s ' "$prefix"
			printf '%b' "$tail"
		} >bad.manifest
		with_manifest bad.manifest
		refused "manifest, line $reason" || return 1
	done
}

# Offsets at which to cut an archive, with the reason that is expected: around and in each header and each body.
cuts()
{
	local at=8 size name end index=0
	local -a missing=('its first member is not debian-binary' 'cut off: there is no control member'
		'cut off: there is no data member')
	printf '%s\n' '0 it is no ar archive, so no .deb' '1 it is no ar archive, so no .deb' \
		'7 it is no ar archive, so no .deb'
	while [ "$at" -lt "$(stat -c %s "$1")" ]; do
		name=$(tail -c +$((at + 1)) "$1" | head -c 16 | tr -d ' ')
		size=$(tail -c +$((at + 49)) "$1" | head -c 10 | tr -d ' ')
		end=$((at + 60 + size))
		echo "$at ${missing[index]}"
		printf '%d cut off in the ar header at byte '"$at"'\n' $((at + 1)) $((at + 30)) $((at + 59))
		printf '%d cut off in member '"$name"'\n' $((at + 60)) $((at + 61)) $((at + 60 + size / 2)) $((end - 1))
		at=$((end + size % 2))
		index=$((index + 1))
	done
	[ "$index" -eq 3 ]
}

# no_command_takes FILE.deb REASON: nothing is written, and the file stays as it is.
no_command_takes()
{
	local command
	cp "$1" before
	for command in 'sign --out' 'sign --in-place' verify 'verify --payload' strip; do
		case $command in
		'sign --out') run -3 --separate-stderr sign --out out "$1" ;;
		'sign --in-place') run -3 --separate-stderr sign --in-place "$1" ;;
		verify) run -3 --separate-stderr "$PKGIMA" verify --certs "$keys/ima.der" "$1" ;;
		*payload) run -3 --separate-stderr "$PKGIMA" verify --payload --certs "$keys/ima.der" "$1" ;;
		strip) run -3 --separate-stderr "$PKGIMA" strip --in-place "$1" ;;
		esac
		says "pkgima ${command%% *}: $1: $2" || return 1
		[ -z "$output" ] && cmp before "$1" && holds out || return 1
	done
}

# repack FOLDER FILE: an archive of the three members in FOLDER.
repack()
{
	rm -f "$2"
	(cd "$1" && ar rcDS ../archive debian-binary control.tar* data.tar*)
	mv archive "$2"
}

# compress WHAT: standard input to standard output; suffix_of WHAT: how the member's name goes on.
compress()
{
	case $1 in
	none) cat ;;
	gzip) gzip -nc ;;
	xz) xz -c ;;
	zstd) zstd -q -c ;;
	esac
}

suffix_of()
{
	case $1 in
	none) ;;
	gzip) echo .gz ;;
	xz) echo .xz ;;
	zstd) echo .zst ;;
	esac
}

# raw_members DEB FOLDER: debian-binary, control.tar and data.tar, not compressed.
raw_members()
{
	mkdir -p "$2"
	dpkg-deb --ctrl-tarfile "$1" >"$2/control.tar"
	dpkg-deb --fsys-tarfile "$1" >"$2/data.tar"
	echo 2.0 >"$2/debian-binary"
}

# bounded KIB COMMAND...: with so much resident memory at most, and in a minute.
bounded()
{
	local peak result=0
	command time -f %M -o peak timeout 60 "${@:2}" || result=$?
	peak=$(tail -n 1 peak)
	[ "$peak" -le "$1" ] || {
		echo "$peak KiB of memory" >&2
		return 99
	}
	return "$result"
}

# all_bounded KIB REASON OF-PACKAGE: refused in little memory, for the first reason where dpkg has the manifest.
all_bounded()
{
	local command
	for command in show verify; do
		run -3 --separate-stderr bounded "$1" "$PKGIMA" "$command" bad.deb
		says "pkgima $command: bad.deb: $3" || return 1
	done
	run -3 --separate-stderr bounded "$1" "$PKGIMA" apply --root root --all
	says "pkgima apply: victim: failed: $2" || return 1
	run -0 --separate-stderr env DPKG_ROOT="$PWD/root" bash -c "$(declare -f bounded)"'; bounded "$@"' bash "$1" "$trigger"
	says "dpkg-ima: victim: failed: $2" || return 1
	none_signed root
}

# big_deb FILE: as with_manifest, but moves the file, and makes a small package of it.
big_deb()
{
	rm -rf members root
	mkdir members files
	dpkg-deb -e "$victim" files
	mv "$1" files/imasigs
	echo 2.0 >members/debian-binary
	dpkg-deb --fsys-tarfile "$victim" >members/data.tar
	tar -C files -c . | zstd -q -1 -T2 >members/control.tar.zst
	repack members bad.deb
	cp -a "$pristine" root
	mv files/imasigs root/var/lib/dpkg/info/victim.imasigs
}

# changed_value SCRIPT: the signature of /usr/bin/tool in hexadecimal, changed by a script of sed, back in base64.
changed_value()
{
	sed -n 's|^[^ ]* [^ ]* \([^ ]*\) - f /usr/bin/tool$|\1|p' "$manifest" | base64 -d | od -An -v -tx1 | tr -d ' \n' |
		sed "$1" | perl -ne 'print pack "H*", $_' | base64 -w0
}

# certificate NAME EXTENSIONS [KEY [DAYS]]: NAME.pem with these lines as its extensions, for the key.
certificate()
{
	printf '%s\n' '[req]' 'distinguished_name=dn' 'prompt=no' '[dn]' "CN=$1" '[x]' "$2" >cnf
	openssl req -new -key "${3:-$keys/ima.key}" -config cnf -out csr
	openssl x509 -req -in csr -signkey "${3:-$keys/ima.key}" -days "${4:-10}" -extfile cnf -extensions x \
		-out "$1.pem" 2>/dev/null
}

# many_files ROOT PACKAGES FILES: a root with packages p1, p2, ... of so many files, all signed. None is applied.
many_files()
{
	local root=$1 packages=$2 files=$3
	if [ ! -e "$BATS_FILE_TMPDIR/many.deb" ]; then
		mkdir -p many/usr/lib/many
		(cd many/usr/lib/many && seq "$((packages * files))" | split -l 1 -a 4 -d - file)
		make_deb "$PWD/many" many
		rm -rf many
		sign --in-place many.deb
		mv many.deb "$BATS_FILE_TMPDIR"
	fi
	make_root "$root"
	dpkg-deb -x "$BATS_FILE_TMPDIR/many.deb" "$root"
	dpkg-deb -I "$BATS_FILE_TMPDIR/many.deb" imasigs | sed 1d |
		split -l "$files" -a 2 -d --additional-suffix=.imasigs - "$root/var/lib/dpkg/info/p"
	(cd "$root/var/lib/dpkg/info" && sed -i '1i pkgima-manifest 1' ./*.imasigs &&
		for package in *.imasigs; do
			sed '1d; s/.* //' "$package" >"${package%.imasigs}.list"
		done)
}

# What the manifests below ROOT say, and what the files have, as lines "PATH VALUE".
wanted_values()
{
	cat "$1"/var/lib/dpkg/info/*.imasigs | awk 'NF == 6 { print $6, $3 }' | sort
}

actual_values()
{
	(cd "$1" && getfattr -R -P -h -n security.ima -e base64 usr 2>/dev/null) |
		awk '/^# file: / { path = "/" $3 } sub(/^security.ima=0s/, "") { print path, $0 }' | sort
}

# Of the values that files have, each is whole and the manifest's; prints how many there are.
whole_values()
{
	actual_values "$1" >actual
	wanted_values "$1" >wanted
	[ -z "$(comm -13 wanted actual)" ] || return 1
	wc -l <actual
}

all_values()
{
	diff <(wanted_values "$1") <(actual_values "$1") >/dev/null
	# shellcheck disable=SC2046 # a few names without spaces
	evm_accepts "$keys/ima.der" $(wanted_values "$1" | awk -v root="$1" 'NR % 50 == 1 { print root $1 }')
}

# killed_at CALL NUMBER COMMAND...: ends with SIGKILL where a thread of it is about to make its NUMBERth such system call.
killed_at()
{
	local call=$1 number=$2
	shift 2
	# The C library takes one or the other.
	[ "$call" != rename ] || call=renameat,renameat2
	run timeout -k 1 60 strace -f -o /dev/null -e "trace=$call" \
		-e "inject=$call:signal=KILL:when=$number" "$@"
	[ "$status" -eq 137 ]
}

# killed_after SIGNAL SECONDS COMMAND...: unless it has ended by then.
killed_after()
{
	run timeout -s "$1" -k 5 "$2" env --default-signal=INT "${@:3}"
	[[ $status -eq 0 || $status -eq 124 || $status -eq 137 ]]
}

# only_whole ORIGINAL FOLDER: each package there is as it was, or as it is when signed; what is left besides, if anything,
# is hidden and has another suffix.
only_whole()
{
	local package
	[ -d "$2" ] || return 0
	for package in "$2"/*.deb; do
		[ -e "$package" ] || continue
		cmp -s "$package" "$1" || cmp "$package" "$signed" || return 1
	done
	[ -z "$(find "$2" -type f ! -name '*.deb' ! -name '.*.deb.*.tmp')" ]
}
