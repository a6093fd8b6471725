#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Damaged, hostile and oversized input, full disks, and runs that are killed: a message that names what and why, the right
# exit status, nothing written outside the root, and nothing half-written.

load helpers
load bad-input

trigger=$(dirname "$PKGIMA")/dpkg-ima-trigger

# Shared by the tests: $keys, $hello (of the archive) and $signed (the same, signed); package victim as $victim, with the
# file $manifest that it has and the root $pristine where it is installed but nothing applied.
setup_file()
{
	require root dpkg-deb openssl evmctl getfattr ar xz zstd perl mkfs.ext4 strace
	local tree=$BATS_FILE_TMPDIR/tree
	export keys=$BATS_FILE_TMPDIR/keys hello=$BATS_FILE_TMPDIR/hello.deb signed=$BATS_FILE_TMPDIR/signed/hello.deb
	export victim=$BATS_FILE_TMPDIR/victim.deb pristine=$BATS_FILE_TMPDIR/pristine
	export manifest=$BATS_FILE_TMPDIR/manifest
	make_keys "$keys"
	cp "$("$TOP/tests/support/fetch-debs" hello)" "$hello"
	sign --out "${signed%/*}" "$hello"
	mkdir -p "$tree/usr/bin" "$tree/usr/share/doc" "$tree/DEBIAN"
	printf '#!/bin/sh\necho tool\n' >"$tree/usr/bin/tool"
	printf '#!/bin/sh\nexit 0\n' >"$tree/DEBIAN/prerm"
	chmod 755 "$tree/usr/bin/tool" "$tree/DEBIAN/prerm"
	echo secret >"$tree/usr/share/secret"
	make_deb "$tree" victim
	sign --in-place "$victim"
	dpkg-deb -I "$victim" imasigs >"$manifest"
	make_root "$pristine"
	install_into "$pristine" "$victim"
}

setup()
{
	cd "$BATS_TEST_TMPDIR" || return 1
}

# Whatever a test mounted below its folder is undone, also when it failed.
teardown()
{
	local point
	awk '{ print $2 }' /proc/self/mounts | grep -F "$BATS_TEST_TMPDIR/" | sort -r | while read -r point; do
		umount "$point" || umount --lazy "$point"
	done
}

@test "a .deb that is cut off anywhere is refused by all commands" {
	local at reason count=0
	mkdir in out
	while read -r at reason; do
		head -c "$at" "$signed" >in/x.deb
		no_command_takes in/x.deb "$reason"
		# What does not begin as a .deb is any file to show.
		if [ "$at" -ge 30 ]; then
			run -3 --separate-stderr "$PKGIMA" show in/x.deb
			says "pkgima show: in/x.deb: $reason"
		else
			run -1 "$PKGIMA" show in/x.deb
			[[ $output == 'in/x.deb: no security.ima' ]]
		fi
		holds in x.deb
		count=$((count + 1))
	done < <(cuts "$signed")
	[ "$count" -eq 27 ]
}

@test "what is no .deb is refused, and the others are worked on" {
	mkdir in out
	echo text >in/text.deb
	gzip -c "$hello" >in/gzip.deb
	(cd in && ar rcD other.deb text.deb)
	head -c 60000 /dev/urandom >in/random.deb
	local reason name
	for name in text gzip random; do
		no_command_takes "in/$name.deb" 'it is no ar archive, so no .deb'
	done
	no_command_takes in/other.deb 'its first member is not debian-binary, so it is no .deb'
	cp "$hello" in/good.deb
	run -3 --separate-stderr sign --out out in
	says 'pkgima sign: in/text.deb: it is no ar archive'
	[[ $output == 'in/good.deb: signed, '* ]]
	holds out good.deb
	"$PKGIMA" verify --payload --certs "$keys/ima.der" out/good.deb
}

@test "control and data members that end too early inside a whole archive are refused" {
	local kind member size cut
	raw_members "$signed" raw
	make_root root
	mkdir out
	for kind in none gzip xz zstd; do
		for member in control data; do
			compress "$kind" <"raw/$member.tar" >whole
			size=$(stat -c %s whole)
			# An archive that is not compressed may lack the zeros at its end: dpkg takes that.
			for cut in $((size / 2 + 1)) $((size - 1)); do
				[ "$kind" != none ] || [ "$cut" -lt $((size - 1)) ] || continue
				rm -rf members
				mkdir members
				cp raw/debian-binary members
				cp "raw/control.tar" "raw/data.tar" members
				rm "members/$member.tar"
				head -c "$cut" whole >"members/$member.tar$(suffix_of "$kind")"
				repack members x.deb
				run ! install_into "$PWD/root" x.deb
				run -3 --separate-stderr sign --out out x.deb
				says "pkgima sign: x.deb: $member member: "
				run -3 --separate-stderr "$PKGIMA" verify --payload --certs "$keys/ima.der" x.deb
				says "pkgima verify: x.deb: $member member: "
				holds out
			done
		done
	done
}

