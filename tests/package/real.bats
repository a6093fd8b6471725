#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Some two hundred packages of the Debian archive, unpacked with the dpkg-deb backend and without: what is installed is the
# same but for security.ima. Then what happens when the backend is killed, and apt's own way with dpkg-ima.

load helpers

# Essential ones, and what sets ids, diverts, has capabilities, hard links, conffiles, triggers, every kind of maintainer
# script, names that are not ASCII; with what they depend on.
packages='adduser at base-files base-passwd bash bash-completion bc bsdextrautils bsdutils busybox bzip2 ca-certificates
	coreutils cpio cron cron-daemon-common curl dash dbus-bin dbus-daemon dbus-session-bus-common dbus-system-bus-common
	debconf debianutils dictionaries-common diffutils dmidecode dosfstools dpkg ed eject emacsen-common fakeroot file
	findutils fonts-dejavu-core gawk gcc-12-base gettext-base git git-man gpgv grep groff-base gzip hello hostname
	hunspell-en-us ifupdown info init-system-helpers install-info iproute2 iputils-ping kmod less libacl1 libapparmor1
	libauthen-sasl-perl libbpf1 libbrotli1 libbsd0 libc-bin libc-l10n libc6 libcap2-bin libcbor0.8 libclone-perl
	libcurl3-gnutls libcurl4 libdbus-1-3 libedit2 libelf1 libencode-locale-perl liberror-perl libevent-core-2.1-7
	libexpat1 libfakeroot libfaketime libfido2-1 libfile-listing-perl libgcc-s1 libgssapi-krb5-2 libhtml-parser-perl
	libhtml-tagset-perl libhtml-tree-perl libhttp-cookies-perl libhttp-date-perl libhttp-message-perl
	libhttp-negotiate-perl libio-html-perl libio-socket-ssl-perl libjansson4 libk5crypto3 libkmod2 libkrb5-3
	libkrb5support0 libldap-2.5-0 liblwp-mediatypes-perl liblwp-protocol-https-perl libmagic-mgc libmagic1 libmnl0
	libmpfr6 libncursesw6 libnet-http-perl libnet-ssleay-perl libnewt0.52 libnftables1 libnftnl11 libnghttp2-14
	libnsl2 libpam-modules libpam-modules-bin libpam-runtime libpci3 libperl5.36 libpipeline1 libpopt0 libproc2-0
	libpsl5 libpython3-stdlib libpython3.11-minimal libpython3.11-stdlib libreadline8 libregexp-ipv6-perl librtmp1
	libsasl2-2 libsasl2-modules-db libselinux1 libsigsegv2 libslang2 libsqlite3-0 libssh2-1 libstdc++6
	libtext-iconv-perl libtimedate-perl libtirpc-common libtirpc3 libtry-tiny-perl libuchardet0 libunwind8 liburi-perl
	libutempter0 libwww-perl libwww-robotrules-perl libxtables12 libyaml-0-2 linux-base locales login logrotate
	lsb-release lsof m4 mailcap make man-db mawk media-types mount nano ncurses-base ncurses-bin netbase nftables
	openssh-client openssl passwd patch pci.ids pciutils perl perl-base perl-modules-5.36 perl-openssl-defaults procps
	psmisc python-is-python3 python3 python3-minimal python3-pkg-resources python3-yaml python3.11 python3.11-minimal
	readline-common rsync sed sensible-utils strace sudo sysvinit-utils tar tmux tzdata ucf udev unzip util-linux
	vim-common vim-tiny wamerican wget whiptail xz-utils zip zlib1g zutils'

