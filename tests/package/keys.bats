#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2016 # scripts for other shells
# Keys as packages: how one is built, the change from an old key to a new one with the real dpkg, CA certificates that
# become the administrator's, and a site's own ima-init. What kernels do is tests/kernel/keys.bats'.

load helpers

# sign_with FOLDER ARGUMENT...
sign_with()
{
	"$PKGIMA" sign --key "$1/ima.key" --cert "$1/ima.der" "${@:2}"
}

# build_key NAME VERSION: certs/key-package with the certificate of $keys/NAME, built and signed by the site's first key;
# as $work/NAME-VERSION.deb.
build_key()
{
	local tree=$work/$1-$2.d
	mkdir -p "$work"
	cp -r "$TOP/certs/key-package" "$tree"
	cp "$keys/$1/ima.der" "$tree/example-site.der"
	sed -i "1s/(.*)/($2)/" "$tree/debian/changelog"
	# Packages and files of several sites do not meet.
	[ "$1" = example-site ] || sed -i "s/example-site/$1/g" "$tree"/debian/{control,changelog,rules,*.lintian-overrides}
	[ "$1" = example-site ] || mv "$tree/example-site.der" "$tree/$1.der"
	[ "$1" = example-site ] || mv "$tree/debian/example-site-ima-key.lintian-overrides" \
		"$tree/debian/$1-ima-key.lintian-overrides"
	(cd "$tree" && dpkg-buildpackage -b -us -uc -rfakeroot) >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
	mv "$work/$1-ima-key_$2_all.deb" "$work/$1-$2.deb"
	sign --in-place "$work/$1-$2.deb"
}

# build_tool KEY VERSION: the package tool, signed by $keys/KEY.
build_tool()
{
	mkdir -p "$work/tool$2/usr/bin"
	printf '#!/bin/sh\necho %s\n' "$2" >"$work/tool$2/usr/bin/tool"
	chmod 755 "$work/tool$2/usr/bin/tool"
	make_deb "$work/tool$2" tool "$2"
	sign_with "$keys/$1" --in-place "$work/tool.deb"
	mv "$work/tool.deb" "$work/tool-$2.deb"
}

setup_file()
{
	require root mmdebstrap apt-ftparchive evmctl getfattr dpkg-buildpackage unshare lintian rpmbuild
	export keys=$BATS_FILE_TMPDIR/keys system=$BATS_FILE_TMPDIR/system
	make_keys "$keys"
	for name in old new; do
		"$PKGIMA" keygen --type ima --name "Site $name" --ca-cert "$keys/ca.pem" --ca-key "$keys/ca.key" \
			--out "$keys/$name"
	done
	make_system "$system"
}

setup()
{
	work=$BATS_TEST_TMPDIR
}

# install FILE...: by dpkg with the backend, as apt calls it.
install_debs()
{
	cp "$@" "$system/root"
	in_root "$system" sh -c 'cd /root && PATH=/usr/libexec/dpkg-ima/bin:$PATH dpkg -i "$@"' sh "${@##*/}"
}

key_id()
{
	openssl x509 -in "$1" -noout -ext subjectKeyIdentifier | tr -d ' :\n' | tail -c 8 | tr A-F a-f
}

@test "the example of a key package: its certificate is no conffile, and lintian is content" {
	local name
	mkdir -p "$keys/example-site"
	cp "$keys/old/ima.der" "$keys/example-site"
	build_key example-site 1
	run ! dpkg-deb -I "$work/example-site-1.deb" conffiles
	dpkg-deb -c "$work/example-site-1.deb" | grep -q ' ./etc/keys/ima/example-site.der$'
	dpkg-deb --fsys-tarfile "$work/example-site-1.deb" | tar -xO ./etc/keys/ima/example-site.der |
		cmp - "$keys/old/ima.der"
	# The manifest is what lintian cannot know.
	run lintian --allow-root --no-tag-display-limit --suppress-tags unknown-control-file "$work/example-site-1.deb"
	[[ $output != *conffile* ]]
	[[ $output != *E:* ]]
}

