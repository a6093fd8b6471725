# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2016,SC2154 # scripts for other shells; variables of the test
# For rehearsal.bats: "load rehearsal", behind both helpers. The commands of a guide, taken out of its text and run in their
# order, where it says that they are to be run.
#
# A fenced block whose first line is
#	```sh signing	is run on the signing machine, by a user in a folder of his own
#	```sh machine	is run on the machine, by root in /root
#	```sh back	undoes the machine's blocks of the same step: run behind them, and then these are run again
#	```text shown	what the block before prints, line by line in this order; "…" stands for anything, and there may be
#			more lines between
# The block "reboot" of the machine ends what is done in one boot. What stands before the first is done in a chroot: nothing
# enforces yet. So is the greater part of what installs all packages under a new key, of which an enforcing machine does twelve. Between two of them the blocks of the signing machine come first, and what they bring to the machine (rsync)
# comes when its turn is there: machines under test have no network.

# split_guide FILE DIR: each block as DIR/NNN.KIND; their order is that of the names.
split_guide()
{
	mkdir -p "$2"
	awk -v dir="$2" '
		/^```(sh|text) / { file = sprintf("%s/%03d-%s.%s", dir, ++count, step, $2); printf "" >file; next }
		/^```/ { if (file) close(file); file = ""; next }
		file { print >file; next }
		/^## [0-9]+\. / { step = $2 + 0 }
	' "$1"
	# A fence without a word is nothing that could be run: there are none.
	run ! grep -nE '^```(sh|text)?$' <(awk '/^```/ { inside = !inside; if (inside) print }' "$1")
}