setup_file()
{
	require root mmdebstrap apt-ftparchive evmctl getfattr dpkg-buildpackage unshare strace perl
	export keys=$BATS_FILE_TMPDIR/keys base=$BATS_FILE_TMPDIR/base original=$BATS_FILE_TMPDIR/original
	export signed=$BATS_FILE_TMPDIR/signed
	make_keys "$keys"
	make_system "$base"
	# Nothing of what is installed is started.
	printf '#!/bin/sh\nexit 101\n' >"$base/usr/sbin/policy-rc.d"
	chmod 755 "$base/usr/sbin/policy-rc.d"
	echo 0123456789abcdef0123456789abcdef >"$base/etc/machine-id"
	# What is needed comes from here; copies of the base are to be small.
	rm -rf "$base"/var/lib/apt/lists/* "$base"/var/cache/apt/*
	# Packages that lack what real ones rarely lack.
	mkdir -p "$BATS_FILE_TMPDIR/only-folders/usr/share/only-folders" "$BATS_FILE_TMPDIR/only-links/usr/share/only-links"
	ln -s ../nothing "$BATS_FILE_TMPDIR/only-links/usr/share/only-links/link"
	make_deb "$BATS_FILE_TMPDIR/only-folders" only-folders
	make_deb "$BATS_FILE_TMPDIR/only-links" only-links
	mkdir "$original"
	# shellcheck disable=SC2086,SC2046 # lists of names
	cp $("$support/fetch-debs" $packages) "$BATS_FILE_TMPDIR"/only-*.deb "$original"
	sign --out "$signed" "$original"
}

setup()
{
	work=$BATS_TEST_TMPDIR
	system=$work/system
}

# The commands that were begun in the background are waited for: what they do is bounded.
teardown()
{
	wait
	rm -rf --one-file-system "$work"/{system,with,without}
}

# new_system [DIR]: a copy of the base.
new_system()
{
	cp -a --reflink=auto "$base" "${1:-$system}"
	mkdir "${1:-$system}/debs"
}

backend_path=/usr/libexec/dpkg-ima/bin:/usr/sbin:/usr/bin:/sbin:/bin

# As apt calls dpkg: our folder is in front.
dpkg_in()
{
	in_root "$system" env PATH="$backend_path" dpkg "$@" </dev/null
}

plain_dpkg_in()
{
	in_root "$system" dpkg "$@" </dev/null
}

# give NAME...: real packages, signed, are in /debs.
give()
{
	local name
	for name; do
		cp "$signed/$name"_*.deb "$system/debs/$name.deb"
	done
}

# new_version NAME VERSION COMMAND...: rebuilds a real package ($signed/NAME_*.deb, or the file NAME) after the command
# changed its tree, and signs it; the result is $work/NAME-VERSION.deb.
new_version()
{
	local file=$1 version=$2 name=${1##*/}
	shift 2
	[ -f "$file" ] || file=$(echo "$signed/${file}"_*.deb)
	name=${name%%_*}
	rm -rf "$work/tree"
	dpkg-deb -R "$file" "$work/tree"
	rm -f "$work/tree/DEBIAN/imasigs"
	sed -i "s/^Version: .*/&+$version/" "$work/tree/DEBIAN/control"
	(cd "$work/tree" && "$@" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
	dpkg-deb -Zgzip -z1 -b "$work/tree" "$work/$name-$version.deb" >/dev/null
	sign --in-place "$work/$name-$version.deb"
}

no_leftovers()
{
	[ -z "$(find "$system" -xdev \( -name '*.dpkg-new' -o -name '*.dpkg-tmp' \) -print)" ]
}

settings()
{
	printf '%s\n' "$@" >"$system/etc/pkgima.conf"
}

# tree DIR START: what is below it, without security.ima: type, mode, owner, links, target, size, time (if from before
# START: what a package brings has that of the package), the first name of the same file; contents; other attributes.
tree()
{
	(
		cd "$1"
		find . -xdev \( -path ./proc -o -path ./debs \) -prune -o -printf '%p\t%D:%i\t%y %#m %U:%G %n %l\t%s\t%T@\n' |
			LC_ALL=C sort | awk -F '\t' -v start="$2" '
				!($2 in first) { first[$2] = $1 }
				{ print $1, $3, $3 ~ /^d/ ? "" : $4, $3 ~ /^[fl]/ && $5 < start ? $5 : "", first[$2] }'
		# Written by programs, with times or inodes in them.
		find . -xdev \( -path ./proc -o -path ./debs -o -path ./var/log -o -path ./var/cache/ldconfig -o \
			-path ./var/lib/dpkg-ima \) -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
		getfattr -R -h -P -d -m '^(security\.[^i]|system|trusted|user)' -e hex . 2>/dev/null | LC_ALL=C sort
	)
}

