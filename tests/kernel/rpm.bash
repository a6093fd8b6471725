# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2016,SC2154 # scripts for other shells; variables of the bats file
# For rpm.bats: "load rpm", behind helpers, ../package/helpers, ../package/rpm and upgrade. A Debian system that is signed
# throughout and has rpm with our plugin, as one image; and the packages that its machines install.

# make_tool_rpm VERSION: a program, its library, a script, and scriptlets that run them; a daemon of the same kind.
make_tool_rpm()
{
	{
		write_spec tool "$1"
		cat <<-'END'
			%pre
			echo "pre $1, %{version}"
			%post
			/usr/bin/tool post && /usr/lib/tool/program post
			%preun
			/usr/bin/tool preun
			%postun
			echo "postun $1, %{version}"
			%install
			mkdir -p %{buildroot}/usr/lib/tool %{buildroot}/usr/bin
			cd %{buildroot}/usr/lib/tool
			echo 'const char *version(void) { return "%{version}"; }' >own.c
			cat >program.c <<'C'
			#include <stdio.h>
			#include <string.h>
			#include <unistd.h>
			const char *version(void);
			int main(int argc, char **argv)
			{
				while (argc > 1 && !strcmp(argv[1], "wait"))
					sleep(1);
				return printf("%s %s, version %s\n", argv[0], argc > 1 ? argv[1] : "", version()) < 0;
			}
			C
			gcc -shared -fPIC -Wl,-soname,libown.so -o libown.so own.c
			gcc -o program program.c -L. -lown -Wl,-rpath,/usr/lib/tool
			cp program daemon
			rm own.c program.c
			printf '#!/bin/sh\nset -e\n/usr/lib/tool/program "$@"\n' >%{buildroot}/usr/bin/tool
			chmod 755 %{buildroot}/usr/bin/tool
			%files
			/usr/lib/tool
			/usr/bin/tool
		END
	} >"$BATS_FILE_TMPDIR/tool.spec"
	keep_rpm "$BATS_FILE_TMPDIR/tool.spec" "tool-$1"
}

# keep_rpm SPEC NAME: built, as $root/rpms/NAME.rpm.
keep_rpm()
{
	cp "$(build_rpm "$1" | grep -v '\.src\.rpm$')" "$root/rpms/$2.rpm"
}

# make_script_rpm NAME: /usr/bin/NAME, a program of one line.
make_script_rpm()
{
	{
		write_spec "$1" 1
		cat <<-'END'
			%install
			mkdir -p %{buildroot}/usr/bin
			printf '#!/bin/sh\necho %{name}\n' >%{buildroot}/usr/bin/%{name}
			chmod 755 %{buildroot}/usr/bin/%{name}
			%files
			/usr/bin/%{name}
		END
	} >"$BATS_FILE_TMPDIR/script.spec"
	keep_rpm "$BATS_FILE_TMPDIR/script.spec" "$1"
}

# make_key_rpm NAME CERTIFICATE: it brings the certificate into the trust store.
make_key_rpm()
{
	{
		write_spec "$1" 1
		cat <<-END
			%install
			install -D -m 644 $2 %{buildroot}/etc/keys/ima/$1.der
			%files
			/etc/keys/ima/$1.der
		END
	} >"$BATS_FILE_TMPDIR/key.spec"
	keep_rpm "$BATS_FILE_TMPDIR/key.spec" "$1"
}

# $root and what lies in its /rpms.
make_rpm_root()
{
	local packages
	packages=$("$support/build-packages")
	"$support/base-root" "$root"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	mkdir -p "$root/etc/keys/ima" "$root/etc/keys/ima-ca" "$root/rpms" "$root/root/packages"
	cp "$packages"/pkgima_*.deb "$packages"/rpm-plugin-pkgima_*.deb "$root/root/packages"
	in_root "$root" sh -c 'apt-get update -q && apt-get install -y -q /root/packages/*.deb rpm'
	cp "$keys/ima.der" "$root/etc/keys/ima/site.der"
	cp "$keys/ca.der" "$root/etc/keys/ima-ca/site.der"
	make_tool_rpm 1
	make_tool_rpm 2
	make_key_rpm second-key "$keys/second/ima.der"
	for name in unsigned forged second; do
		make_script_rpm $name
	done
	cp "$root/rpms/unsigned.rpm" "$root/rpms/unsigned.kept"
	sign --in-place "$root"/rpms/{tool-1,tool-2,second-key}.rpm
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.der" --in-place "$root/rpms/forged.rpm"
	"$PKGIMA" sign --key "$keys/second/ima.key" --cert "$keys/second/ima.der" --in-place "$root/rpms/second.rpm"
	rm -rf "$root/root/packages" "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
	sign --xattr -r "$root/usr" "$root/etc" >/dev/null
}
