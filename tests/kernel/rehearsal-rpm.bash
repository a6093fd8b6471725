# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2016,SC2154 # scripts for other shells; variables of the bats file
# For rehearsal-rpm.bats: "load rehearsal-rpm", behind helpers, ../package/helpers and ../package/rpm. A system all of whose
# files rpm has installed: the files are Debian's, the packages are made here, and no dpkg knows of any.

# What is upgraded to a higher version, and the Debian packages whose files each has.
upgraded='libc6 dash bash coreutils systemd python rpm dnf'

debian_packages()
{
	case $1 in
	systemd) echo systemd systemd-sysv udev libsystemd0 libsystemd-shared libudev1 ;;
	python) echo python3.11-minimal libpython3.11-minimal libpython3.11-stdlib python3-minimal ;;
	rpm) echo rpm rpm-common rpm2cpio librpm9 librpmio9 librpmbuild9 librpmsign9 ;;
	dnf) echo dnf dnf-data python3-dnf libdnf2 python3-libdnf ;;
	*) echo "$1" ;;
	esac
}

# make_seed DIR: the files, with a kernel among them.
make_seed()
{
	local stock release
	stock=$("$kernel_tests/fetch-stock" "$kernel")
	"$support/base-root" "$1" systemd-sysv dbus udev kmod keyutils cpio zstd xz-utils mount linux-base dracut rpm dnf
	# Not with -x, which would put a folder in the place of the link /lib.
	dpkg-deb --fsys-tarfile "$stock/package.deb" | tar -C "$1" -x --keep-directory-symlink
	release=$(cat "$stock/version")
	in_root "$1" depmod "$release"
	# Where rpm has its database on systems that are its own; dnf has no package to tell the release from.
	mkdir -p "$1/etc/rpm" "$1/etc/dnf/vars" "$1/etc/yum.repos.d" "$1/etc/dracut.conf.d"
	printf '%%_dbpath /var/lib/rpm\n' >"$1/etc/rpm/macros"
	echo 1 >"$1/etc/dnf/vars/releasever"
	printf '[site]\nname=site\nbaseurl=file:///srv/repo\ngpgcheck=0\nmetadata_expire=0\n' >"$1/etc/yum.repos.d/site.repo"
	# What such a machine needs to find its root, and little more.
	printf 'hostonly=no\ncompress=cat\ndracutmodules+=" base rootfs-block kernel-modules ima-init "\ndrivers+=" virtio_blk "\n' \
		>"$1/etc/dracut.conf.d/site.conf"
	# Nobody logs in, and nothing is updated.
	rm -f "$1"/etc/systemd/system/{timers.target.wants,getty.target.wants}/*
	ln -s /dev/null "$1/etc/systemd/system/systemd-update-utmp.service"
	cp -r "$1/var/lib/dpkg/info" "$lists"
	rm -rf "$1"/var/lib/{dpkg,apt} "$1"/var/cache/{apt,debconf} "$1"/var/log/* "$1"/etc/keys "$1"/usr/share/{doc,man,locale}
	# The runner, and a service that starts it.
	mkdir -p "$1/test" "$1/etc/systemd/system/multi-user.target.wants"
	cp "$(boot --print-init)" "$1/test/init"
	printf '[Service]\nExecStart=/test/init\nTimeoutSec=infinity\n' >"$1/etc/systemd/system/test.service"
	ln -s ../test.service "$1/etc/systemd/system/multi-user.target.wants/"
}

# split_seed DIR LISTS: to which package each file belongs; "rest" has what is left, "kernel" the kernel, and "folders" all
# folders. As rpmbuild reads names.
split_seed()
{
	local name package
	mkdir "$2"
	(cd "$1" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp \) -prune -o \
		! -type d ! -type s ! -name '.*.lock' -printf '/%P\n' | sort) >"$2/left"
	for name in $upgraded; do
		for package in $(debian_packages "$name"); do
			cat "$lists/$package.list" "$lists/$package:amd64.list" 2>/dev/null || :
		done | sed -E 's#^/(bin|sbin|lib|lib32|lib64|libx32)/#/usr/\1/#' | sort -u | comm -12 - "$2/left" >"$2/$name"
		comm -23 "$2/left" "$2/$name" >"$2/left.new"
		mv "$2/left.new" "$2/left"
	done
	grep -E '^/(lib/modules|usr/lib/modules|boot)/' "$2/left" >"$2/kernel"
	grep -vE '^/(lib/modules|usr/lib/modules|boot)/' "$2/left" >"$2/rest"
	rm "$2/left"
	(cd "$1" && find . -xdev -mindepth 1 -type d -printf '%%dir "/%P"\n' | sort) >"$2/folders"
	for name in $upgraded kernel rest; do
		# A name may have what the list reads as a pattern.
		sed -i -E 's#\[#[[]#g; s#\\#?#g; s#.*#"&"#; s#^"/etc/#%config(noreplace) &#' "$2/$name"
	done
}

# system_spec VERSION PACKAGE...: one spec for these packages.
system_spec()
{
	local name
	write_spec system "$1"
	for name in "${@:2}"; do
		printf '%%package -n %s\nSummary: test\nAutoReqProv: no\n' "$name"
		[ "$name" != rest ] || sed 's/^/Provides: /' "$BATS_FILE_TMPDIR/wanted"
		printf '%%description -n %s\ntest\n' "$name"
		case $name in
		libc6) printf '%%post -n libc6\n/sbin/ldconfig\n' ;;
		systemd) printf '%%post -n systemd\n[ ! -d /run/systemd/system ] || systemctl daemon-reexec\n' ;;
		esac
		printf '%%files -n %s -f %s/%s' "$name" "$BATS_FILE_TMPDIR/files" "$name"
		[ "$name" != rest ] || printf ' -f %s/folders' "$BATS_FILE_TMPDIR/files"
		echo
	done
}

# build_system SEED VERSION PACKAGE...: from the files as they are now.
build_system()
{
	system_spec "$2" "${@:3}" >"$BATS_FILE_TMPDIR/system.spec"
	# The files stand where rpmbuild would install them, and are to stay.
	rpmbuild -bb "${rpm_options[@]}" --buildroot "$1" --noclean --define '__spec_install_pre %{___build_pre}' \
		--define '_binary_payload w1.zstdio' --define '_build_name_fmt %%{NAME}-%%{VERSION}.rpm' \
		--define "_rpmdir $packages" --define '_unpackaged_files_terminate_build 0' --define '__check_files %{nil}' \
		"$BATS_FILE_TMPDIR/system.spec" >"$BATS_FILE_TMPDIR/system.log" 2>&1 || {
		tail -n 30 "$BATS_FILE_TMPDIR/system.log" >&2
		return 1
	}
}

# simple_rpm NAME FILE PATH: a package with this file.
simple_rpm()
{
	{
		write_spec "$1" 1
		printf '%%install\ninstall -D -p %s %%{buildroot}%s\n%%files\n%s\n' "$2" "$3" "$3"
	} >"$BATS_FILE_TMPDIR/simple.spec"
	rpmbuild -bb "${rpm_options[@]}" --define "_rpmdir $packages" \
		--define '_build_name_fmt %%{NAME}-%%{VERSION}.rpm' "$BATS_FILE_TMPDIR/simple.spec" \
		>"$BATS_FILE_TMPDIR/simple.log" 2>&1 || { tail "$BATS_FILE_TMPDIR/simple.log" >&2; return 1; }
}

# What differs in version 2: each program and library of these packages, by bytes at its end that nobody reads.
change_seed()
{
	local name path
	for name in $upgraded; do
		sed -E 's#^%config\(noreplace\) ##; s#"##g; s#\[\[\]#[#' "$BATS_FILE_TMPDIR/files/$name"
	done | while read -r path; do
		if [ -f "$1$path" ] && [ ! -L "$1$path" ] && [ "$(head -c 4 "$1$path" | od -An -tx1)" = ' 7f 45 4c 46' ]; then
			printf 'version2' >>"$1$path"
		fi
	done
}

# sign_with KEY PACKAGE|FOLDER: it, or all packages in it.
sign_with()
{
	"$PKGIMA" sign --in-place --key "$1.key" --cert "$1.pem" "$2" >/dev/null
}

# install_system ROOT: all packages, by rpm with our plugin, into an empty folder; ima-init by the rpm in there, whose
# scriptlets make the initramfs.
install_system()
{
	local own
	own=$(find "$packages" -name '*.rpm' ! -name 'ima-init*' ! -name 'site-policy*' ! -name 'second-key*' ! -name 'unsigned*')
	mkdir -p "$1"/{proc,sys,dev,run,tmp} "$1/etc/keys/ima-ca"
	chmod 1777 "$1/tmp"
	cp "$keys/ca.der" "$1/etc/keys/ima-ca/site.der"
	mkdir -p "$1/etc/keys/ima"
	cp "$keys/ima.der" "$1/etc/keys/ima/site.der"
	mknod -m 666 "$1/dev/null" c 1 3
	# shellcheck disable=SC2086 # names without spaces
	unshare --mount --pid --fork --kill-child rpm --root="$1" --define '_dbpath /var/lib/rpm' \
		--define "__plugindir $PKGIMA_BUILD" --load "$TOP/rpm-plugin/macros.transaction_pkgima" \
		-i --noscripts $own >"$BATS_FILE_TMPDIR/install.log" 2>&1 || { cat "$BATS_FILE_TMPDIR/install.log"; return 1; }
	mkdir "$1/root/later"
	cp "$packages"/{ima-init,site-policy}*.rpm "$1/root/later"
	in_root "$1" sh -c 'ldconfig && rpm -i /root/later/*.rpm' >"$BATS_FILE_TMPDIR/later.log" 2>&1 || {
		cat "$BATS_FILE_TMPDIR/later.log"
		return 1
	}
	rm -rf "$1/root/later"
}