@test "damaged members inside a whole archive are refused" {
	local kind size at
	raw_members "$signed" members
	mkdir out
	for kind in gzip xz zstd; do
		compress "$kind" <members/data.tar >whole
		size=$(stat -c %s whole)
		for at in 2 $((size / 3)) $((size / 2)) $((size - 2)); do
			rm members/data.tar*
			cp whole "members/data.tar$(suffix_of "$kind")"
			# shellcheck disable=SC2094 # one byte, which differs from what is there
			tail -c +$((at + 1)) whole | head -c 1 | tr '\000-\377' '\001-\377\000' |
				dd of="members/data.tar$(suffix_of "$kind")" bs=1 seek="$at" conv=notrunc status=none
			repack members x.deb
			run ! dpkg-deb --fsys-tarfile x.deb
			run -3 --separate-stderr sign --out out x.deb
			says 'pkgima sign: x.deb: data member: '
			run -3 --separate-stderr "$PKGIMA" verify --payload --certs "$keys/ima.der" x.deb
			says 'pkgima verify: x.deb: data member: '
			holds out
		done
		rm members/data.tar*
		dpkg-deb --fsys-tarfile "$signed" >members/data.tar
	done
}

@test "archives whose members leave the package are refused" {
	local what reason
	raw_members "$hello" raw
	mkdir -p out members etc
	echo x >etc/passwd
	while IFS='|' read -r what reason; do
		rm -f members/* x.deb
		cp raw/debian-binary raw/control.tar members
		case $what in
		up) tar -cPf members/data.tar --transform 's|^|../../|' etc/passwd ;;
		middle) tar -cPf members/data.tar --transform 's|^etc|usr/../etc|' etc/passwd ;;
		newline) tar -cPf members/data.tar --transform $'s|^|../\033[2J\\n|' etc/passwd ;;
		link) ln etc/passwd etc/second && tar -cPf members/data.tar --transform 's|^|../../|RSh' \
			etc/passwd etc/second && rm etc/second ;;
		pax) tar --format=pax -cf members/data.tar etc/passwd ;;
		twice) tar -cf members/data.tar etc/passwd && tar -rf members/data.tar etc/passwd ;;
		esac
		repack members x.deb
		run -3 --separate-stderr sign --out out x.deb
		says "pkgima sign: x.deb: data member: $reason"
		holds out
	done <<-'END'
		up|the archive has a member with the path ../../etc/passwd, which is refused
		middle|the archive has a member with the path usr/../etc/passwd, which is refused
		newline|the archive has a member with the path ../\033[2J\012etc/passwd, which is refused
		link|etc/second is a hard link out of the package
		pax|the archive has a header that is one of PAX, which dpkg refuses
		twice|/etc/passwd is in it twice
	END
}

@test "a manifest that is twice in a package, or no regular file, is refused" {
	local what reason
	raw_members "$victim" raw
	mkdir -p out files members
	tar -C files -xf raw/control.tar
	while IFS='|' read -r what reason; do
		cp raw/* members
		case $what in
		twice) (cd files && tar -rf ../members/control.tar ./imasigs) ;;
		symlink) (cd files && mkdir -p link && ln -sf /etc/passwd link/imasigs &&
			tar -cf ../members/control.tar ./control -C link ./imasigs) ;;
		esac
		repack members x.deb
		no_command_takes x.deb "control member: $reason"
	done <<-'END'
		twice|imasigs is twice in the control member
		symlink|/imasigs is something else than a file in its one folder
	END
}

@test "manifests with paths that leave the root are refused" {
	mkdir outside
	echo secret >outside/secret
	cases <<-'END'
		f /../outside/secret\n|2: the path is not absolute, or not in its simplest form
		f /usr/../../outside/secret\n|2: the path is not absolute, or not in its simplest form
		f /usr/share/..\n|2: the path is not absolute, or not in its simplest form
		f /usr/./share/secret\n|2: the path is not absolute, or not in its simplest form
		c //usr/share/secret\n|2: the path is not absolute, or not in its simplest form
		f /usr/share/\n|2: the path is not absolute, or not in its simplest form
		f usr/share/secret\n|2: the path is not absolute, or not in its simplest form
		f ../outside/secret\n|2: the path is not absolute, or not in its simplest form
		f /\n|2: the path is not absolute, or not in its simplest form
		f \n|2: the path is not absolute, or not in its simplest form
		f DEBIAN/prerm\n|2: the path is not absolute, or not in its simplest form
		s DEBIAN/../prerm\n|2: no maintainer script has this name
		s DEBIAN/evil\n|2: no maintainer script has this name
		s /usr/share/secret\n|2: no maintainer script has this name
	END
	none_signed outside
}

@test "manifests with NUL, newline and control characters in names are refused unless escaped as specified" {
	cases <<-'END'
		f /usr/share/sec\000ret\n|2: the path is not escaped as it should be
		f /usr/share/secret\000\n|2: the path is not escaped as it should be
		f /usr/share/sec\\\\000ret\n|2: the path is not escaped as it should be
		f /usr/share/sec\nret\n|3: there are not six fields
		f /usr/share/\0033[2J\n|2: the path is not escaped as it should be
		f /usr/share/\t\n|2: the path is not escaped as it should be
		f /usr/share/secret\r\n|2: the path is not escaped as it should be
		f /usr/share/a b\n|2: the path is not escaped as it should be
		f /usr/share/\0177\n|2: the path is not escaped as it should be
		f /usr/share/\\\\141\n|2: the path is not escaped as it should be
		f /usr/share/\\\\12\n|2: the path is not escaped as it should be
		f /usr/share/\\\\812\n|2: the path is not escaped as it should be
		f /usr/share/\\\\\n|2: the path is not escaped as it should be
		f /usr/share/\\\\n\n|2: the path is not escaped as it should be
	END
}

@test "manifests with paths twice, not sorted, of another version or not whole are refused" {
	local name reason
	while IFS='|' read -r name reason; do
		echo "case: $name" >&2
		case $name in
		twice) sed '/secret$/p' "$manifest" ;;
		'as two types') sed '/secret$/{p;s| f /| c /|}' "$manifest" ;;
		unsorted) (head -n 1 "$manifest" && tail -n +2 "$manifest" | tac) ;;
		'version 2') sed '1s/1$/2/' "$manifest" ;;
		'version 10') sed '1s/1$/10/' "$manifest" ;;
		'no version') sed 1d "$manifest" ;;
		'with BOM') printf '\357\273\277' && cat "$manifest" ;;
		DOS) sed '1s/$/\r/' "$manifest" ;;
		empty) ;;
		'without end') head -c -1 "$manifest" ;;
		hash) sed '2s/^sha256/sha1/' "$manifest" ;;
		verity) sed '2s/^sha256/verity-sha256/' "$manifest" ;;
		digest) sed '2s/^sha256 ./sha256 /' "$manifest" ;;
		capital) sed '2s/^sha256 ./sha256 A/' "$manifest" ;;
		base64) sed '2s/ Aw/ A-/' "$manifest" ;;
		'long value') awk -v v="$(head -c 4098 /dev/zero | base64 -w0)" 'NR == 2 { $3 = v } 1' "$manifest" ;;
		type) sed '2s| f /| x /|' "$manifest" ;;
		'long path') awk -v p="/$(head -c 4095 /dev/zero | tr '\0' a)" 'NR == 2 { $6 = p } 1' "$manifest" ;;
		'long line') awk -v p="/$(head -c 33000 /dev/zero | tr '\0' a)" 'NR == 2 { $6 = p } 1' "$manifest" ;;
		esac >bad.manifest
		with_manifest bad.manifest
		refused "manifest, line $reason"
	done <<-'END'
		twice|4: the path is there twice
		as two types|4: the path is there twice
		unsorted|3: the paths are not sorted
		version 2|1: it is not "pkgima-manifest 1"
		version 10|1: it is not "pkgima-manifest 1"
		no version|1: it is not "pkgima-manifest 1"
		with BOM|1: it is not "pkgima-manifest 1"
		DOS|1: it is not "pkgima-manifest 1"
		empty|1: it is not "pkgima-manifest 1"
		without end|4: it has no end
		hash|2: unknown hash algorithm
		verity|2: unknown hash algorithm
		digest|2: the digest has not the length of its algorithm
		capital|2: the digest is not lower-case hexadecimal
		base64|2: a signature is not base64
		long value|2: a signature is too long
		type|2: the type is not f, c or s
		long path|2: the path is too long
		long line|2: more than 32768 bytes
	END
	# Signing and stripping replace what cannot be read.
	sign --out out bad.deb
	"$PKGIMA" verify --payload --certs "$keys/ima.der" out/bad.deb
	"$PKGIMA" strip --in-place bad.deb
	run -1 "$PKGIMA" show bad.deb
}

@test "a manifest of 10 million lines is refused in bounded memory" {
	(echo 'pkgima-manifest 1' && yes x | head -n 10000000) >big
	big_deb big
	all_bounded 100000 'manifest: more than 1000000 entries' 'manifest: more than 1000000 entries'
	run -3 --separate-stderr bounded 100000 "$PKGIMA" verify --payload bad.deb
	# Signing has no use for the old manifest, however it may be.
	sign --out out bad.deb
	"$PKGIMA" verify --payload --certs "$keys/ima.der" out/bad.deb
}

@test "a manifest with a line of 1 GB is refused in bounded memory" {
	truncate -s 1G big
	big_deb big
	all_bounded 30000 'victim.imasigs: 1073741824 bytes, at most 268435456 are accepted' \
		'control member: /imasigs has 1073741824 bytes, at most 268435456 are accepted'
	run -3 --separate-stderr bounded 30000 "$PKGIMA" strip --in-place bad.deb
	mkdir out
	run -3 --separate-stderr sign --out out bad.deb
	holds out
}

@test "a manifest with one line, as large as manifests may be, is refused in bounded memory" {
	(echo 'pkgima-manifest 1' && head -c 268435438 /dev/zero) >big
	big_deb big
	all_bounded 300000 'manifest, line 2: more than 32768 bytes' 'manifest, line 2: more than 32768 bytes'
}

# A file elsewhere with content that is signed, and what leads to it from inside the root.
@test "links, diversions and database files that lead out of the root lead nowhere" {
	local info=root/var/lib/dpkg/info prefix
	mkdir -p outside/info
	cp -a "$pristine" root
	echo secret >outside/secret
	cp "$info/victim.prerm" outside/prerm
	prefix=$(entry_prefix)
	ln -s "$PWD/outside" root/usr/absolute
	ln -s ../../outside root/usr/relative
	ln -s "$PWD/outside/secret" root/usr/last
	ln -s /proc/self/cwd/outside root/usr/magic
	mkfifo root/usr/pipe
	ln -sf "$PWD/outside/prerm" "$info/victim.prerm"
	{
		head -n 1 "$manifest"
		printf "$prefix f %s\n" "$PWD/outside/secret" /usr/absolute/secret /usr/diverted /usr/last /usr/magic/secret \
			/usr/other /usr/pipe /usr/relative/secret | LC_ALL=C sort -k 6
		tail -n 1 "$manifest"
	} >"$info/victim.imasigs"
	sed -n 's/^.* //p' "$info/victim.imasigs" | sed 1d >"$info/victim.list"
	printf '%s\n' /usr/diverted ../outside/secret other /usr/other /../outside/secret other \
		>root/var/lib/dpkg/diversions
	# A manifest that is a link, and some whose names are none of packages.
	cp "$manifest" outside/info/linked.imasigs
	ln -s "$PWD/outside/info/linked.imasigs" "$info/linked.imasigs"
	printf '/usr/bin/tool\n' >"$info/linked.list"
	echo none >"$info/"$'n\033[2J\nm.imasigs'
	echo none >"$info/"$'n 1 2 3.4 5 good\nvictim.imasigs'
	run -1 --separate-stderr timeout 20 "$PKGIMA" apply --root root --all
	says 'pkgima apply: victim: /usr/last: missing-file: something else than a regular file is there'
	says 'pkgima apply: victim: /usr/pipe: missing-file: something else than a regular file is there'
	says 'pkgima apply: victim: /var/lib/dpkg/info/victim.prerm: missing-file: something else than a regular file is there'
	[[ $stderr != *'n\033'* && $stderr != *good* ]]
	[[ $output == '1 package: 0 files signed,'*', 6 not on disk' ]]
	run -0 --separate-stderr timeout 20 env DPKG_ROOT="$PWD/root" "$trigger"
	says 'dpkg-ima: victim: /usr/last: missing-file: '
	[ "$(cut -d ' ' -f 1 root/var/lib/dpkg-ima/stamp)" = $'dpkg-ima-stamp\nvictim' ]
	none_signed root outside
	holds outside secret prerm info info/linked.imasigs
}

@test "the stamp, the trust store and the settings are not followed out of the root" {
	mkdir -p outside/keys
	cp -a "$pristine" root
	ln -s "$PWD/outside" root/var/lib/dpkg-ima
	printf '[apply]\nselect=nonsense\n' >outside/pkgima.conf
	ln -s "$PWD/outside/pkgima.conf" root/etc/pkgima.conf
	run -0 --separate-stderr timeout 20 env DPKG_ROOT="$PWD/root" "$trigger"
	says 'dpkg-ima: cannot open /etc/pkgima.conf: no regular file'
	says 'dpkg-ima: cannot open /var/lib/dpkg-ima: '
	run -3 --separate-stderr "$PKGIMA" apply --root root --all
	says 'pkgima apply: cannot open /etc/pkgima.conf: no regular file'
	holds outside keys pkgima.conf
	# The trust store as a link, to a certificate that would be good.
	rm root/var/lib/dpkg-ima root/etc/pkgima.conf root/etc/keys/ima/* root/etc/keys/ima-ca/*
	setfattr -x security.ima root/usr/bin/tool
	setfattr -x security.ima root/usr/share/secret
	setfattr -x security.ima root/var/lib/dpkg/info/victim.prerm
	cp "$keys/ima.der" outside/keys/
	ln -s "$PWD/outside/keys/ima.der" root/etc/keys/ima/link.der
	run -1 --separate-stderr "$PKGIMA" apply --root root --all
	says '/etc/keys/ima/link.der does not count: no regular file'
	says 'victim: /usr/bin/tool: unknown-key: '
	none_signed root outside
}

@test "names with control characters are signed, installed and shown escaped" {
	local name file
	mkdir -p tree/usr/share/odd root
	for name in $'tab\there' $'esc\033[31mred' 'back\slash' 'two  spaces' $'del\177' $'bad\377utf8' '\012'; do
		printf '%s' "$name" >"tree/usr/share/odd/$name"
	done
	make_deb "$PWD/tree" odd
	sign --in-place odd.deb
	"$PKGIMA" verify --payload --certs "$keys/ima.der" odd.deb
	run -0 "$PKGIMA" show odd.deb
	[[ $output == *'/usr/share/odd/esc\033[31mred'* && $output == *'/usr/share/odd/bad\377utf8'* ]]
	make_root root
	install_into "$PWD/root" "$PWD/odd.deb"
	run -0 "$PKGIMA" apply --root root odd
	[[ $output == *': 7 files signed,'* ]]
	evm_accepts "$keys/ima.der" root/usr/share/odd/*
	for file in root/usr/share/odd/*; do
		setfattr -x security.ima "$file"
		echo changed >"$file"
	done
	run -1 --separate-stderr "$PKGIMA" apply --root root odd
	says 'odd: /usr/share/odd/esc\033[31mred: digest-mismatch: '
	says 'odd: /usr/share/odd/\134012: digest-mismatch: '
	run -0 --separate-stderr run_trigger "$PWD/root"
	says 'odd: /usr/share/odd/tab\011here: digest-mismatch: '
	none_signed root
	# A newline: dpkg-deb makes no such package, and dpkg's list of files cannot say the name.
	echo x >tree/usr/share/odd/$'new\nline'
	raw_members odd.deb members
	tar -C tree -cf members/data.tar ./usr
	repack members odd.deb
	sign --in-place odd.deb
	run -0 "$PKGIMA" verify --payload --certs "$keys/ima.der" odd.deb
	dpkg-deb -I odd.deb imasigs >root/var/lib/dpkg/info/odd.imasigs
	printf '/usr/share/odd/new\nline\n' >>root/var/lib/dpkg/info/odd.list
	cp tree/usr/share/odd/$'new\nline' root/usr/share/odd/
	run -1 "$PKGIMA" apply --root root odd
	none_signed root
}

@test "signatures that are malformed, of unknown keys or algorithms are never written" {
	local name edit verdict reason value
	while IFS='|' read -r name edit verdict reason; do
		echo "case: $name" >&2
		value=$(changed_value "$edit")
		awk -v v="$value" '$6 == "/usr/bin/tool" { $3 = v } 1' "$manifest" >bad.manifest
		with_manifest bad.manifest
		run -1 "$PKGIMA" verify --certs "$keys/ima.der" bad.deb
		[[ $output == *"bad.deb: /usr/bin/tool: $verdict: $reason"* ]]
		[[ $output == *'bad.deb: NOT ok: 2 of 3 files'* ]]
		run -0 "$PKGIMA" show bad.deb
		run -1 --separate-stderr "$PKGIMA" apply --root root --all
		says "pkgima apply: victim: /usr/bin/tool: $verdict: $reason"
		[[ $output == *': 2 files signed,'*', 1 not ok' ]]
		run -0 --separate-stderr run_trigger "$PWD/root"
		says "dpkg-ima: victim: /usr/bin/tool: $verdict: $reason"
		[ -z "$(ima_of root/usr/bin/tool)" ]
		[ -n "$(ima_of root/usr/share/secret)" ]
		# evmctl is of the same opinion, but does not look at the size in the header, as the kernel does.
		[[ $name != *size* ]] || continue
		setfattr -n security.ima -v "0s$value" root/usr/bin/tool
		run ! evmctl ima_verify --key "$keys/ima.der" root/usr/bin/tool
	done <<-'END'
		too long a size|s/^\(.\{14\}\)..../\10101/|bad-signature|its header says 257 bytes, 256 follow
		too short a size|s/^\(.\{14\}\)..../\100ff/|bad-signature|its header says 255 bytes, 256 follow
		size 65535|s/^\(.\{14\}\)..../\1ffff/|bad-signature|its header says 65535 bytes, 256 follow
		size 0|s/^\(.\{14\}\)..../\10000/|bad-signature|its header says 0 bytes, 256 follow
		a byte more|s/$/00/|bad-signature|its header says 256 bytes, 257 follow
		cut off|s/..$//|bad-signature|its header says 256 bytes, 255 follow
		header only|s/^\(.\{18\}\).*/\1/|bad-signature|9 bytes are too few for a signature
		one byte|s/^\(..\).*/\1/|bad-signature|1 bytes are too few for a signature
		algorithm 2|s/^\(....\)../\102/|bad-signature|hash algorithm 2 is not handled
		algorithm 255|s/^\(....\)../\1ff/|bad-signature|hash algorithm 255 is not handled
		another algorithm|s/^\(....\)../\106/|bad-signature|it signs a sha512 digest, the manifest has sha256
		unknown key|s/^\(......\)......../\1deadbeef/|unknown-key|key id deadbeef is not in the trust store
		version 1|s/^\(..\)../\101/|bad-signature|version 1 is not handled, only 2
		version 3|s/^\(..\)../\103/|bad-signature|version 3 is not handled, only 2
		a digest|s/^../04/|bad-signature|type 4 is not that of a signature of a file (3)
		a digit|s/0$/1/;t;s/.$/0/|bad-signature|it does not verify with key
	END
}