@test "a new key comes, packages signed by it replace others, the old one is retired and stays so" {
	local id
	id=$(key_id "$keys/old/ima.der")
	build_key old 1
	build_key old 2
	build_key new 1
	build_tool old 1
	build_tool new 2
	install_debs "$work/old-1.deb"
	install_debs "$work/tool-1.deb"
	evm_accepts "$keys/old/ima.der" "$system/usr/bin/tool"
	# Its key is not there yet.
	run install_debs "$work/tool-2.deb"
	[[ $output == *"tool: /usr/bin/tool: unknown-key: key id $(key_id "$keys/new/ima.der") is not in the trust store"* ]]
	[ -z "$(ima_of "$system/usr/bin/tool")" ]
	install_debs "$work/tool-1.deb"
	# Both are valid.
	install_debs "$work/new-1.deb"
	[ "$(in_root "$system" pkgima keys list | grep -cE '^/etc/keys/ima/(old|new)\.der .*\[accepted\]$')" -eq 2 ]
	run -1 in_root "$system" pkgima keys retire "$id"
	[[ $output == *"tool: /usr/bin/tool is signed by this key only"*"not retired"* ]]
	run -0 install_debs "$work/tool-2.deb"
	[[ $output != *unknown-key* ]]
	evm_accepts "$keys/new/ima.der" "$system/usr/bin/tool"
	run -0 in_root "$system" pkgima keys retire "$id"
	[[ $output == *"/etc/ima-init/retired: key $id added"* ]]
	# The old package again, and a newer one with the same certificate, bring nothing back.
	run install_debs "$work/tool-1.deb"
	[[ $output == *"tool: /usr/bin/tool: unknown-key: key id $id"* ]]
	[ -z "$(ima_of "$system/usr/bin/tool")" ]
	install_debs "$work/old-2.deb"
	[ -e "$system/etc/keys/ima/old.der" ]
	run -0 in_root "$system" pkgima keys list
	[[ $output == *"/etc/keys/ima/old.der"*"[its key is retired: /etc/ima-init/retired]"* ]]
	in_root "$system" dpkg -P old-ima-key
	[ ! -e "$system/etc/keys/ima/old.der" ]
	[ -e "$system/etc/ima-init/retired" ]
	install_debs "$work/old-1.deb"
	[[ $(in_root "$system" pkgima keys list) == *"/etc/keys/ima/old.der"*"[its key is retired"* ]]
	install_debs "$work/tool-2.deb"
	evm_accepts "$keys/new/ima.der" "$system/usr/bin/tool"
	[ -z "$(in_root "$system" dpkg --audit)" ]
	in_root "$system" dpkg -P old-ima-key new-ima-key tool
	rm "$system/etc/ima-init/retired"
}

# fake PATH: a program that tells how it was called, in /called of the root.
fake()
{
	mkdir -p "$system${1%/*}"
	printf '#!/bin/sh\necho "${0##*/} $*" >>/called\necho "output of it"\n' >"$system$1"
	chmod 755 "$system$1"
}

@test "trust has the initramfs made anew by the tool in which ima-init takes part, and by no other" {
	local fingerprint hook=$system/usr/share/initramfs-tools/hooks/ima-init
	local module=$system/usr/lib/dracut/modules.d/50ima-init
	fingerprint=$(sha256sum <"$keys/rogue/ca.der" | cut -c 1-64)
	mkdir -p "$system/usr/share/ima-init/ca"
	cp "$keys/rogue/ca.der" "$system/usr/share/ima-init/ca/site.der"
	again() { rm -f "$system/etc/keys/ima-ca/${fingerprint:0:32}.der" "$system/called"; }
	fake /usr/sbin/update-initramfs
	fake /usr/bin/dracut
	# Neither has anything of ima-init.
	run -0 in_root "$system" pkgima keys trust "$fingerprint"
	[[ $output == *"an initramfs with ima-init in it has to be made anew"* ]]
	cmp "$system/etc/keys/ima-ca/${fingerprint:0:32}.der" "$keys/rogue/ca.der"
	[ ! -e "$system/called" ]
	again
	mkdir -p "${hook%/*}"
	touch "$hook"
	run -0 in_root "$system" pkgima keys trust "$fingerprint"
	[ "$(cat "$system/called")" = "update-initramfs -u -k all" ]
	# Results are ours alone.
	again
	[[ $(in_root "$system" pkgima keys trust "$fingerprint" 2>/dev/null) != *"output of it"* ]]
	# A second time nothing changes.
	rm "$system/called"
	run -0 in_root "$system" pkgima keys trust "$fingerprint"
	[[ $output == *"trusted already"* ]]
	[ ! -e "$system/called" ]
	# From outside it is not the running system's.
	again
	run -0 "$PKGIMA" keys trust --root "$system" "$fingerprint"
	[ ! -e "$system/called" ]
	again
	mkdir -p "$module"
	touch "$module/module-setup.sh"
	rm "$hook"
	run -0 in_root "$system" pkgima keys trust "$fingerprint"
	[ "$(cat "$system/called")" = "dracut --force --regenerate-all" ]
	again
	printf '#!/bin/sh\nexit 4\n' >"$system/usr/bin/dracut"
	run -3 in_root "$system" pkgima keys trust "$fingerprint"
	[[ $output == *"dracut failed with exit status 4"*"has to be made anew"* ]]
	[ -e "$system/etc/keys/ima-ca/${fingerprint:0:32}.der" ]
	again
	rm -r "$module" "$system/usr/sbin/update-initramfs" "$system/usr/bin/dracut" "$system/usr/share/ima-init"
}

