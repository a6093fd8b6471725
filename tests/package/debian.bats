#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The source package and what is built of it: complete, as Debian wants it, the same bytes each time; and each binary
# package installed, upgraded, removed, purged and installed again.
# shellcheck disable=SC2016 # scripts for other shells, and formats of dpkg's

load helpers

# Shared: $packages, built; $dsc, the source package that they were built of.
setup_file()
{
	require root mmdebstrap dpkg-buildpackage unshare lintian blhc faketime readelf
	packages=$("$support/build-packages")
	dsc=$("$support/source-package" "$BATS_FILE_TMPDIR/source")
	export packages dsc
}

@test "the source package has each file of the tree, with its content and mode" {
	dpkg-source -x "$dsc" "$BATS_TEST_TMPDIR/source"
	cd "$TOP"
	if git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
		git -c safe.directory='*' ls-files -co --exclude-standard | while read -r file; do
			[ ! -e "$file" ] || echo "$file"
		done | sort >"$BATS_TEST_TMPDIR/tree"
		diff "$BATS_TEST_TMPDIR/tree" <(cd "$BATS_TEST_TMPDIR/source" && find . ! -type d | sed 's/^..//' | sort)
		[ "$(wc -l <"$BATS_TEST_TMPDIR/tree")" -gt 200 ]
	fi
	(cd "$BATS_TEST_TMPDIR/source" && find . -type f) | while read -r file; do
		cmp "$file" "$BATS_TEST_TMPDIR/source/$file"
		[ ! -x "$file" ] || [ -x "$BATS_TEST_TMPDIR/source/$file" ]
	done
}

@test "every package of debian/control is built, and nothing else" {
	diff <(sed -n 's/^Package: //p' "$TOP/debian/control" | sort) \
		<(for package in "$packages"/*.deb; do dpkg-deb -f "$package" Package; done | sort)
	for package in "$packages"/*.deb; do
		[ "$(dpkg-deb -f "$package" Version)" = "$(dpkg-parsechangelog -l "$TOP/debian/changelog" -S Version)" ]
	done
}

@test "lintian: no error and no warning, and each override has its reason" {
	# Its exit status counts what is overridden, too.
	run lintian --allow-root --tag-display-limit 0 --show-overrides --display-info "$dsc" "$packages"/*.deb \
		"$packages"/dbgsym/*.deb
	echo "$output"
	for package in 'pkgima source' pkgima dpkg-ima dpkg-ima-divert rpm-plugin-pkgima ima-init; do
		grep -q "^[OI]: $package: " <<<"$output"
	done
	run ! grep -E 'hardening|unused-override|mismatched-override|^[EW]: ' <<<"$output"
	local file line reason
	for file in "$TOP"/debian/*.lintian-overrides "$TOP"/debian/source/lintian-overrides; do
		reason=
		while read -r line; do
			case $line in
			'#'*) reason=yes ;;
			*) [ -n "$reason" ] || { echo "$file: $line: no reason"; return 1; } ;;
			esac
		done <"$file"
	done
}

# elf_files DIR: those that are linked.
elf_files()
{
	find "$1" -type f | while read -r file; do
		if readelf -h "$file" 2>/dev/null | grep -qE 'Type: +(DYN|EXEC)'; then
			echo "$file"
		fi
	done
}

@test "hardening: in the build's log, and in what came of it" {
	local file name count=0
	# Eleven instructions that end in a system call: pkg-ima-init/probe.c says why.
	run blhc --bindnow --ignore-line '.*(-c -o|-s -o) debian/build/(pkg-ima-init/probe\.o|ima-probe) .*' "$packages/log"
	echo "$output"
	[ "$status" -eq 0 ]
	for file in "$packages"/*.deb; do
		dpkg-deb -x "$file" "$BATS_TEST_TMPDIR/all"
	done
	while read -r file; do
		name=${file#"$BATS_TEST_TMPDIR/all"}
		echo "$name"
		run ! grep -E '\((RPATH|RUNPATH|TEXTREL)\)' <(readelf -dW "$file")
		readelf -lW "$file" | grep -qE ' GNU_STACK .* RW +0x'
		count=$((count + 1))
		case $name in
		/ima/latch | /ima/proof) continue ;;
		esac
		readelf -hW "$file" | grep -q 'Type: *DYN '
		readelf -lW "$file" | grep -q ' GNU_RELRO '
		readelf -dW "$file" | grep -qE '\(BIND_NOW\)|\(FLAGS\).*\bBIND_NOW\b|FLAGS_1.*\bNOW\b'
	done < <(elf_files "$BATS_TEST_TMPDIR/all")
	[ "$count" -eq 8 ]
}

@test "reproducible: built of the source package in another folder, at another time, with another umask and zone" {
	local work=$BATS_TEST_TMPDIR/another/folder/with-a-longer-name package count=0
	mkdir -p "$work/home"
	(
		cd "$work"
		umask 077
		# Times of files are the kernel's: those that make compares.
		env -i PATH="$PATH" HOME="$work/home" TZ=Asia/Kathmandu LC_ALL=C NO_FAKE_STAT=1 \
			DEB_BUILD_OPTIONS="parallel=$(($(nproc) + 1))" faketime -f '+400d' sh -ec '
			date
			dpkg-source -x "$1" here
			cd here
			dpkg-buildpackage -b -us -uc' sh "$dsc" >"$BATS_TEST_TMPDIR/log" 2>&1
	) || {
		tail -n 30 "$BATS_TEST_TMPDIR/log"
		return 1
	}
	[[ "$(head -n 1 "$BATS_TEST_TMPDIR/log")" != *"$(date +%Y)"* ]]
	for package in "$work"/*.deb; do
		case $package in
		*-dbgsym_*) cmp "$package" "$packages/dbgsym/${package##*/}" ;;
		*) cmp "$package" "$packages/${package##*/}" ;;
		esac
		count=$((count + 1))
	done
	[ "$count" -eq "$(find "$packages" -name '*.deb' | wc -l)" ]
	[ "$count" -ge 9 ]
}

