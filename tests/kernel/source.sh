# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# For build-uml and build-x86: a kernel of Debian's linux-source-6.1, of the
# architecture in $arch. Behind lib.sh.

tarball=/usr/src/linux-source-6.1.tar.xz

# Prints the version of the source, or ends the script.
source_version()
{
	need bc bison flex flock gcc make openssl xz
	[ -r "$tarball" ] || die "$tarball is missing (package linux-source-6.1)"
	dpkg-query -W -f '${Version}' linux-source-6.1
}

make_ca()
{
	openssl req -new -x509 -newkey rsa:2048 -nodes -sha256 -days 36500 \
		-keyout "$1/ca.key" -out "$1/ca.pem" -config - <<-'END' 2>/dev/null
	[req]
	prompt = no
	distinguished_name = dn
	x509_extensions = ext
	[dn]
	CN = pkgima test CA
	[ext]
	basicConstraints = critical, CA:TRUE
	keyUsage = critical, keyCertSign, cRLSign
	subjectKeyIdentifier = hash
	authorityKeyIdentifier = keyid
	END
	chmod 600 "$1/ca.key"
	openssl x509 -in "$1/ca.pem" -outform DER -out "$1/ca.der"
}

# Sources of drivers that are never built are most of the tarball.
unpack()
{
	mkdir "$1"
	tar -xJf "$tarball" -C "$1" --strip-components=1 --wildcards \
		--exclude='*/Documentation/*' --exclude='*.dts' --exclude='*.dtsi' \
		--exclude='*/sound/*.[ch]' --exclude='*/drivers/gpu/*.[ch]' \
		--exclude='*/drivers/media/*.[ch]' \
		--exclude='*/drivers/net/ethernet/*.[ch]' \
		--exclude='*/drivers/net/wireless/*.[ch]'
	mkdir -p "$1/Documentation"
	: >"$1/Documentation/Kconfig"
}

# clean_make FOLDER ARGUMENT...: without the variables of a make that has called us.
clean_make()
{
	env -i PATH="$PATH" HOME="$HOME" LC_ALL=C \
		nice timeout --foreground 3600 make -s -C "$1" "ARCH=$arch" "${@:2}"
}

# configure FOLDER CA.pem LINES...: what the files LINES have, on top of nothing.
configure()
{
	local line lost=0
	{
		cat "${@:3}"
		echo "CONFIG_SYSTEM_TRUSTED_KEYS=\"$2\""
	} >"$1/fragment"
	clean_make "$1" KCONFIG_ALLCONFIG=fragment allnoconfig
	while IFS= read -r line; do
		grep -qxF -- "$line" "$1/.config" && continue
		echo "${0##*/}: lost in Kconfig: $line"
		lost=1
	done < <(grep '^CONFIG_' "$1/fragment")
	return "$lost"
}