@test "the signature of another file, and of another CA, is not written" {
	local other
	other=$(entry_prefix | cut -d ' ' -f 3)
	awk -v v="$other" '$6 == "/usr/bin/tool" { $3 = v } 1' "$manifest" >bad.manifest
	with_manifest bad.manifest
	run -1 --separate-stderr "$PKGIMA" apply --root root --all
	says 'victim: /usr/bin/tool: bad-signature: it does not verify with key'
	# Digest and signature of the other file: good in themselves, but not of this content.
	sed 's|^.* f /usr/bin/tool$|'"$(entry_prefix)"' f /usr/bin/tool|' "$manifest" >bad.manifest
	with_manifest bad.manifest
	run -0 "$PKGIMA" verify --certs "$keys/ima.der" bad.deb
	run -1 "$PKGIMA" verify --payload --certs "$keys/ima.der" bad.deb
	[[ $output == *'/usr/bin/tool: digest-mismatch: '* ]]
	run -1 --separate-stderr "$PKGIMA" apply --root root --all
	says 'victim: /usr/bin/tool: digest-mismatch: the content is not what was signed'
	[ -z "$(ima_of root/usr/bin/tool)" ]
	cp "$victim" rogue.deb
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --in-place rogue.deb
	dpkg-deb -I rogue.deb imasigs >rogue.manifest
	with_manifest rogue.manifest
	cp "$keys/rogue/ima.der" root/etc/keys/ima/rogue.der
	run -1 --separate-stderr "$PKGIMA" apply --root root --all
	says '/etc/keys/ima/rogue.der does not count: not issued by a CA certificate in /etc/keys/ima-ca'
	says 'victim: /usr/bin/tool: unknown-key: '
	none_signed root
}