@test "a site's ima-init replaces the project's by dpkg, and goes as it does" {
	local project=$work/ima-init id out=$work/out
	id=$(key_id "$keys/old/ima.der")
	mkdir -p "$project"/{ima,DEBIAN,etc/keys/ima,usr/share/ima-init/ca}
	cp /bin/true "$project/ima/init"
	cp "$keys/rogue/ima.der" "$project/etc/keys/ima/project.der"
	cp "$keys/rogue/ca.der" "$project/usr/share/ima-init/ca/project.der"
	for script in postinst prerm postrm; do
		printf '#!/bin/sh\necho "%s $1" >>/called\n' $script >"$project/DEBIAN/$script"
		chmod 755 "$project/DEBIAN/$script"
	done
	make_deb "$project" ima-init 0.1.0
	install_debs "$work/ima-init.deb"
	printf 'appraise func=POLICY_CHECK appraise_type=imasig\nappraise func=BPRM_CHECK appraise_type=imasig\n' >"$work/policy"
	"$PKGIMA" mkinit --root "$system" --ca-cert "$keys/ca.pem" --cert "$keys/old/ima.pem" --key "$keys/old/ima.key" \
		--policy "$work/policy" --out "$out"
	cp "$keys/old/ima.der" "$system/etc/keys/ima/first.der"
	rm "$system/called"
	run -0 install_debs "$out"/ima-init_0.1.0+site1_all.deb
	[[ $output != *dpkg-ima:* ]]
	[ "$(cat "$system/called")" = "$(printf 'prerm upgrade\npostrm upgrade\npostinst configure')" ]
	# Signed all, also what is no program: booting needs it.
	evm_accepts "$keys/old/ima.der" "$system"/{ima/init,etc/ima-init/policy,etc/ima-init/policy.sig} \
		"$system"/etc/keys/{x509_ima.der,ima/site-"$id".der} "$system"/var/lib/dpkg/info/ima-init.{postinst,prerm,postrm} \
		"$system/usr/share/ima-init/ca/site-$(key_id "$keys/ca.der").der"
	[ ! -e "$system/etc/keys/ima/project.der" ]
	[ ! -e "$system/usr/share/ima-init/ca/project.der" ]
	# The CA is not the administrator's yet by this.
	[[ $(in_root "$system" pkgima keys list) == *"/etc/keys/ima/site-$id.der"*"[accepted]"* ]]
	# A change of the policy is an upgrade; nothing asks about conffiles.
	echo '# changed' >>"$work/policy"
	"$PKGIMA" mkinit --root "$system" --ca-cert "$keys/ca.pem" --cert "$keys/old/ima.pem" --key "$keys/old/ima.key" \
		--policy "$work/policy" --out "$out" --revision 2
	echo edited >>"$system/etc/ima-init/policy"
	run -0 install_debs "$out"/ima-init_0.1.0+site2_all.deb
	cmp "$system/etc/ima-init/policy" "$work/policy"
	evm_accepts "$keys/old/ima.der" "$system/etc/ima-init/policy"
	# What it brings goes with it, without purge.
	in_root "$system" dpkg -r ima-init
	[ ! -e "$system/ima" ]
	[ ! -e "$system/etc/keys/x509_ima.der" ]
	[ ! -e "$system/etc/ima-init/policy" ]
	[ ! -e "$system/etc/keys/ima/site-$id.der" ]
	in_root "$system" dpkg -P ima-init
	[ -z "$(in_root "$system" dpkg --audit)" ]
	rm -f "$system/etc/keys/ima/first.der" "$system/called"
}