# as_shown OUTPUT SHOWN: OUTPUT has the lines of SHOWN, in this order.
as_shown()
{
	local line text pattern found
	exec 7<"$1"
	while IFS= read -r line; do
		# Everything but the dots is meant as it stands.
		pattern=${line//\\/\\\\}
		pattern=${pattern//\*/\\*}
		pattern=${pattern//\?/\\?}
		pattern=${pattern//\[/\\[}
		pattern=${pattern//…/*}
		found=
		while IFS= read -r text <&7; do
			# shellcheck disable=SC2053 # it is a pattern
			if [[ $text == $pattern ]]; then
				found=yes
				break
			fi
		done
		[ -n "$found" ] || {
			echo "not shown, or not in this place: $line"
			exec 7<&-
			return 1
		}
	done <"$2"
	exec 7<&-
}

# What the signing machine has of other machines: packages come from the cache, or from $updates, and the machine is $stock
# or, once that has been started, the folder of what it is going to be brought.
signing_programs()
{
	mkdir -p "$bin" "$home"
	# That user's home is another one.
	export PKGIMA_CACHE=${PKGIMA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pkgima}
	cat >"$bin/apt-get" <<-'END'
		#!/bin/bash
		set -eu
		[ "$1" = download ]
		shift
		mapfile -t files < <(PATH=${PATH#*:} "$support/fetch-debs" "$@")
		cp "${files[@]}" .
		for file in "$updates"/*.deb; do
			[ -e "$file" ] || continue
			name=${file##*/}
			rm "${name%%_*}"_*.deb
			cp "$file" .
		done
	END
	cat >"$bin/scp" <<-'END'
		#!/bin/bash
		set -eu
		from=${1#root@machine:}
		[[ $from == /* ]] || from=/root/$from
		cp "$stock$from" "$2"
	END
	cat >"$bin/rsync" <<-'END'
		#!/bin/bash
		set -eu
		[ "$1 $2 $4" = "-a --delete root@machine:/srv/site/" ]
		to=$stock/srv/site
		[ ! -e "$states" ] || to=$(mktemp -d "$states/$(printf '%03d' "$(ls "$states" | wc -l)").XXX")
		mkdir -p "$to"
		rm -rf "$to"
		cp -a "$3" "$to"
	END
	chmod 755 "$bin"/*
	ln -sf "$PKGIMA" "$bin/pkgima"
}

# run_block FILE COMMAND...: runs it by that command, which reads it from its standard input, and compares what it shows.
run_block()
{
	local file=$1 shown status=0
	echo "== ${file##*/}"
	"${@:2}" <"$file" >"$file.out" 2>&1 || status=$?
	cat "$file.out"
	[ "$status" -eq 0 ] || {
		echo "== ${file##*/} ended with $status"
		return 1
	}
	shown=$(next_block "$file")
	[[ $shown != *.shown ]] || as_shown "$file.out" "$shown"
}

next_block()
{
	printf '%s\n' "${1%/*}"/*.{signing,machine,back,shown} | sort | grep -xF -A 1 -- "$1" | sed -n 2p
}

on_signing()
{
	(cd "$home" && env HOME="$home" PATH="$bin:$PATH" bash -eu)
}

on_machine()
{
	# The running kernel is not the one that the machine will have, where it shows its configuration.
	in_root "$stock" bash -euc '[ ! -e /proc/config.gz ] || {
			gzip -c /boot/config-6.12* >/run/config.gz
			mount --bind /run/config.gz /proc/config.gz
		}
		cd /root
		. /dev/stdin'
}

# with_grub COMMAND...: where $stock is a chroot on no disk of its own, what GRUB asks about disks is answered by a program of
# this test. It stands before the real one as a mount: dpkg could not replace that, so only where no package is installed.
with_grub()
{
	export -f in_root on_machine
	export probe=$BATS_FILE_TMPDIR/grub-probe
	[ -e "$probe" ] || {
		cat >"$probe" <<-'END'
			#!/bin/sh
			case "$*" in
			*--target=device*) echo /dev/vda ;;
			*--target=fs_uuid*) echo 01234567-89ab-cdef-0123-456789abcdef ;;
			*--target=partuuid*) exit 1 ;;
			*--target=fs*) echo ext2 ;;
			*--target=drive*) echo '(hd0)' ;;
			esac
		END
		chmod 755 "$probe"
	}
	unshare --mount bash -euc 'mount --bind "$probe" "$stock/usr/sbin/grub-probe"; "$@"' bash "$@"
}

# make_stock: $stock, a Debian system as its installer leaves one, with two kernels and somebody who can log in.
make_stock()
{
	local kernel packages=()
	for kernel in 6.1 6.12; do
		packages+=("$(dpkg-deb -f "$(stock_package "$kernel")" Package)")
	done
	"$support/base-root" "$stock" systemd-sysv dbus udev kmod login initramfs-tools zstd libpam-systemd grub2-common \
		linux-base "${packages[@]}"
	cp "$("$support/build-packages")"/pkgima_*.deb "$stock/root"
	# mmdebstrap has them from this machine, and their modes.
	chmod 644 "$stock"/etc/{hostname,resolv.conf}
	printf '#!/bin/sh\necho report\n' >"$stock/usr/local/bin/site-report"
	chmod 755 "$stock/usr/local/bin/site-report"
	in_root "$stock" sh -c 'useradd -m -s /bin/bash somebody && echo somebody:secret | chpasswd'
	# Nobody is asked.
	printf 'APT::Get::Assume-Yes "true";\nDpkg::Use-Pty "0";\n' >"$stock/etc/apt/apt.conf.d/90rehearsal"
	# What is lost when the power goes is of no interest.
	echo force-unsafe-io >"$stock/etc/dpkg/dpkg.cfg.d/rehearsal"
	rm -f "$stock"/etc/systemd/system/{timers.target.wants,getty.target.wants}/*
}

blocks()
{
	find "$guide" -name '*.signing' -o -name '*.machine' -o -name '*.back' | sort
}

# is_end BLOCK: does a segment end before it? "reboot"; and what takes an emulated machine longest: to install everything once
# more.
is_end()
{
	grep -qE '^reboot$|audit --key-id' "$1"
}

# next_segment: the blocks from the first that was not run yet to the next end, on standard output.
next_segment()
{
	local file
	blocks | while IFS= read -r file; do
		[[ ${file##*/} > $(cat "$BATS_FILE_TMPDIR/done") ]] || continue
		! is_end "$file" || break
		echo "$file"
	done
}

# rehearse_here: a segment in which the machine is a chroot. The blocks of a step that can be undone are run, undone, and run
# again.
rehearse_here()
{
	local file step again
	local -a list
	mapfile -t list < <(next_segment)
	for file in "${list[@]}"; do
		case $file in
		*.signing) run_block "$file" on_signing || return ;;
		*.machine) run_machine_block "$file" || return ;;
		*.back)
			run_block "$file" on_machine || return
			step=${file##*-}
			for again in "${list[@]}"; do
				[[ $again != *-"${step%.back}.machine" ]] || run_machine_block "$again" || return
			done
			;;
		esac
	done
	segment_done
}

run_machine_block()
{
	if ! grep -q '^pkgima enforce' "$1"; then
		run_block "$1" on_machine
		return
	fi
	# Now it has a menu: before, each kernel that is installed would ask about disks.
	mkdir -p "$stock/boot/grub"
	with_grub in_root "$stock" update-grub || return
	run_block "$1" with_grub on_machine
}

segment_done()
{
	local last
	last=$(next_segment | tail -n 1)
	# And the end behind it.
	last=$(blocks | grep -xF -A 1 -- "$last" | tail -n 1)
	echo "${last##*/}" >"$BATS_FILE_TMPDIR/done"
}

# segment_script: the script of a machine that runs the segment. What the signing machine does is done now.
segment_script()
{
	local file before after
	echo 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive; cd /root; exec </dev/null 2>&1'
	# It is no program, and would be taken for one.
	echo 'chmod 644 /test/script'
	echo 'block() { echo "== $1"; bash -eu "/srv/guide/$1"; echo "== $1 ended with $?"; }'
	echo 'state() { rm -rf /srv/site; cp -al "$1" /srv/site; }'
	echo 'echo "SYSTEM $(systemctl is-system-running --wait) $(systemctl is-active multi-user.target)"'
	while IFS= read -r file <&8; do
		case $file in
		*.signing)
			! grep -q 'publish key-2' "$file" || make_updates >&2
			before=$(ls "$states")
			run_block "$file" on_signing >&2 || return
			after=$(ls "$states")
			[ "$before" = "$after" ] || echo "state /srv/states/$(tail -n 1 <<<"$after")"
			;;
		*.machine) echo "block ${file##*/}" ;;
		esac
	done 8< <(next_segment)
	segment_done
}

# in_part BLOCK: the same for twelve of the packages, as a script for the machine.
in_part()
{
	sed 's/--packages)/--packages | head -n 12)/' "$1"
	echo 'echo "PART $?"'
}

# rest_here IMAGE BLOCK: and for the rest, in a chroot of the machine that was switched off.
rest_here()
{
	export -f run_block next_block as_shown
	# GRUB's menu would be made anew, by a program that finds no disk and that is replaced itself.
	on_image "$1" bash -euc 'mv "$stock/boot/grub/grub.cfg" "$stock/boot/grub.cfg"
		run_block "$1" on_machine
		mv "$stock/boot/grub.cfg" "$stock/boot/grub/grub.cfg"' bash "$2"
}

# make_updates: $updates, a newer version of some packages that all else depends on, as Debian would bring it out.
make_updates()
{
	local file name version tree=$BATS_TEST_TMPDIR/update
	mkdir -p "$updates"
	for name in libc6 libc-bin dpkg bash coreutils systemd systemd-sysv libsystemd-shared libsystemd0 libpam-systemd udev \
		libudev1; do
		file=$(echo "$home/pool/${name}"_*.deb)
		version=$(dpkg-deb -f "$file" Version)
		rm -rf "$tree"
		dpkg-deb -R "$file" "$tree"
		# Packages of one source may want each other in the same version.
		sed -i -e "s/^Version: .*/&+u1/" -e "/^\(Pre-\)\{0,1\}Depends:/s/(= ${version//./\\.})/(= $version+u1)/g" \
			"$tree/DEBIAN/control"
		dpkg-deb --root-owner-group -Zxz -z1 -b "$tree" "$updates/${name}_${version//:/%3a}+u1_amd64.deb" >/dev/null
	done
}

# on_image IMAGE COMMAND...: with the image mounted on $stock, for so long as this takes.
on_image()
{
	local fsck=0
	e2fsck -fp "$1" >"$BATS_TEST_TMPDIR/fsck" 2>&1 || fsck=$?
	[ "$fsck" -le 1 ] || cat "$BATS_TEST_TMPDIR/fsck"
	export stock=$BATS_FILE_TMPDIR/mounted
	export -f in_root on_machine with_grub
	mkdir -p "$stock"
	# The mount goes with its name space.
	unshare --mount bash -euc 'mount -o loop "$1" "$stock"; shift; "$@"' bash "$@"
}

# make_image IMAGE: of $stock, with a unit and /srv/guide, which are the hands of this test in it.
make_image()
{
	mkdir -p "$stock/srv/guide" "$stock/opt/planted"
	cp "$guide"/*.machine "$stock/srv/guide"
	make_unit "$stock"
	sign_here "$stock/test/init"
	mke2fs -q -F -t ext4 -m 0 -N 80000 -d "$stock" "$1" 3G
}

# A machine with another kernel, and the word to enforce said without having been booted.
enforce_at_once()
{
	sign_here "$BATS_FILE_TMPDIR/grub-probe"
	on_image "$1" bash -euc 'with_grub on_machine <<<"pkgima enforce on"'
}

# What this test itself has on the machine, in no package, signed by the site's key.
sign_here()
{
	local key=${site_key:-key-1}
	"$PKGIMA" sign --xattr --key "$home/$key/ima.key" --cert "$home/$key/ima.pem" "$@"
}

# sign_anew IMAGE: by the second one.
sign_anew()
{
	export -f sign_here
	on_image "$1" bash -euc 'site_key=key-2 sign_here "$stock/test/init"'
}

# start KERNEL IMAGE SCRIPT [SECONDS]: boots IMAGE to multi-user.target with its own initramfs. IMAGE is then as the machine
# has left it, and $out what the script has said.
start()
{
	local name
	out=$BATS_TEST_TMPDIR/out audit=$BATS_TEST_TMPDIR/audit console=$BATS_TEST_TMPDIR/console
	# shellcheck disable=SC2016
	on_image "$2" bash -euc 'rm -rf "$stock/test/script" "$stock/srv/states"
		cp "$stock/boot/initrd.img-$1."* "$2/initrd"
		[ ! -d "$states" ] || cp -a "$states" "$stock/srv/states"' bash "$1" "$BATS_TEST_TMPDIR"
	boot "$1" "$2" "$3" --initrd "$BATS_TEST_TMPDIR/initrd" --init /sbin/init --smp 2 --mem 1024M --timeout "${4-2400}" \
		--console "$console" --kmsg "$BATS_TEST_TMPDIR/kmsg" --audit "$audit" --result "$BATS_TEST_TMPDIR/result" \
		--append quiet --save-image "$2.new" >"$out" || :
	cat "$BATS_TEST_TMPDIR/result" "$out"
	mv "$2.new" "$2"
	grep -a 'ima-init: ' "$console" || :
	grep -q '^exit 0$' "$BATS_TEST_TMPDIR/result"
	grep -qx 'SYSTEM running active' "$out"
}

# as_guided: each block that the machine has run ended well, and showed what the guide shows.
as_guided()
{
	local name shown blocks=0
	while read -r name; do
		grep -qx "== $name ended with 0" "$out" || {
			echo "did not end well: $name"
			return 1
		}
		sed "1,/^== $name\$/d; /^== $name ended/,\$d" "$out" >"$guide/$name.out"
		shown=$(next_block "$guide/$name")
		[[ $shown != *.shown ]] || as_shown "$guide/$name.out" "$shown"
		blocks=$((blocks + 1))
	done < <(sed -n 's/^== \([^ ]*\)$/\1/p' "$out")
	[ "$blocks" -eq "$1" ]
}

# What a machine that enforces is asked at the end.
checks()
{
	cat <<-'END'
		check() { what=$1; shift; echo "CHECK $what: $("$@" 2>&1 </dev/null | tr -s '\r\n' ' ')"; }
		cp /usr/bin/id /opt/planted/unsigned
		cp /usr/bin/id /opt/planted/tampered
		signature=$(getfattr --absolute-names --only-values -n security.ima /usr/bin/id | od -An -tx1 | tr -d ' \n')
		setfattr -n security.ima -v "0x$signature" /opt/planted/tampered
		cp --preserve=mode /opt/planted/tampered /opt/planted/copy
		setfattr -n security.ima -v "0x$signature" /opt/planted/copy
		echo >>/opt/planted/tampered
		check unsigned /opt/planted/unsigned
		check tampered /opt/planted/tampered
		check copy /opt/planted/copy -un
		check release uname -r
		check failed systemctl --failed --no-legend
		check su su -l somebody -c 'id -un'
		# login on a terminal, to which somebody types.
		mkfifo /run/typed
		: >/run/typescript
		script -qfec login /run/typescript </run/typed >/dev/null 2>&1 &
		exec 9>/run/typed
		type() {
			tries=0
			until grep -aq "$1" /run/typescript || [ $((tries += 1)) -gt 600 ]; do sleep 0.1; done
			echo "$2" >&9
		}
		type 'login: ' somebody
		type 'Password: ' secret
		type '\$ ' 'echo "session $XDG_SESSION_ID of $(id -un) on $(tty)"; /opt/planted/unsigned; /opt/planted/copy -un; exit'
		exec 9>&-
		wait
		check login cat /run/typescript
		check nginx bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; echo GET / >&3; cat <&3'
		# What the kernel has said is in the journal, too; here it is read there alone.
		mount --bind /dev/null /dev/kmsg
		check log pkgima audit --log
		umount /dev/kmsg
		sync
	END
}

# enforces KERNEL: what those checks have found is as it should be, and nothing was denied but what is to be.
enforces()
{
	grep -q "^CHECK release: $1[.]" "$out"
	grep -qx 'CHECK failed: ' "$out"
	grep -q '^CHECK unsigned: .*Permission denied' "$out"
	grep -q '^CHECK tampered: .*Permission denied' "$out"
	grep -qx 'CHECK copy: root ' "$out"
	grep -qx 'CHECK su: somebody ' "$out"
	grep -Eq '^CHECK login: .* session [0-9a-z]+ of somebody on /dev/pts/[0-9]+ .*Permission denied somebody ' "$out"
	grep -q '^CHECK nginx: .*Welcome to nginx' "$out"
	grep -Eq '^CHECK log: .*/opt/planted/unsigned: unsigned: denied ' "$out"
	grep -Eq '^CHECK log: .*/opt/planted/tampered: bad-signature: denied ' "$out"
	denials "$audit"
	run ! grep -vE 'name="/(opt/planted/(unsigned|tampered)|root/unsigned)"' < <(denials "$audit")
	grep -qE 'cause=IMA-signature-required .*name="/opt/planted/unsigned".* res=0' "$audit"
	grep -qE 'cause=invalid-signature .*name="/opt/planted/tampered".* res=0' "$audit"
}

denials()
{
	grep -E 'type=1800 .* res=0' "$1" || :
}