@test "certificates that no kernel would take, and keys that are another's, are refused before anything is written" {
	local leaf=$'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature' skid='subjectKeyIdentifier=hash'
	local name key reason cert
	openssl genpkey -quiet -algorithm ed25519 -out ed25519.key
	openssl genpkey -quiet -algorithm rsa -pkeyopt rsa_keygen_bits:1024 -out small.key
	openssl genpkey -quiet -algorithm ec -pkeyopt ec_paramgen_curve:secp256k1 -out curve.key
	certificate expired "$leaf"$'\n'$skid "$keys/ima.key" -1
	certificate ca $'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature,keyCertSign\n'$skid
	certificate certsign $'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyCertSign\n'$skid
	certificate noskid "$leaf"$'\nsubjectKeyIdentifier=none'
	certificate nousage $'basicConstraints=critical,CA:FALSE\n'$skid
	certificate encipher $'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyEncipherment\n'$skid
	certificate ed25519 "$leaf"$'\n'$skid ed25519.key
	certificate small "$leaf"$'\n'$skid small.key
	certificate curve "$leaf"$'\n'$skid curve.key
	certificate good "$leaf"$'\n'$skid
	openssl x509 -in good.pem -outform der | head -c -9 >cut.pem
	(openssl x509 -in good.pem -outform der && echo more) >longer.pem
	mkdir in
	echo content >file
	while IFS='|' read -r name key reason; do
		echo "case: $name" >&2
		cp "$hello" in/hello.deb
		cert=$name.pem
		[ "$name" != another ] || cert=good.pem
		[ "$key" != ima.key ] || key=$keys/ima.key
		[ "$key" != rogue.key ] || key=$keys/rogue/ima.key
		run -3 --separate-stderr "$PKGIMA" sign --key "$key" --cert "$cert" --out out in/hello.deb
		says "pkgima sign: ${reason/CERT/$cert}"
		[[ -z $output && ! -e out ]]
		run -3 --separate-stderr "$PKGIMA" sign --key "$key" --cert "$cert" --in-place in/hello.deb
		says "pkgima sign: ${reason/CERT/$cert}"
		run -3 --separate-stderr "$PKGIMA" sign --key "$key" --cert "$cert" --xattr file
		says "pkgima sign: ${reason/CERT/$cert}"
		cmp in/hello.deb "$hello"
		holds in hello.deb
		none_signed file
	done <<-END
		expired|ima.key|CERT cannot be used to sign files: expired
		ca|ima.key|CERT cannot be used to sign files: it is a CA certificate (CA:TRUE)
		certsign|ima.key|CERT cannot be used to sign files: its keyUsage has keyCertSign
		noskid|ima.key|CERT cannot be used to sign files: it has no Subject Key Identifier
		nousage|ima.key|CERT cannot be used to sign files: it has no keyUsage
		encipher|ima.key|CERT cannot be used to sign files: its keyUsage lacks digitalSignature
		ed25519|ed25519.key|CERT cannot be used to sign files: its key is neither RSA nor ECDSA
		small|small.key|CERT cannot be used to sign files: its RSA key has not 2048, 3072 or 4096 bits
		curve|curve.key|CERT cannot be used to sign files: its elliptic curve is neither P-256 nor P-384
		another|rogue.key|the key does not belong to CERT
		another|ed25519.key|the key does not belong to CERT
		another|good.pem|cannot read key good.pem: no private key in PEM
		cut|ima.key|CERT: no X.509 certificate in DER or PEM
		longer|ima.key|CERT: no X.509 certificate in DER or PEM
		missing|ima.key|cannot open certificate CERT: No such file or directory
	END
	"$PKGIMA" sign --key "$keys/ima.key" --cert good.pem --in-place in/hello.deb
	# For a reader the same certificates do not count; an expired one does, as for the kernel.
	for name in ca noskid ed25519; do
		run -3 --separate-stderr "$PKGIMA" verify --certs "$name.pem" in/hello.deb
		says "pkgima verify: $name.pem: it"
	done
	run -0 --separate-stderr "$PKGIMA" verify --certs expired.pem in/hello.deb
	says 'pkgima verify: warning: expired.pem: expired'
}