# The packages with a lower version, as if they had been built then.
make_older()
{
	local package version tree=$BATS_TEST_TMPDIR/tree
	version=$(dpkg-parsechangelog -l "$TOP/debian/changelog" -S Version)
	older=$BATS_TEST_TMPDIR/older
	mkdir "$older"
	for package in "$packages"/*.deb; do
		rm -rf "$tree"
		dpkg-deb -R "$package" "$tree"
		sed -i "s/^Version: .*/Version: 0.0.9/; s/\([(]>\?= \)${version}[)]/\10.0.9)/g" "$tree/DEBIAN/control"
		dpkg-deb -b -Znone "$tree" "$older" >/dev/null
	done
}

# Everything in the root: kind, mode, owner, target of a link, path; and content, where packages leave traces in files that
# are not theirs. Left out is what dpkg, apt and debconf write by themselves, whatever is installed.
snapshot() # NAME
{
	(
		cd "$system"
		find . \( -path ./proc -o -path ./tmp -o -path ./run -o -path ./var/log -o -path ./var/cache -o -path ./root \
			-o -path ./var/lib/apt -o -path './var/lib/dpkg/*-old' -o -path './var/lib/dpkg/lock*' \
			-o -path './var/lib/dpkg/triggers/*' -o -path ./etc/ld.so.cache \) -prune -o -printf '%p %y %m %U:%G %l\n'
		find etc usr/bin/dpkg-deb* var/lib/dpkg/{diversions,statoverride,alternatives} -type f ! -name ld.so.cache \
			-exec sha256sum {} +
		sed 's/^/trigger: /' var/lib/dpkg/triggers/File
		# What is known to dpkg: one that is purged is not.
		in_root "$system" dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n'
	) | sort >"$BATS_TEST_TMPDIR/$1"
}

same() # NAME NAME
{
	diff "$BATS_TEST_TMPDIR/$1" "$BATS_TEST_TMPDIR/$2"
}