# manifests ROOT STATE: compares all manifests in dpkg's database with the values on files, as getfattr sees them. STATE is
# "unpacked": conffiles are still .dpkg-new; or "installed". Prints the files that carry what they should, a line each;
# fails, and says which, if others do not.
manifests()
{
	getfattr -R -h -P --absolute-names -n security.ima -e hex "$1" >"$work/values" 2>/dev/null || :
	# shellcheck disable=SC2016 # perl's
	perl -MCwd=realpath -MMIME::Base64 -e '
		use strict;
		my ($root, $state, $values) = @ARGV;
		my (%value, $file, %folder, %divert, $bad);
		sub unquote { my $text = shift; $text =~ s/\\([0-7]{3})/chr oct $1/ge; $text }
		sub place {
			my ($folder, $name) = $_[0] =~ m{^(.*)/([^/]*)$};
			$folder{$folder} //= realpath("$root$folder") // "";
			return "$folder{$folder}/$name";
		}
		open(my $in, "<", $values) or die;
		while (<$in>) {
			chomp;
			$file = unquote($1) if /^# file: (.*)/;
			$value{$file} = $1 if /^security\.ima=0x(.*)/;
		}
		open($in, "<", "$root/var/lib/dpkg/diversions") or die;
		chomp(my @diversions = <$in>);
		while (my ($from, $to, $by) = splice(@diversions, 0, 3)) { $divert{$from} = [$to, $by]; }
		for my $manifest (glob("$root/var/lib/dpkg/info/*.imasigs")) {
			my ($base) = $manifest =~ /(.*)\.imasigs$/;
			my ($package) = $base =~ m{([^/:]+)(?::[^/]*)?$};
			open($in, "<", "$base.list") or die;
			my %owned = map { chomp; ($_ => 1) } <$in>;
			open($in, "<", $manifest) or die;
			<$in>;
			while (<$in>) {
				chomp;
				my ($algorithm, $digest, $ima, $evm, $type, $path) = split / /;
				$path = unquote($path);
				my $wanted = unpack("H*", decode_base64($ima));
				if ($type eq "s") {
					$path =~ s{^DEBIAN/}{$base.};
				} else {
					next if !$owned{$path};
					my $to = $divert{$path};
					$path = place($to && $to->[1] ne $package ? $to->[0] : $path);
					$path .= ".dpkg-new" if $type eq "c" && $state eq "unpacked";
					$wanted = "" if $type eq "c" && !(((stat($path))[2] // 0) & 0111);
					next if $type eq "c" && $state ne "unpacked" && !$wanted;
				}
				if (($value{$path} // "") ne $wanted) {
					print STDERR "$package: $path has not what the manifest says\n";
					$bad = 1;
				} elsif ($wanted) {
					print "$path\n";
				}
			}
		}
		exit($bad ? 1 : 0);' "$1" "$2" "$work/values"
}

# named_when_signed TRACE: in a trace of dpkg (strace -f -y) in $system every regular file that a manifest there has gets its
# name by a rename from .dpkg-new, after its inode (whatever its name then was) got security.ima. NAMES are the packages.
named_when_signed()
{
	# shellcheck disable=SC2016 # perl's
	perl -e '
		use strict;
		my ($trace, $root, @packages) = @ARGV;
		my (%wanted, %named, %signed, %pending, %divert, $bad);
		sub inode { my @stat = lstat($_[0]); @stat ? "$stat[0]:$stat[1]" : "none $_[0]" }
		sub complain { print STDERR "@_\n"; $bad = 1; }
		open(my $in, "<", "$root/var/lib/dpkg/diversions") or die;
		chomp(my @diversions = <$in>);
		while (my ($from, $to, $by) = splice(@diversions, 0, 3)) { $divert{$from} = [$to, $by]; }
		for my $package (@packages) {
			my ($manifest) = glob("$root/var/lib/dpkg/info/{$package,$package:*}.imasigs");
			open($in, "<", $manifest) or die "$package\n";
			<$in>;
			while (<$in>) {
				chomp;
				my ($algorithm, $digest, $ima, $evm, $type, $path) = split / /;
				my $to = $divert{$path};
				$wanted{$to && $to->[1] ne $package ? $to->[0] : $path} = 1 if $type eq "f";
			}
		}
		open($in, "<", $trace) or die;
		while (my $line = <$in>) {
			$line =~ s/^(\d+) +// or die $line;
			my $pid = $1;
			# What a call that another one interrupts does may be seen from where it begins: $before.
			my $before = 0;
			if ($line =~ /^(.*) <unfinished \.\.\.>$/s) {
				my $text = $1;
				$pending{$pid} = [$text, $text =~ /^rename.*"(.*?)"/ && $signed{inode("$root$1")} ? 1 : -1];
				next;
			} elsif ($line =~ /^<\.\.\. \w+ resumed>(.*)/s) {
				$before = $pending{$pid}[1];
				$line = $pending{$pid}[0] . $1;
			}
			next if $line !~ /= \d/;
			if ($line =~ /^fsetxattr\(\d+<(.*?)\.dpkg-new>, "security\.ima"/) {
				$signed{inode($1)} = 1;
			} elsif ($line =~ /^rename\w*\((?:AT_FDCWD[^,]*, )?"(.*?)", (?:AT_FDCWD[^,]*, )?"(.*?)"/ && $wanted{$2}) {
				my ($from, $to) = ($1, $2);
				complain("$to was renamed from $from") if $from ne "$to.dpkg-new";
				complain("$to had its name before its signature")
					if $before < 0 || !$signed{inode("$root$to")};
				$named{$to}++;
			} elsif ($line =~ /^(?:link|linkat|open|openat|creat)\(.*"(.*?)"/ && $wanted{$1} &&
				 ($line =~ /^(link|creat)/ || $line =~ /O_CREAT|O_WRONLY|O_RDWR|O_TRUNC/)) {
				complain("$1 was made, or written to: $line");
			}
		}
		for (sort keys %wanted) { complain("$_ was not renamed once") if ($named{$_} // 0) != 1; }
		print scalar(keys %wanted), "\n";
		exit($bad ? 1 : 0);' "$1" "$system" "${@:2}"
}

# traced PATH COMMAND...: in $system, under strace; the trace is $work/trace.
traced()
{
	local path=$1
	shift
	strace -f -y -qq --seccomp-bpf -o "$work/trace" \
		-e trace=fsetxattr,rename,renameat,renameat2,link,linkat,open,openat,creat,unlink,unlinkat -e signal=none \
		env -i PATH="$path" HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive chroot "$system" "$@" </dev/null
}

@test "two hundred packages: with the backend only security.ima differs, and all have it right after unpacking" {
	local start count mine
	# Waiting for the disk is all that unsafe-io leaves out.
	local unpack='dpkg --no-triggers --force-depends --force-unsafe-io --unpack /debs/*.deb'
	[ "$(find "$signed" -name '*.deb' | wc -l)" -ge 200 ]
	for system in "$work/with" "$work/without"; do
		new_system "$system"
		ln "$signed"/*.deb "$system/debs"
	done
	start=$(date +%s)
	in_root "$work/with" env PATH="$backend_path" \
		sh -c "$unpack" >"$work/with.log" 2>&1 </dev/null &
	mine=$!
	in_root "$work/without" sh -c "$unpack" >"$work/without.log" 2>&1 </dev/null
	wait "$mine"
	# The same output, too.
	diff "$work/with.log" "$work/without.log"
	tree "$work/with" "$start" >"$work/with.tree"
	tree "$work/without" "$start" >"$work/without.tree"
	[ "$(wc -l <"$work/with.tree")" -gt 25000 ]
	diff "$work/with.tree" "$work/without.tree"
	cmp "$work"/{with,without}/var/lib/dpkg/status
	# Nothing is signed in the one; in the other all is, before any trigger.
	[ -z "$(getfattr -R -h -P --absolute-names -n security.ima "$work/without" 2>/dev/null)" ]
	manifests "$work/with" unpacked >"$work/files"
	count=$(wc -l <"$work/files")
	echo "$count files are signed"
	[ "$count" -gt 12500 ]
	# Also what stays: conffiles that were there already, unsigned, and are the package's.
	run -0 in_root "$work/with" pkgima apply --all
	echo "$output"
	[[ $output == *": 0 files signed,"*" 0 not ok"* ]]
	# evmctl's opinion of some.
	awk 'NR % 50 == 1' "$work/files" >"$work/sample"
	[ "$(wc -l <"$work/sample")" -ge 200 ]
	mapfile -t sample <"$work/sample"
	evm_accepts "$keys/ima.der" "${sample[@]}"
	# Configured, they are still the same.
	in_root "$work/with" env PATH="$backend_path" dpkg --configure --force-depends --force-unsafe-io -a \
		>"$work/with.log" 2>&1 </dev/null &
	mine=$!
	in_root "$work/without" dpkg --configure --force-depends --force-unsafe-io -a >"$work/without.log" 2>&1 </dev/null
	wait "$mine"
	tree "$work/with" "$start" >"$work/with.tree"
	tree "$work/without" "$start" >"$work/without.tree"
	diff "$work/with.tree" "$work/without.tree"
	[ -z "$(in_root "$work/with" dpkg --audit)" ]
	manifests "$work/with" installed >"$work/files"
	getfattr --absolute-names -n security.capability "$work/with/bin/ping"
	[ -u "$work/with/usr/bin/sudo" ]
}

@test "no file of a package can be seen under its name before it is signed" {
	local -a names=(gzip perl-base openssh-client sudo passwd bzip2 unzip git tzdata)
	new_system
	give zutils "${names[@]}"
	dpkg_in -i /debs/zutils.deb
	rm "$system/debs/zutils.deb"
	traced "$backend_path" sh -c 'dpkg --no-triggers --force-depends --unpack /debs/*.deb'
	run -0 named_when_signed "$work/trace" "${names[@]}"
	echo "$output"
	[ "$output" -gt 2000 ]
	# Diverted files, of which one is of another package, are among them.
	grep -q 'rename.*"/bin/zcat.gzip.dpkg-new", "/bin/zcat.gzip"' "$work/trace"
	# Without the backend that is not so: the check can fail.
	traced /usr/sbin:/usr/bin:/sbin:/bin dpkg --no-triggers --force-depends --unpack /debs/gzip.deb
	run -1 named_when_signed "$work/trace" gzip
	[[ $output == *"/bin/gzip had its name before its signature"* ]]
}

# pairs: digest and security.ima of each file that has one.
pairs()
{
	getfattr -R -h -P --absolute-names -n security.ima -e hex "$system" 2>/dev/null | sed -n 's/^# file: //p' >"$work/carriers"
	[ -s "$work/carriers" ] || return 0
	tr '\n' '\0' <"$work/carriers" | xargs -0 getfattr -h --absolute-names -n security.ima -e hex |
		sed -n 's/^security.ima=//p' >"$work/imas"
	tr '\n' '\0' <"$work/carriers" | xargs -0 sha256sum | cut -d ' ' -f 1 | paste - "$work/imas" | sort -u
}

# killed CALL CALLS NUMBER [-f]: installs $deb; the backend, at dpkg's CALL, gets SIGKILL when it (with -f: also a thread or
# child of its) makes the NUMBERth of these system calls.
killed()
{
	printf '%s\n' "call=$1" "calls=$2" "number=$3" "threads=$4" >"$system/root/kill/point"
	rm -f "$system/root/kill/trace"
	run in_root "$system" env PATH="/root/kill:$backend_path" dpkg -i "$deb" </dev/null
	[ "$status" -eq 1 ]
	grep -q '+++ killed by SIGKILL +++' "$system/root/kill/trace"
}

# measured CALL CALLS [-f]: like killed with the second version, but nothing is: the calls made are in kill/trace.
measured()
{
	printf '%s\n' "call=$1" "calls=$2" number= "threads=$3" >"$system/root/kill/point"
	rm -f "$system/root/kill/trace"
	in_root "$system" env PATH="/root/kill:$backend_path" dpkg -i /debs/passwd-2.deb </dev/null
}

@test "the backend killed anywhere: nothing wrong is signed, and dpkg gets over it" {
	local file total share number=0 call calls when threads deb
	new_system
	echo force-unsafe-io >"$system/etc/dpkg/dpkg.cfg.d/unsafe-io"
	give strace libunwind8 passwd
	dpkg_in -i /debs/strace.deb /debs/libunwind8.deb
	# A second version with other files.
	# shellcheck disable=SC2016 # the inner shell's
	new_version passwd 2 sh -c 'find usr -type f | while read -r file; do echo 2 >>"$file"; done'
	mv "$system/debs/passwd.deb" "$system/debs/passwd-1.deb"
	mv "$work/passwd-2.deb" "$system/debs/passwd-2.deb"
	mkdir "$system/root/kill"
	cat >"$system/root/kill/dpkg-deb" <<-'END'
		#!/bin/sh
		. /root/kill/point
		backend=/usr/libexec/dpkg-ima/bin/dpkg-deb
		[ "$1" = "$call" ] || exec $backend "$@"
		exec strace -q $threads -o /root/kill/trace -e trace=$calls \
			${number:+-e inject=$calls:signal=SIGKILL:when=$number} $backend "$@"
	END
	chmod 755 "$system/root/kill/dpkg-deb"
	# Which value belongs to which content: both versions once, found good by evmctl.
	for deb in 2 1; do
		dpkg_in -i "/debs/passwd-$deb.deb"
		pairs >"$work/known-$deb"
		[ "$(wc -l <"$work/carriers")" -gt 200 ]
		mapfile -t files <"$work/carriers"
		evm_accepts "$keys/ima.der" "${files[@]}"
	done
	sort -u "$work"/known-? >"$work/known"
	# How often it writes: a signal may split a write into two, so that there are more, but never fewer.
	measured --fsys-tarfile write
	total=$(grep -cE '^write\(.*, ([0-9]+)\) += \1$' "$system/root/kill/trace")
	[ "$total" -gt 20 ]
	# How many files the thread that gets most of them gets at least.
	measured --fsys-tarfile fsetxattr -f
	share=$(($(grep -c 'fsetxattr(' "$system/root/kill/trace") / $(env -i nproc)))
	[ "$share" -ge 3 ]
	while read -r call calls when threads; do
		number=$((number + 1))
		deb=/debs/passwd-$((number % 2 + 1)).deb
		# Some onto an empty place, others over the other version.
		[ $((number % 4)) -ne 0 ] || dpkg_in --purge --force-depends passwd
		echo "$number: $deb, killed at $call $calls $when"
		killed "--$call" "$calls" "$when" "$threads"
		pairs >"$work/now"
		[ -z "$(comm -23 "$work/now" "$work/known")" ]
		dpkg_in --configure -a
		dpkg_in -i "$deb"
		[ -z "$(plain_dpkg_in --audit)" ]
		[ -z "$(plain_dpkg_in --verify passwd)" ]
		no_leftovers
		manifests "$system" installed >"$work/files"
		pairs >"$work/now"
		[ -z "$(comm -23 "$work/now" "$work/known")" ]
	done <<-END
		control openat 1
		control clone 1
		control wait4 1
		control getdents64 1
		control fsetxattr 1
		control fsetxattr 2
		control exit_group 1
		fsys-tarfile openat 2
		fsys-tarfile pipe2 1
		fsys-tarfile clone 1
		fsys-tarfile write 1
		fsys-tarfile write $((total / 3))
		fsys-tarfile write $((total * 2 / 3))
		fsys-tarfile write $((total - 1))
		fsys-tarfile ioctl 1
		fsys-tarfile clone3 1
		fsys-tarfile fsetxattr 1 -f
		fsys-tarfile fsetxattr $((share / 3)) -f
		fsys-tarfile fsetxattr $((share * 2 / 3)) -f
		fsys-tarfile fsetxattr $share -f
		fsys-tarfile write $total
		fsys-tarfile exit_group 1
	END
	[ "$number" -ge 20 ]
}

# begin_repository NAME...: signed real packages that apt in $system prefers to all others.
begin_repository()
{
	mkdir -p "$system/repo"
	local name
	for name; do
		cp "$signed/$name"_*.deb "$system/repo"
	done
	make_repository "$system" >/dev/null
}

apt_in()
{
	in_root "$system" apt-get -y -q --no-install-recommends --allow-downgrades "$@" </dev/null
}

@test "apt: the hook counts, the backend signs" {
	new_system
	begin_repository hello zip
	run -0 apt_in install hello zip
	[[ $output =~ dpkg-ima:\ 2\ of\ 2\ packages\ are\ signed,\ [0-9]+\ signatures\ verified,\ none\ refused ]]
	# There was nothing left for the trigger.
	[[ $output != *"files signed, of"* ]]
	evm_accepts "$keys/ima.der" "$system/usr/bin/hello" "$system/usr/bin/zip"
	run -0 apt_in remove hello
	[[ $output != *dpkg-ima:* ]]
}

@test "apt's path: the administrator's is kept behind ours; where it cannot be, that is said" {
	local script ours
	new_system
	begin_repository hello zip
	ours=$(basename "$system"/root/packages/dpkg-ima_*.deb)
	script=$(cat "$system/etc/apt/apt.conf.d/20dpkg-ima")
	[[ $script == *'"/usr/libexec/dpkg-ima/bin:/usr/sbin:/usr/bin:/sbin:/bin"'* ]]
	apt_in purge dpkg-ima pkgima
	[ ! -e "$system/etc/apt/apt.conf.d/20dpkg-ima" ]
	echo 'DPkg::Path "/opt/site/bin:/usr/sbin:/usr/bin:/sbin:/bin";' >"$system/etc/apt/apt.conf.d/10site"
	run -0 apt_in install "/root/packages/$ours"
	[[ $output != *"dpkg-ima: warning"* ]]
	[[ "$(in_root "$system" apt-config dump DPkg::Path)" == *'"/usr/libexec/dpkg-ima/bin:/opt/site/bin:/usr/sbin:/usr/bin:/sbin:/bin"'* ]]
	run -0 apt_in install hello
	[[ $output == *"none refused"* && $output != *"dpkg-ima: warning"* && $output != *"files signed, of"* ]]
	evm_accepts "$keys/ima.der" "$system/usr/bin/hello"
	# Where another one wins.
	echo 'DPkg::Path "/usr/sbin:/usr/bin:/sbin:/bin";' >"$system/etc/apt/apt.conf"
	run -0 plain_dpkg_in -i "/root/packages/$ours"
	[[ $output == *"dpkg-ima: warning: DPkg::Path is set to /usr/sbin:/usr/bin:/sbin:/bin elsewhere"* ]]
	run -0 apt_in install zip
	[[ $output == *"dpkg-ima: warning: apt's DPkg::Path is /usr/sbin:/usr/bin:/sbin:/bin: signatures come only after"* ]]
	[[ $output == *"files signed, of"* ]]
	evm_accepts "$keys/ima.der" "$system/usr/bin/zip"
}

@test "dpkg-ima removed and not purged: apt goes on" {
	new_system
	begin_repository hello zip
	apt_in remove dpkg-ima
	[ -z "$(find "$system/etc/apt" "$system/usr/libexec" -name '*dpkg-ima*')" ]
	run -0 apt_in install hello
	[[ $output != *dpkg-ima* ]]
	[ -z "$(ima_of "$system/usr/bin/hello")" ]
	in_root "$system" hello
	# Removed in the run that installs another one, with the hook still known to that apt.
	in_root "$system" sh -c 'apt-get install -y -q /root/packages/dpkg-ima_*.deb'
	run -0 apt_in install zip dpkg-ima-
	run -0 apt_in install --reinstall hello
	[ -z "$(in_root "$system" dpkg --audit)" ]
}

# No system call in the trace took the name /usr/bin/dpkg-deb away.
never_without()
{
	! grep -E '^[0-9]+ +(unlink|rename)[a-z0-9]*\(([^",]*, )?"[^"]*/usr/bin/dpkg-deb"[,)].*(= 0|<unfinished)' "$work/trace"
}

is_diverted()
{
	[ "$system/usr/bin/dpkg-deb" -ef "$system/usr/libexec/dpkg-ima/bin/dpkg-deb" ]
	[ "$(in_root "$system" dpkg-divert --truename /usr/bin/dpkg-deb)" = /usr/bin/dpkg-deb.distrib ]
}

@test "the diversion: plain dpkg signs; it lasts through upgrades of dpkg and of ours, and leaves nothing" {
	local plain=/usr/sbin:/usr/bin:/sbin:/bin
	new_system
	give hello zip dpkg
	traced "$plain" sh -c 'mv /usr/bin/dpkg-deb /usr/bin/x && mv /usr/bin/x /usr/bin/dpkg-deb'
	run -1 never_without
	cp "$system/usr/bin/dpkg-deb" "$work/first"
	traced "$plain" sh -c 'dpkg -i /root/divert/*.deb'
	never_without
	is_diverted
	cmp "$work/first" "$system/usr/bin/dpkg-deb.distrib"
	# Plain dpkg.
	traced "$plain" dpkg -i /debs/hello.deb
	run -0 named_when_signed "$work/trace" hello
	evm_accepts "$keys/ima.der" "$system/usr/bin/hello"
	# dpkg again, and another dpkg.
	traced "$plain" dpkg -i /debs/dpkg.deb
	never_without
	is_diverted
	cmp "$work/first" "$system/usr/bin/dpkg-deb.distrib"
	evm_accepts "$keys/ima.der" "$system/usr/bin/dpkg-deb.distrib"
	new_version dpkg 2 sh -c 'echo 2 >>usr/bin/dpkg-deb'
	cp "$work/dpkg-2.deb" "$system/debs"
	cp "$work/tree/usr/bin/dpkg-deb" "$work/second"
	traced "$plain" dpkg -i /debs/dpkg-2.deb
	never_without
	is_diverted
	cmp "$work/second" "$system/usr/bin/dpkg-deb.distrib"
	# Ours, in a new version; the diverting package wants the same one.
	new_version "$(echo "$system"/root/packages/dpkg-ima_*.deb)" 2 \
		sh -c 'echo 2 >>usr/libexec/dpkg-ima/bin/dpkg-deb'
	cp "$work/dpkg-ima-2.deb" "$system/debs"
	new_version "$(echo "$system"/root/divert/*.deb)" 2 sed -i 's/dpkg-ima (= [^)]*/&+2/' DEBIAN/control
	cp "$work/dpkg-ima-divert-2.deb" "$system/debs"
	traced "$plain" dpkg -i /debs/dpkg-ima-2.deb /debs/dpkg-ima-divert-2.deb
	never_without
	is_diverted
	[ "$(tail -c 2 "$system/usr/bin/dpkg-deb")" = 2 ]
	[ -z "$(in_root "$system" dpkg --audit)" ]
	run -0 plain_dpkg_in -i /debs/zip.deb
	[[ $output != *"files signed, of"* ]]
	evm_accepts "$keys/ima.der" "$system/usr/bin/zip"
	# Gone, as dpkg brought it.
	traced "$plain" dpkg --purge dpkg-ima-divert
	never_without
	cmp "$work/second" "$system/usr/bin/dpkg-deb"
	[ ! -e "$system/usr/bin/dpkg-deb.distrib" ]
	[ -z "$(in_root "$system" dpkg-divert --list '*dpkg-deb*')" ]
	[ -z "$(find "$system/usr/bin" -name '*dpkg-ima*')" ]
	[ -z "$(in_root "$system" dpkg --verify dpkg)" ]
	plain_dpkg_in -i /debs/hello.deb
	[ -z "$(in_root "$system" dpkg --audit)" ]
}

# refused OUTPUT...: the last run of apt (its output in $output) failed, with all of these, and changed nothing.
refused()
{
	local text
	echo "$output"
	[ "$status" -eq 100 ]
	[[ $output == *"nothing was changed"* ]]
	for text; do
		[[ $output == *"$text"* ]]
	done
	[[ $output != *"Unpacking "* ]]
	tree "$system" 0 | grep -v -e ' \./var/log/' -e ' \./var/cache/' -e '^\./var/\(log\|cache\|lib/apt\)/' |
		diff "$work/before" -
}

remember()
{
	tree "$system" 0 | grep -v -e ' \./var/log/' -e ' \./var/cache/' -e '^\./var/\(log\|cache\|lib/apt\)/' >"$work/before"
}

@test "what the hook refuses is named, package by package, and nothing is changed" {
	local name
	new_system
	begin_repository hello zip
	for name in patch make ed; do
		cp "$original/$name"_*.deb "$system/repo"
	done
	make_repository "$system" >/dev/null
	settings '[install]' unsigned=refuse
	remember
	run apt_in install patch ed hello zip
	refused "dpkg-ima: patch: unsigned: it has no manifest" "dpkg-ima: patch: refused, since unsigned=refuse" \
		"dpkg-ima: ed: unsigned: it has no manifest" "dpkg-ima: ed: refused, since unsigned=refuse" \
		"2 of 4 packages are signed" "refused because of 2 packages"
	[[ $output != *"hello: "*refused* && $output != *"zip: "*refused* ]]
	# The others, without them.
	run -0 apt_in install hello
	# Signed by somebody.
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --in-place "$system"/repo/{patch,ed,make}_*.deb
	make_repository "$system" >/dev/null
	settings '[install]' untrusted=refuse
	remember
	run apt_in install patch ed zip
	refused "dpkg-ima: patch: " "dpkg-ima: patch: refused, since untrusted=refuse" "unknown-key" \
		"dpkg-ima: ed: refused, since untrusted=refuse" "refused because of 2 packages"
	settings '[install]' untrusted=warn
	run -0 apt_in install patch ed zip
	[[ $output == *"patch: "*"unknown-key"* ]]
	[ -z "$(ima_of "$system/usr/bin/patch")" ]
	evm_accepts "$keys/ima.der" "$system/usr/bin/zip"
}

@test "enforcing: a key, and what it signs, in one run is refused with what to do first, and works in two" {
	new_system
	"$PKGIMA" keygen --type ima --name 'Second IMA' --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" --out "$keys/second"
	mkdir -p "$work/key/etc/keys/ima" "$system/run/pkgima"
	cp "$keys/second/ima.der" "$work/key/etc/keys/ima/second.der"
	make_deb "$work/key" site-second-key
	sign --in-place "$work/site-second-key.deb"
	begin_repository zip
	cp "$work/site-second-key.deb" "$system/repo"
	cp "$original"/hello_*.deb "$system/repo"
	"$PKGIMA" sign --key "$keys/second/ima.key" --cert "$keys/second/ima.der" --in-place "$system"/repo/hello_*.deb
	make_repository "$system" >/dev/null
	echo mode=enforce >"$system/run/pkgima/state"
	remember
	run apt_in install site-second-key hello zip
	refused "comes with site-second-key in the same run: install that one first" "dpkg-ima: hello: refused" \
		"refused because of 1 package"
	run -0 apt_in install site-second-key
	run -0 apt_in install hello zip
	[[ $output == *"2 of 2 packages are signed"*"none refused"* ]]
	evm_accepts "$keys/second/ima.der" "$system/usr/bin/hello"
	evm_accepts "$keys/ima.der" "$system/usr/bin/zip" "$system/etc/keys/ima/second.der"
}