@test "disk full while signing: the original stays, and nothing is left" {
	local room before
	mkdir disk
	cp "$hello" original
	# From room for nothing more to room for all but the end of the new package.
	for room in 60k 64k 88k 112k; do
		mount -t tmpfs -o "size=$room" tmpfs disk
		cp original disk/hello.deb
		before=$(df --output=used disk)
		run -3 --separate-stderr sign --in-place disk/hello.deb
		says 'pkgima sign: disk/hello.deb: cannot write'
		says 'No space left on device'
		cmp original disk/hello.deb
		holds disk hello.deb
		run -3 --separate-stderr sign --out disk/out disk/hello.deb
		says 'No space left on device'
		holds disk hello.deb out
		rmdir disk/out
		[ "$before" = "$(df --output=used disk)" ]
		umount disk
	done
	mount -t tmpfs -o size=112k tmpfs disk
	cp "$signed" disk/hello.deb
	run -3 --separate-stderr "$PKGIMA" strip --in-place disk/hello.deb
	says 'pkgima strip: disk/hello.deb: cannot write'
	cmp "$signed" disk/hello.deb
	mount -o remount,size=1M disk
	sign --in-place disk/hello.deb
	cmp "$signed" disk/hello.deb
	# Of several, those for which there is room are whole.
	rm disk/hello.deb
	mount -o remount,size=200k disk
	mkdir in
	for room in 1 2 3 4; do
		cp "$victim" "in/a$room.deb"
	done
	cp "$hello" in/b1.deb
	cp "$hello" in/b2.deb
	cp "$hello" in/b3.deb
	run -3 --separate-stderr sign --out disk/out in
	says 'pkgima sign: in/b3.deb: cannot write'
	"$PKGIMA" verify --payload --certs "$keys/ima.der" disk/out/*.deb
	[ -z "$(find disk -name '.*')" ]
	# Where results go may be full as well.
	run -3 --separate-stderr bash -c '"$@" >/dev/full' bash "$PKGIMA" show "$signed"
	says 'pkgima show: cannot write to standard output: No space left on device'
}

@test "disk full while applying: files are reported, and the next run goes on" {
	local size
	mkdir disk
	truncate -s 16M image
	# Inodes without room for attributes: each signature takes a block.
	mkfs.ext4 -q -I 128 -m 0 -N 4000 -O ^has_journal image 2>/dev/null
	mount -o loop image disk || require loop-device
	many_files "$PWD/disk" 5 200
	# The stamp has room.
	mkdir -p disk/var/lib/dpkg-ima
	mount -t tmpfs tmpfs disk/var/lib/dpkg-ima
	echo old >disk/var/lib/dpkg-ima/stamp
	size=$(df --output=avail -B 4096 disk | tail -n 1)
	dd if=/dev/zero of=disk/fill bs=4096 count=$((size - 100)) status=none
	sync -f disk
	run -3 --separate-stderr "$PKGIMA" apply --root disk --all
	says ': failed: cannot set security.ima: No space left on device'
	[[ $output == '5 packages: '* && $output != *', 0 not ok'* ]]
	size=$(whole_values disk)
	[ "$size" -gt 0 ]
	[ "$size" -lt 1000 ]
	run -0 --separate-stderr run_trigger "$PWD/disk"
	says ': failed: cannot set security.ima: No space left on device'
	whole_values disk
	# Packages that have to be tried again are not in it.
	[ "$(head -n 1 disk/var/lib/dpkg-ima/stamp)" = 'dpkg-ima-stamp 1' ]
	[ "$(grep -c '^p' disk/var/lib/dpkg-ima/stamp)" -lt 5 ]
	run ! grep not-good disk/var/lib/dpkg-ima/stamp
	holds disk/var/lib/dpkg-ima stamp
	rm disk/fill
	run -0 --separate-stderr run_trigger "$PWD/disk"
	says 'files signed, of '
	all_values disk
	run -0 "$PKGIMA" apply --root disk --all
	[[ $output == '5 packages: 0 files signed, 1000 were signed already, 0 not ok' ]]
}

@test "files that become links while a folder is signed are not signed elsewhere" {
	local name pid result=0
	mkdir -p tree/folder outside/folder
	echo outside >outside/file
	for name in $(seq 100 279); do
		echo "$name" >"tree/$name"
		echo "$name" >"tree/folder/$name"
		echo "outside $name" >"outside/folder/$name"
	done
	# All names were read when the first files, of many, are about to get their signatures.
	strace -f -o trace -e trace=fsetxattr -e inject=fsetxattr:delay_enter=4000000:when=1 \
		"$PKGIMA" sign --xattr --key "$keys/ima.key" --cert "$keys/ima.der" -r tree >output 2>errors &
	pid=$!
	timeout 60 sh -c 'until grep -qs fsetxattr trace; do sleep 0.1; done'
	for name in tree/2*; do
		ln -sf ../outside/file "$name"
	done
	mv tree/folder tree.folder
	ln -s ../outside/folder tree/folder
	wait "$pid" || result=$?
	[ "$result" -eq 3 ]
	none_signed outside
	stderr=$(cat errors)
	says 'something else has taken its place'
}

@test "no core dump shows a private key" {
	local name
	strace -f -o sign -e trace=open,openat,prctl,setrlimit,prlimit64 "$PKGIMA" sign --key "$keys/ima.key" \
		--cert "$keys/ima.der" --out out "$victim"
	strace -f -o keygen -e trace=open,openat,prctl,setrlimit,prlimit64 "$PKGIMA" keygen --type ima --name new \
		--ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out new
	for name in sign keygen; do
		sed '/\.key"/,$d' "$name" >before
		[ -s before ]
		[ "$(wc -l <before)" -lt "$(wc -l <"$name")" ]
		grep 'RLIMIT_CORE, {rlim_cur=0, rlim_max=0}' before
		grep 'PR_SET_DUMPABLE, SUID_DUMP_DISABLE' before
	done
}

@test "killed while signing: packages are whole or not there, and a second run completes" {
	local number moment call signal
	local -a command=("$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der")
	mkdir in
	for number in $(seq 10 69); do
		ln "$hello" "in/$number.deb"
	done
	# At random moments, and where something is about to be given its name.
	for signal in KILL INT; do
		for moment in 1 2 3; do
			killed_after "$signal" "0.$(printf %03d $((RANDOM % 150 + 150 * moment - 140)))" "${command[@]}" \
				--out "out$signal" in
			only_whole "$hello" "out$signal"
		done
	done
	for call in sendfile fsync rename; do
		killed_at "$call" 5 "${command[@]}" --out "out$call" in
		only_whole "$hello" "out$call"
		[ "$(find "out$call" -name '*.deb' | wc -l)" -lt 60 ]
	done
	for call in outKILL outINT outrename; do
		"${command[@]}" --out "$call" in >/dev/null
		[ "$(find "$call" -name '*.deb' | wc -l)" -eq 60 ]
		for number in "$call"/*.deb; do
			cmp "$number" "$signed"
		done
	done
	"$PKGIMA" verify --payload --certs "$keys/ima.der" outKILL/1*.deb
	# In place: what is there is the old package or the new one.
	mkdir place
	for number in $(seq 10 39); do
		cp "$hello" "place/$number.deb"
	done
	killed_after KILL 0.1 "${command[@]}" --in-place place
	only_whole "$hello" place
	for call in fsync rename; do
		killed_at "$call" 8 "${command[@]}" --in-place place
		only_whole "$hello" place
	done
	"${command[@]}" --in-place place
	for number in place/*.deb; do
		cmp "$number" "$signed"
	done
}

@test "killed while applying: values are whole, and a second run completes" {
	local moment count
	many_files "$PWD/root" 5 200
	for moment in 1 2 3; do
		killed_after KILL "0.0$((RANDOM % 10 + 20 * moment))" "$PKGIMA" apply --root root --all
		count=$(whole_values root)
		echo "killed: $count signed"
	done
	rm -rf root
	many_files "$PWD/root" 5 200
	killed_at fsetxattr 120 "$PKGIMA" apply --root root --all
	count=$(whole_values root)
	[ "$count" -gt 0 ]
	[ "$count" -lt 1000 ]
	run -0 "$PKGIMA" apply --root root --all
	[[ $output == '5 packages: '*' files signed, '*' were signed already, 0 not ok' ]]
	all_values root
	run -0 "$PKGIMA" apply --root root --all
	[[ $output == *': 0 files signed, 1000 were signed already, 0 not ok' ]]
}

@test "killed in the trigger: values and stamp are whole, and a second run completes" {
	local call moment
	export DPKG_ROOT=$PWD/root
	many_files "$PWD/root" 5 200
	for moment in 1 2; do
		killed_after KILL "0.0$((RANDOM % 10 + 15 * moment))" "$trigger"
		whole_values root
	done
	for call in fsetxattr:3 fsync:1 rename:1; do
		rm -rf root
		many_files "$PWD/root" 5 200
		killed_at "${call%:*}" "${call#*:}" "$trigger"
		whole_values root
		# Without a stamp, or with one that is whole, nothing is forgotten.
		[ ! -s root/var/lib/dpkg-ima/stamp ] || [ "$(grep -c ' good$' root/var/lib/dpkg-ima/stamp)" -eq 5 ]
		run -0 "$trigger"
		all_values root
		run -0 "$trigger"
		[ -z "$output" ]
		[ "$(grep -c ' good$' root/var/lib/dpkg-ima/stamp)" -eq 5 ]
	done
}

@test "control and data members of all compressions are signed, installed and verified" {
	local control data name kind
	mkdir packages members out
	for control in none gzip xz zstd; do
		for data in none gzip xz zstd; do
			name=$control-$data
			rm -rf tree members
			mkdir -p "tree/usr/lib/$name" tree/DEBIAN members
			head -c 100000 /dev/urandom >"tree/usr/lib/$name/random"
			echo "$name" >"tree/usr/lib/$name/text"
			printf '#!/bin/sh\n# %s\n' "$name" >tree/DEBIAN/prerm
			chmod 755 tree/DEBIAN/prerm
			make_deb "$PWD/tree" "$name"
			raw_members "$name.deb" raw
			cp raw/debian-binary members
			compress "$control" <raw/control.tar >"members/control.tar$(suffix_of "$control")"
			compress "$data" <raw/data.tar >"members/data.tar$(suffix_of "$data")"
			repack members "packages/$name.deb"
		done
		# As dpkg-deb makes them.
		dpkg-deb -R "packages/$control-$control.deb" "tree-$control"
		sed -i "s/^Package: .*/Package: built-$control/" "tree-$control/DEBIAN/control"
		mv "tree-$control/usr/lib/$control-$control" "tree-$control/usr/lib/built-$control"
		dpkg-deb -Z"$control" -b "tree-$control" "packages/built-$control.deb" >/dev/null
	done
	sign --out out packages
	[ "$(find out -name '*.deb' | wc -l)" -eq 20 ]
	"$PKGIMA" verify --payload --certs "$keys/ima.der" out/*.deb
	for name in out/*.deb; do
		data=$(ar t "$name" | grep '^data\.tar')
		cmp <(ar p "$name" "$data") <(ar p "packages/${name#out/}" "$data")
		dpkg-deb -c "$name" >/dev/null
	done
	[ "$(ar t out/gzip-zstd.deb | tr '\n' ' ')" = 'debian-binary control.tar.gz data.tar.zst ' ]
	make_root root
	install_into "$PWD/root" out/*.deb
	run -0 "$PKGIMA" apply --root root --all
	[[ $output == '20 packages: 60 files signed,'* ]]
	evm_accepts "$keys/ima.der" root/usr/lib/*/* root/var/lib/dpkg/info/*.prerm
	kind=$(find root/usr/lib root/var/lib/dpkg/info/*.prerm -type f | wc -l)
	[ "$kind" -eq 60 ]
}