# What has come since a snapshot, and no installed package owns, but for these paths.
unowned() # SNAPSHOT PATH...
{
	local path
	snapshot now
	comm -13 <(sed 's/^\(\S*\) .*/\1/' "$BATS_TEST_TMPDIR/$1" | sort -u) \
		<(sed 's/^\(\S*\) .*/\1/' "$BATS_TEST_TMPDIR/now" | sort -u) | sed -n 's|^\./|/|p' |
		grep -v '^/var/lib/dpkg/info/' | while read -r path; do
		# Lists have the names before the merge of /usr.
		grep -qxF -e "$path" -e "${path#/usr}" "$system"/var/lib/dpkg/info/*.list ||
			printf '%s\n' "${@:2}" | grep -qxF "$path" || echo "$path"
	done >"$BATS_TEST_TMPDIR/unowned"
	cat "$BATS_TEST_TMPDIR/unowned"
	[ ! -s "$BATS_TEST_TMPDIR/unowned" ]
}

# Symbolic links that lead nowhere.
broken_links()
{
	in_root "$system" find / -xdev -path /proc -prune -o -xtype l -print | sort
}

# What postinst scripts and triggers make: by dpkg-ima, by the diversion, and how systemd knows that a unit is enabled.
made='/etc/apt/apt.conf.d/20dpkg-ima
/var/lib/dpkg-ima
/var/lib/dpkg-ima/stamp
/usr/bin/dpkg-deb.distrib
/etc/systemd/system/paths.target.wants
/etc/systemd/system/paths.target.wants/ima-init-keys.path
/var/lib/systemd/deb-systemd-helper-enabled/ima-init-keys.path.dsh-also
/var/lib/systemd/deb-systemd-helper-enabled/paths.target.wants
/var/lib/systemd/deb-systemd-helper-enabled/paths.target.wants/ima-init-keys.path'

# in_order SNAPSHOT: has come since that nobody owns, no link leads nowhere, and dpkg is content.
in_order()
{
	local -a lines
	mapfile -t lines <<<"$made"
	unowned "$1" "${lines[@]}"
	# dpkg passes over that one as long as nothing is there.
	diff "$BATS_TEST_TMPDIR/links" <(broken_links | grep -vx /etc/dpkg/dpkg.cfg.d/dpkg-ima)
	[ -z "$(in_root "$system" dpkg --audit)" ]
	[ -z "$(in_root "$system" dpkg --verify)" ]
}

@test "each package, and all together: installed, upgraded, removed, installed again, purged; nothing is left" {
	local package file needs version
	version=$(dpkg-parsechangelog -l "$TOP/debian/changelog" -S Version)
	system=$BATS_TEST_TMPDIR/system
	make_older
	# What they depend on; a machine that builds packages, for dh-ima.
	"$support/base-root" "$system" "${building[@]}"
	mkdir "$system/root/new"
	cp "$packages"/*.deb "$system/root/new"
	cp -r "$older" "$system/root/older"
	# What would take time after each step.
	rm -f "$system/var/lib/man-db/auto-update"
	echo force-unsafe-io >"$system/etc/dpkg/dpkg.cfg.d/unsafe-io"
	broken_links >"$BATS_TEST_TMPDIR/links"
	snapshot bare
	for package in pkgima dpkg-ima rpm-plugin-pkgima ima-init dpkg-ima-divert dh-ima; do
		echo "== $package"
		file=$(cd "$packages" && echo "$package"_*.deb)
		needs=
		case $package in
		dpkg-ima-divert) needs=dpkg-ima ;;
		dh-ima) needs=pkgima ;;
		esac
		[ -z "$needs" ] || in_root "$system" sh -c "dpkg -i /root/new/${needs}_*.deb"
		snapshot before
		# New, over itself, removed, again, purged.
		in_root "$system" dpkg -i "/root/new/$file"
		in_order before
		snapshot installed
		run ! same before installed
		in_root "$system" dpkg -i "/root/new/$file"
		snapshot again
		same installed again
		in_root "$system" dpkg -r "$package"
		snapshot removed
		# No package has conffiles: what is left for purging is in dpkg's database, and that a unit is enabled, which
		# debhelper keeps as if it were one.
		diff <(grep -v '^\./var/lib/dpkg/info/' "$BATS_TEST_TMPDIR/before") <(grep -vE \
			-e '^\./var/lib/dpkg/info/|^\./etc/systemd/system/paths\.target\.wants|/deb-systemd-helper-enabled/(ima-init-keys|paths\.target\.wants)' \
			-e "^$package $version config-files\$" "$BATS_TEST_TMPDIR/removed")
		in_root "$system" dpkg -i "/root/new/$file"
		snapshot again
		same installed again
		in_root "$system" dpkg -P "$package"
		snapshot purged
		same before purged
		# From an older version: what is there is the same as without one. One that depends on the same version of
		# another comes with it.
		[ "$package" != dpkg-ima-divert ] || in_root "$system" sh -c 'dpkg -i /root/older/dpkg-ima_*.deb'
		in_root "$system" sh -c "dpkg -i /root/older/${package}_0.0.9_*.deb"
		in_order before
		[ "$package" != dpkg-ima-divert ] || in_root "$system" sh -c 'dpkg -i /root/new/dpkg-ima*_*.deb'
		in_root "$system" dpkg -i "/root/new/$file"
		snapshot again
		same installed again
		in_root "$system" dpkg -P "$package"
		[ -z "$needs" ] || in_root "$system" dpkg -P "$needs"
		snapshot purged
		same bare purged
	done
	echo "== all"
	in_root "$system" sh -c 'apt-get install -y -q --no-install-recommends /root/older/*.deb'
	in_order bare
	in_root "$system" sh -c 'apt-get install -y -q --no-install-recommends /root/new/*.deb'
	in_order bare
	snapshot installed
	sed -n 's/^Package: //p' "$TOP/debian/control" | while read -r package; do
		grep -qx "$package $version installed" "$BATS_TEST_TMPDIR/installed"
	done
	# shellcheck disable=SC2046 # a list of names
	in_root "$system" apt-get remove -y -q $(sed -n 's/^Package: //p' "$TOP/debian/control")
	in_root "$system" sh -c 'apt-get install -y -q --no-install-recommends /root/new/*.deb'
	snapshot again
	same installed again
	# shellcheck disable=SC2046 # a list of names
	in_root "$system" apt-get purge -y -q $(sed -n 's/^Package: //p' "$TOP/debian/control")
	snapshot purged
	same bare purged
	diff "$BATS_TEST_TMPDIR/links" <(broken_links)
}

@test "a fresh system: apt installs pkgima and dpkg-ima, the key is put there, signed packages come, and all is signed" {
	require apt-ftparchive evmctl getfattr
	local keys=$BATS_TEST_TMPDIR/keys path package real='hello dash coreutils bash' count=0
	system=$BATS_TEST_TMPDIR/fresh
	make_keys "$keys"
	"$support/base-root" --bare "$system"
	cp /etc/resolv.conf "$system/etc/resolv.conf"
	# None of the libraries is there yet.
	run ! in_root "$system" dpkg-query -W libarchive13 libinih1 librpm9
	cp "$packages"/{pkgima,dpkg-ima}_*.deb "$system/root"
	in_root "$system" sh -c 'cd /root && apt-get update -q && apt-get install -y -q ./pkgima_*.deb ./dpkg-ima_*.deb'
	# Without a key there: nothing is signed that was not, and no harm is done.
	[ -z "$(in_root "$system" dpkg --audit)" ]
	run in_root "$system" pkgima status
	[[ $output == *"ok         apt       apt installs with the backend"* ]]
	install -D -m 644 "$keys/ca.der" "$system/etc/keys/ima-ca/site.der"
	install -D -m 644 "$keys/ima.der" "$system/etc/keys/ima/site.der"
	# A repository of packages of Debian, signed.
	mkdir "$system/repo" "$BATS_TEST_TMPDIR/original"
	# shellcheck disable=SC2086,SC2046 # lists of names
	cp $("$support/fetch-debs" $real) "$BATS_TEST_TMPDIR/original"
	sign --out "$system/repo" "$BATS_TEST_TMPDIR/original"
	make_repository "$system"
	# shellcheck disable=SC2086 # a list of names
	run in_root "$system" apt-get install -y -q --no-install-recommends --reinstall --allow-downgrades $real
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ dpkg-ima:\ ([0-9]+)\ of\ 4\ packages\ are\ signed,\ [0-9]+\ signatures\ verified,\ none\ refused ]]
	[ "${BASH_REMATCH[1]}" -eq 4 ]
	# Each file, each conffile that is executable, each script, in the judgement of evmctl.
	for package in $real; do
		while read -r path; do
			if [ ! -f "$system$path" ] || [ -L "$system$path" ]; then
				continue
			fi
			if [ ! -x "$system$path" ] && in_root "$system" dpkg-query -W -f '${Conffiles}\n' "$package" | grep -qF " $path "; then
				continue
			fi
			evm_accepts "$keys/ima.der" "$system$path"
			count=$((count + 1))
		done < <(
			cat "$system/var/lib/dpkg/info/$package.list"
			find "$system/var/lib/dpkg/info" -name "$package.*" -perm -100 -printf '/var/lib/dpkg/info/%f\n'
		)
	done
	[ "$count" -gt 200 ]
	[ "$(in_root "$system" hello)" = 'Hello, world!' ]
	run -0 in_root "$system" pkgima audit /bin/cat /bin/bash /usr/bin/hello /bin/dash
	run -0 in_root "$system" pkgima apply --all
	[[ $output == *": 0 files signed,"* ]]
	[ -z "$(in_root "$system" dpkg --audit)" ]
	# shellcheck disable=SC2086 # a list of names
	[ -z "$(in_root "$system" dpkg --verify $real)" ]
}
