#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# A whole pool: three hundred packages of Debian, signed, interrupted, resumed; then a repository of them that apt installs from.

load helpers
load pool

# Shared: $pool and, signed in one run, $whole.
setup_file()
{
	require root mmdebstrap apt-ftparchive evmctl getfattr dpkg-buildpackage script strace
	export keys=$BATS_FILE_TMPDIR/keys pool=$BATS_FILE_TMPDIR/pool whole=$BATS_FILE_TMPDIR/whole
	make_keys "$keys"
	make_pool "$pool"
	sign --out "$whole" "$pool" >"$BATS_FILE_TMPDIR/log"
}

setup()
{
	cd "$BATS_TEST_TMPDIR" || return 1
	total=$(count_packages "$pool")
}

@test "three hundred packages: each is signed, in its place, and every file verifies" {
	[ "$total" -ge 300 ]
	[ "$(grep -c ': signed, [0-9]* files$' "$BATS_FILE_TMPDIR/log")" -eq "$total" ]
	diff <(cd "$pool" && find . | sort) <(cd "$whole" && find . | sort)
	find "$whole" -name '*.deb' -print0 | xargs -0 "$PKGIMA" verify --certs "$keys/ima.der" --payload >verified
	[ "$(grep -cE ': ok: ([0-9]+) of \1 files$' verified)" -eq "$total" ]
	# dpkg-deb reads them as before: the same files.
	while read -r deb; do
		cmp <(dpkg-deb --fsys-tarfile "$pool/$deb") <(dpkg-deb --fsys-tarfile "$whole/$deb")
	done < <(cd "$pool" && find . -name '*.deb' | sort | sed -n '1~20p')
}

@test "threads, a list, and names relative to the pool make no difference" {
	(cd "$pool" && find . -name '*.deb' | sort -r | sign -j 1 --out "$BATS_TEST_TMPDIR/list" --from -) >log
	diff -r "$whole" list
	(cd "$pool" && find main/[a-m] -maxdepth 0 -type d | sign -j 3 --out "$BATS_TEST_TMPDIR/folders" --from -) >log
	part_of folders "$whole"
	[ "$(count_packages folders)" -eq "$(find "$pool"/main/[a-m] -name '*.deb' | wc -l)" ]
	# What leads elsewhere keeps its last part only.
	mkdir sub
	(cd sub && find ../list/main/a -name 'aha_*' | sign --out "$BATS_TEST_TMPDIR/flat" --from -)
	cmp flat/aha_*.deb "$whole"/main/a/aha/aha_*.deb
}

