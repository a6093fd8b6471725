#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The quick start of README.md, run as it stands there: its first block in a copy of this tree, by a user who is not root
# where there is one; the last one in a Debian system.

load helpers

setup_file()
{
	require root mmdebstrap apt-get dpkg-buildpackage git evmctl unshare runuser
	export work=$BATS_FILE_TMPDIR/sources home=$BATS_FILE_TMPDIR
}

# block N: the Nth of the fenced blocks under the heading.
block()
{
	awk -v wanted="$1" '
		/^## / { within = $0 == "## Quick start" }
		within && /^```/ { code = !code; number += code; next }
		within && code && number == wanted' "$TOP/README.md"
}

@test "what it has: three blocks, of which the second makes packages" {
	[ "$(block 2)" = 'dpkg-buildpackage -us -uc -b' ]
	block 3 | grep -q '^apt-get install'
	[ -z "$(block 4)" ]
}

@test "from nothing to a signed package" {
	mkdir "$work"
	(cd "$TOP" && git ls-files -z | xargs -0 cp --parents -t "$work")
	chmod 755 "$home" "$BATS_RUN_TMPDIR" "${BATS_FILE_TMPDIR%/*}"
	chown -R nobody: "$work"
	# What was built already need not be built again; the flags are those of the tests.
	mkdir "$work/build"
	tar -C "${PKGIMA_BUILD:-$TOP/build}" -c --exclude=./sanitize --exclude=./packages --exclude=./fuzz --exclude=./tests . |
		tar -C "$work/build" -x
	chown -R nobody: "$work"
	block 1 >"$home/first"
	run -0 runuser -u nobody -- env -C "$work" HOME="$work" MAKEFLAGS='-j2 WERROR=1' sh -euc "$(cat "$home/first")"
	echo "$output"
	[[ $output == *"DEBIAN/"* || $output == *"/usr/bin/hello"* ]]
	[[ ${lines[-1]} == signed/hello_*.deb:\ ok* ]]
	# As the page says.
	# shellcheck disable=SC2016 # backquotes, as they stand there
	says=$(grep -oE 'says `signed/hello_[^`]*`' "$TOP/README.md" | sed 's/.*: //; s/`//')
	[[ ${lines[-1]} == *": $says"* ]]
	[ "$(stat -c %a "$work/ca/ca.key")" = 600 ]
}

@test "and the machine that installs it" {
	local packages system=$home/system
	[ -d "$work/signed" ] || skip "there is no signed package"
	packages=$("$support/build-packages")
	"$support/base-root" "$system"
	cp /etc/resolv.conf "$system/etc/resolv.conf"
	mkdir "$system/root/start"
	cp "$packages"/{pkgima,dpkg-ima}_*.deb "$system/root/start"
	cp -r "$work"/{ca,signing,signed} "$system/root/start"
	echo 'APT::Get::Assume-Yes "true";' >"$system/etc/apt/apt.conf.d/yes"
	# The last command says by its exit status that this machine does not enforce yet.
	{
		block 3 | sed '$d'
		block 3 | tail -n 1 | sed 's/#.*//; s/$/ || [ $? -eq 1 ]/'
	} >"$system/root/third"
	[ "$(block 3 | tail -n 1 | cut -d' ' -f 1-2)" = 'pkgima status' ]
	run -0 in_root "$system" sh -euc 'cd /root/start; . /root/third'
	echo "$output"
	said=$(grep -oE '# "dpkg-ima: [^"]*"' "$TOP/README.md" | sed 's/^# "//; s/"$//')
	[[ $output == *"$said"* ]]
	evmctl ima_verify --key "$work/signing/ima.der" "$system/usr/bin/hello"
}