@test "what is signed already is passed over, and that is cheap" {
	find "$whole" -type f -printf '%i %p\n' | sort >inodes
	/usr/bin/time -o again -f '%U %S' "$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" --out "$whole" "$pool" >log
	[ "$(grep -c ': signed already$' log)" -eq "$total" ]
	find "$whole" -type f -printf '%i %p\n' | sort | diff inodes -
	cp -r "$whole" mine
	/usr/bin/time -o in-place -f '%U %S' "$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" --in-place mine >log
	[ "$(grep -c ': signed already$' log)" -eq "$total" ]
	diff -r "$whole" mine
	/usr/bin/time -o anew -f '%U %S' "$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" --out anew.d "$pool" >log
	echo "seconds of CPU time: anew $(cat anew), passed over $(cat again), in place $(cat in-place)"
	awk '{ sum[FILENAME] = $1 + $2 } END { exit !(sum["again"] < sum["anew"]) }' again anew
	# Of a package that is passed over the data member is not read: but for its end.
	big=$(cd "$whole" && find . -name '*.deb' -printf '%s %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
	strace -f -e trace=pread64,read,sendfile,fsync,renameat2 -o trace "$PKGIMA" sign --key "$keys/ima.key" \
		--cert "$keys/ima.der" --in-place "mine/$big"
	run ! grep -E 'sendfile|fsync|rename' trace
}

@test "what only seems to be signed is signed: other content, other key, other digests, in part, cut off" {
	cp -r "$whole" mine
	deb=$(cd "$whole" && echo main/a/aha/aha_*.deb)
	again()
	{
		sign --out mine "$pool" >log
		[ "$(grep -c ': signed already$' log)" -eq $((total - 1)) ]
		grep -q "/$deb: signed, " log
		cmp "mine/$deb" "$whole/$deb"
	}
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.pem" --in-place "mine/$deb"
	again
	"$PKGIMA" strip --in-place "mine/$deb"
	again
	sign --hash sha512 --in-place "mine/$deb"
	again
	head -c 5000 "$whole/$deb" >"mine/$deb"
	again
	: >"mine/$deb"
	again
	# A manifest with an entry too few, as another program may have written it.
	dpkg-deb -R "$whole/$deb" tree
	sed -i '/ f \/usr\/bin\/aha$/d' tree/DEBIAN/imasigs
	[ "$(wc -l <tree/DEBIAN/imasigs)" -ge 2 ]
	dpkg-deb -b tree "mine/$deb" >/dev/null
	again
	# Another build of the same version.
	echo more >>tree/usr/share/doc/aha/copyright
	rm tree/DEBIAN/imasigs
	cp -r "$pool" pool
	dpkg-deb -b tree "pool/$deb" >/dev/null
	sign --out mine pool >log
	[ "$(grep -c ': signed already$' log)" -eq $((total - 1)) ]
	"$PKGIMA" verify --certs "$keys/ima.der" --payload "mine/$deb"
	cmp <(dpkg-deb --fsys-tarfile "mine/$deb") <(dpkg-deb --fsys-tarfile "pool/$deb")
}

@test "broken packages do not stop the others, and are listed at the end" {
	cp -r "$pool" pool
	head -c 3000 "$pool"/main/a/aha/*.deb >pool/main/a/aha/cut.deb
	echo 'no package' >pool/main/c/text.deb
	ln -s /nonexistent pool/main/d/link.deb
	mkfifo pool/main/d/fifo.deb
	run --separate-stderr -3 sign --out out pool
	[ "$(grep -c ': signed, ' <<<"$output")" -eq "$total" ]
	# shellcheck disable=SC2154 # bats'
	echo "$stderr"
	diff <(tail -n 3 <<<"$stderr") - <<-END
		pkgima sign: 2 of $((total + 2)) could not be signed:
		  pool/main/a/aha/cut.deb
		  pool/main/c/text.deb
	END
	diff -r "$whole" out
	# In place they stay as they are.
	run -3 sign --in-place pool
	[ "$(cat pool/main/c/text.deb)" = 'no package' ]
	no_leftovers pool
}

# With a terminal of 200 columns; what was shown is in "shown".
on_terminal()
{
	# shellcheck disable=SC2016 # the inner shell's
	COMMAND="stty cols 200; $*" TERM=xterm timeout 120 script -qec 'bash -c "$COMMAND"' shown </dev/null >/dev/null
	tr '\r' '\n' <shown >lines
}

@test "progress, on a terminal: packages, files, rate and time left, where it is known how many there are" {
	export pool keys
	# Such that it takes a while.
	slow="strace -f -qq -e trace=fsync -e inject=fsync:delay_enter=3000 -o /dev/null"
	on_terminal "$slow $PKGIMA sign --key $keys/ima.key --cert $keys/ima.der --out out $pool"
	tail -n 3 lines
	grep -qE "[0-9]+ of $total packages, [0-9]+ files signed, [0-9]+ files/s, 0:[0-9]{2}:[0-9]{2} left; now $pool/main" lines
	grep -q "$total packages signed, [0-9]* files; 0 were signed already" lines
	rm -r out
	find "$pool" -name '*.deb' >list
	on_terminal "$slow $PKGIMA sign --key $keys/ima.key --cert $keys/ima.der --out out --from - <list"
	grep -qE "[0-9]+ of $total packages, .* left; now " lines
	on_terminal "cat list | $slow $PKGIMA sign --key $keys/ima.key --cert $keys/ima.der --out other --from -"
	grep -qE "[0-9]+ packages, [0-9]+ files signed, [0-9]+ files/s; now " lines
	run ! grep -q " left" lines
	diff <(cd out && find . -type f | wc -l) <(cd other && find . -type f | wc -l)
	# Without one there is none of it.
	sign --out third "$pool" >log 2>&1
	run ! grep -qE 'files/s|left' log
}

# begin COMMAND...: in the background; waits until some packages are there. $pid is the process.
begin()
{
	"$@" >log 2>errors 3>&- &
	pid=$!
	for _ in $(seq 600); do
		[ "$(count_done)" -lt 10 ] || break
		sleep 0.02
	done
}

@test "interrupted by a signal: what is there is whole, and the next run goes on" {
	count_done() { find out -name '*.deb' 2>/dev/null | wc -l; }
	for signal in INT TERM HUP KILL; do
		begin env --default-signal=INT,TERM,HUP "$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" --out out "$pool"
		kill "-$signal" "$pid"
		result=0
		wait "$pid" || result=$?
		[ "$result" -eq $((128 + $(kill -l "$signal"))) ]
		count=$(count_done)
		echo "$signal: $count"
		[ "$count" -ge 10 ]
		[ "$count" -lt "$total" ]
		part_of out "$whole"
		no_leftovers out
		if [ "$signal" != KILL ]; then
			# What it said is what is there.
			[ "$(grep -c ': signed, ' log)" -eq "$count" ]
		fi
		run -0 sign --out out "$pool"
		[ "$(grep -c ': signed already$' <<<"$output")" -eq "$count" ]
		diff -r "$whole" out
		rm -r out
	done
}

@test "a signal while it waits for the next name of a list: what was signed has been said" {
	local package pid result=0
	package=$(find "$pool" -name '*.deb' | head -n 1)
	mkfifo list
	env --default-signal=TERM "$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" --out out --from - <list >log 3>&- &
	pid=$!
	exec 8>list
	# The second has the place of a line that is never finished.
	printf '%s\n/' "$package" >&8
	for _ in $(seq 600); do
		[ ! -s log ] || break
		sleep 0.05
	done
	kill -TERM "$pid"
	wait "$pid" || result=$?
	exec 8>&-
	[ "$result" -eq 143 ]
	[ "$(grep -c ': signed, ' log)" -eq 1 ]
	[ "$(find out -name '*.deb' | wc -l)" -eq 1 ]
}

@test "a signal that is ignored, as under nohup, interrupts nothing" {
	count_done() { find out -name '*.deb' 2>/dev/null | wc -l; }
	begin env --ignore-signal=HUP --default-signal=INT "$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" \
		--out out "$pool"
	for _ in 1 2 3 4 5; do
		kill -HUP "$pid"
	done
	wait "$pid"
	diff -r "$whole" out
}

@test "interrupted in place: each package is as it was, or signed" {
	cp -r "$pool" mine
	count_done() { find mine -name '*.deb' -newer stamp | wc -l; }
	for _ in 1 2 3 4; do
		touch stamp
		begin env --default-signal=INT "$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" --in-place mine
		kill -INT "$pid" 2>/dev/null || break
		wait "$pid" || :
		while read -r deb; do
			cmp -s "mine/$deb" "$pool/$deb" || cmp "mine/$deb" "$whole/$deb"
		done < <(cd mine && find . -name '*.deb')
		no_leftovers mine
	done
	sign --in-place mine >/dev/null
	diff -r "$whole" mine
}

@test "memory does not grow with the number of packages" {
	big=$(find "$pool" -name '*.deb' -printf '%s %p\n' | sort -n | tail -n 20 | cut -d ' ' -f 2)
	rss() { /usr/bin/time -o rss -f '%M' "$PKGIMA" sign --key "$keys/ima.key" --cert "$keys/ima.der" "$@" >/dev/null; cat rss; }
	# shellcheck disable=SC2086 # a list of names
	few=$(rss -j 2 --out few $big)
	many=$(rss -j 2 --out many "$pool")
	passed_over=$(rss -j 2 --out many "$pool")
	echo "20: $few KiB, $total: $many KiB, passed over: $passed_over KiB"
	[ "$many" -lt $((few * 3 / 2)) ]
	[ "$passed_over" -lt $((few * 3 / 2)) ]
}

@test "a repository of them: apt installs from it, and the files have their signatures" {
	local system=$BATS_TEST_TMPDIR/system names=(aha birthday chrpath argon2 btcheck zypper-doc bytes-circle cd-discid)
	make_system "$system"
	mkdir "$system/repo"
	cp -r "$whole"/* "$system/repo"
	make_repository "$system"
	[ "$(grep -c '^Package: ' "$system/repo/Packages")" -eq "$total" ]
	run -0 in_root "$system" apt-get install -y -q --no-install-recommends "${names[@]}"
	[[ $output == *"dpkg-ima: ${#names[@]} of ${#names[@]} packages are signed, "*" none refused"* ]]
	for name in "${names[@]}"; do
		in_root "$system" dpkg -s "$name" | grep -qx 'Status: install ok installed'
		in_root "$system" apt-cache policy "$name" | grep -q 'file:/repo'
		while read -r file; do
			[ ! -f "$system$file" ] || [ -L "$system$file" ] || evm_accepts "$keys/ima.der" "$system$file"
		done < <(in_root "$system" dpkg -L "$name")
	done
	rm -rf --one-file-system "$system"
}
