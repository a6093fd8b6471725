#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2119,SC2120 # functions that mostly take no arguments
bats_require_minimum_version 1.5.0

# pkgima mkinit: what is in a site's ima-init, in the eyes of dpkg-deb, rpm, openssl and evmctl, and what is refused.

# Skips, visibly; a failure where everything has to be there.
missing() {
	[ -z "$PKGIMA_MUST_WORK" ] || { echo "$1"; return 1; }
	skip "$1"
}

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	# Debian's rpm has its database there, and makes one to ask it about packages.
	export HOME=$BATS_FILE_TMPDIR
	for site in site other; do
		"$PKGIMA" keygen --type ca --name "$site CA" --out $site
		"$PKGIMA" keygen --type ima --name "$site key" --ca-cert $site/ca.pem --ca-key $site/ca.key --out $site
	done
	"$PKGIMA" keygen --type ima --name "earlier key" --ca-cert site/ca.pem --ca-key site/ca.key --out earlier
}

# The database of a machine that has ima-init installed, with the files of the package.
setup() {
	[ -x "$PKGIMA" ] || missing "PKGIMA does not name the program"
	cd "$BATS_TEST_TMPDIR"
	made=$BATS_FILE_TMPDIR
	info=root/var/lib/dpkg/info
	mkdir -p "$info" root/ima root/usr/lib/systemd root/usr/share/ima-init/{ca,policies} root/etc/{keys/ima,ima-init}
	ln -s usr/lib root/lib
	cp /bin/true root/ima/init
	echo unit >root/usr/lib/systemd/ima-init.service
	echo rules >root/usr/share/ima-init/policies/exec
	ln -s policies/exec root/usr/share/ima-init/default
	echo setting >root/etc/ima-init/setting
	for file in etc/keys/ima/project.der etc/keys/x509_ima.der usr/share/ima-init/ca/project.der etc/ima-init/policy; do
		echo project >root/$file
	done
	cat >"$info"/ima-init.list <<-'END'
		/.
		/etc
		/etc/ima-init
		/etc/ima-init/policy
		/etc/ima-init/setting
		/etc/keys
		/etc/keys/ima
		/etc/keys/ima/project.der
		/etc/keys/x509_ima.der
		/ima
		/ima/init
		/lib
		/lib/systemd
		/lib/systemd/ima-init.service
		/usr
		/usr/share
		/usr/share/ima-init
		/usr/share/ima-init/ca
		/usr/share/ima-init/ca/project.der
		/usr/share/ima-init/policies
		/usr/share/ima-init/policies/exec
		/usr/share/ima-init/default
	END
	printf '#!/bin/sh\necho "postinst $*"\n' >"$info"/ima-init.postinst
	printf '#!/bin/sh\necho "postrm $*"\n' >"$info"/ima-init.postrm
	printf 'Template: ima-init/trust\nType: string\n' >"$info"/ima-init.templates
	printf 'interest-noawait /etc/keys/ima-ca\n' >"$info"/ima-init.triggers
	printf '/etc/ima-init/policy\n/etc/ima-init/setting\n' >"$info"/ima-init.conffiles
	echo manifest >"$info"/ima-init.imasigs
	cat >root/var/lib/dpkg/status <<-'END'
		Package: ima-init-doc
		Status: install ok installed
		Version: 9
		Architecture: all
		Description: not this one

		Package: ima-init
		Status: install ok installed
		Priority: optional
		Section: admin
		Installed-Size: 1000
		Maintainer: Maintainers <maintainers@localhost>
		Architecture: amd64
		Version: 0.1.0
		Depends: debconf
		Conffiles:
		 /etc/ima-init/setting 00000000000000000000000000000000
		Description: first process of a machine
		 With more to say.

		Package: zzz
		Status: install ok installed
		Version: 8
	END
	cat >policy <<-'END'
		# The first rule.
		appraise func=POLICY_CHECK appraise_type=imasig
		appraise func=BPRM_CHECK appraise_type=imasig
	END
	# Options that are right; tests change one.
	ca=$made/site/ca.pem cert=$made/site/ima.pem key=$made/site/ima.key policy=policy
}

mkinit() {
	"$PKGIMA" mkinit --root root --ca-cert "$ca" --cert "$cert" --key "$key" --policy "$policy" --out out "$@"
}

key_id() {
	openssl x509 -in "$1" -noout -ext subjectKeyIdentifier | tr -d ' :\n' | tail -c 8 | tr A-F a-f
}

deb=out/ima-init_0.1.0+site1_amd64.deb
rpm=out/ima-init-0.1.0+site1-1.x86_64.rpm

@test "the .deb has what ima-init has, with the site's certificates and policy" {
	run -0 mkinit
	[[ "${lines[0]}" == "$deb: signed, 11 files" ]]
	id=$(key_id "$cert") ca_id=$(key_id "$ca")
	dpkg-deb -R $deb tree
	diff - <(cd tree && find . -path ./DEBIAN -prune -o ! -type d -print | sort) <<-END
		./etc/ima-init/policy
		./etc/ima-init/policy.sig
		./etc/ima-init/setting
		./etc/keys/ima/site-$id.der
		./etc/keys/x509_ima.der
		./ima/init
		./lib/systemd/ima-init.service
		./usr/share/ima-init/ca/site-$ca_id.der
		./usr/share/ima-init/default
		./usr/share/ima-init/policies/exec
	END
	cmp tree/etc/ima-init/policy policy
	cmp tree/etc/keys/ima/site-"$id".der "$made/site/ima.der"
	cmp tree/etc/keys/x509_ima.der "$made/site/ima.der"
	cmp tree/usr/share/ima-init/ca/site-"$ca_id".der "$made/site/ca.der"
	for file in ima/init lib/systemd/ima-init.service usr/share/ima-init/policies/exec etc/ima-init/setting; do
		cmp tree/$file root/$file
	done
	[ "$(readlink tree/usr/share/ima-init/default)" = policies/exec ]
	[ -x tree/ima/init ]
	# Control files: as ima-init's, and none of the site's files is a conffile.
	for file in postinst postrm templates triggers; do
		cmp "tree/DEBIAN/$file" "$info/ima-init.$file"
	done
	[ -x tree/DEBIAN/postinst ]
	[ ! -e tree/DEBIAN/preinst ]
	[ "$(cat tree/DEBIAN/conffiles)" = /etc/ima-init/setting ]
	diff - <(dpkg-deb -f $deb) <<-'END'
		Package: ima-init
		Version: 1:0.1.0+site1
		Priority: optional
		Section: admin
		Maintainer: Maintainers <maintainers@localhost>
		Architecture: amd64
		Depends: debconf
		Description: first process of a machine
		 With more to say.
	END
	# All is root's, and folders can be entered.
	dpkg-deb -c $deb | awk '{ print $2 }' | sort -u | grep -qx root/root
	[ "$(dpkg-deb -c $deb | awk '/^d/ { print $1 }' | sort -u)" = drwxr-xr-x ]
}

@test "every file and maintainer script is signed by the key, the policy also beside it" {
	command -v evmctl >/dev/null || missing "no evmctl"
	mkinit
	run -0 "$PKGIMA" verify --payload --certs "$cert" $deb
	[[ "$output" == *": ok: 11 of 11 files"* ]]
	run -1 "$PKGIMA" verify --certs "$made/earlier/ima.pem" $deb
	dpkg-deb -x $deb tree
	# As evmctl's own files with signatures.
	run -0 evmctl ima_verify --sigfile --key "$made/site/ima.der" tree/etc/ima-init/policy
	[[ "$output" == *"verification is OK"* ]]
	echo >>tree/etc/ima-init/policy
	run evmctl ima_verify --sigfile --key "$made/site/ima.der" tree/etc/ima-init/policy
	[[ "$output" != *"verification is OK"* ]]
}

@test "the .rpm has the same files, in /usr what is linked there" {
	command -v rpmbuild >/dev/null || missing "no rpmbuild"
	mkinit
	rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' $rpm >listed
	diff <(sed -n '/^d/!s/^[^ ]* //p' listed | sed 's,^/usr/lib/,/lib/,' | sort) \
		<(dpkg-deb -c $deb | awk '!/^d/ { print substr($6, 2) }' | sort)
	# Folders that no distribution's package has, each once.
	diff - <(sed -n 's/^d[^ ]* //p' listed) <<-'END'
		/etc/ima-init
		/etc/keys
		/etc/keys/ima
		/ima
		/usr/share/ima-init
		/usr/share/ima-init/ca
		/usr/share/ima-init/policies
	END
	[ "$(rpm -qp --qf '%{EPOCH}:%{VERSION}-%{RELEASE} %{ARCH} %{BUILDHOST} %{SUMMARY}' $rpm)" = \
		'1:0.1.0+site1-1 x86_64 localhost first process of a machine' ]
	[ "$(rpm -qp --qf '[%{FILEUSERNAME} %{FILEGROUPNAME}\n]' $rpm | sort -u)" = 'root root' ]
	rpm2cpio $rpm | (mkdir rpm && cd rpm && cpio -id --quiet)
	dpkg-deb -x $deb tree
	for file in ima/init etc/ima-init/policy etc/ima-init/policy.sig etc/keys/x509_ima.der; do
		cmp rpm/$file tree/$file
	done
	# No %config: what the site gives comes with each new package.
	[ -z "$(rpm -qcp $rpm)" ]
	# Every file of it is signed, too, as evmctl sees it.
	run -0 "$PKGIMA" verify --payload --certs "$made/site/ima.der" $rpm
	rpm -qp --nosignature --qf '[%{FILENAMES} %{FILESIGNATURES}\n]' $rpm >signatures
	[ "$(grep -c ' 0302' signatures)" -eq "$(find rpm -type f | wc -l)" ]
	sed -n 's|^/ima/init ||p' signatures | tr a-f A-F | basenc -d --base16 >rpm/ima/init.sig
	run -0 evmctl ima_verify --sigfile --key "$made/site/ima.der" rpm/ima/init
	[[ "$output" == *"verification is OK"* ]]
	[[ "$(rpm -qp --scripts $rpm)" == *"pkgima keys load"*dracut* ]]
}

@test "the same input gives the same bytes, whoever makes them, where and when" {
	mkinit
	mv out first
	sleep 1.1
	mkdir elsewhere
	(umask 077 && TMPDIR=$PWD/elsewhere mkinit)
	for file in first/*; do
		cmp "$file" "out/${file##*/}"
	done
	[ "$(find first -type f | wc -l)" -eq 2 ]
	# Nothing is left over.
	[ -z "$(ls -A elsewhere)" ]
	SOURCE_DATE_EPOCH=1000000000 mkinit
	[[ "$(TZ=UTC dpkg-deb -c $deb)" == *"2001-09-09 01:46 ./ima/init"* ]]
	SOURCE_DATE_EPOCH=99999999999 run -3 mkinit
}

@test "further certificates, another program, name and revision" {
	command -v rpmbuild >/dev/null || missing "no rpmbuild"
	cp /bin/false mine
	run -0 mkinit --cert "$made/earlier/ima.der" --init mine --name example.org --revision 12
	dpkg-deb -R out/ima-init_0.1.0+site12_amd64.deb tree
	cmp tree/ima/init mine
	cmp "tree/etc/keys/ima/example.org-$(key_id "$made/earlier/ima.pem").der" "$made/earlier/ima.der"
	cmp "tree/etc/keys/ima/example.org-$(key_id "$cert").der" "$made/site/ima.der"
	cmp tree/etc/keys/x509_ima.der "$made/site/ima.der"
	dpkg --compare-versions "$(dpkg-deb -f out/*.deb Version)" gt 0.9
	# From a site's package: its own mark is not kept.
	sed -i 's/^Version: 0.1.0$/Version: 1:0.1.0-2+site12/' root/var/lib/dpkg/status
	run -0 mkinit --revision 13
	[ "$(dpkg-deb -f out/ima-init_0.1.0-2+site13_amd64.deb Version)" = 1:0.1.0-2+site13 ]
	[ "$(rpm -qp --qf '%{VERSION} %{RELEASE}' out/ima-init-0.1.0-2+site13.x86_64.rpm)" = '0.1.0 2+site13' ]
}

@test "refused: a certificate of another CA, a key of another certificate, what is no CA, policies with holes" {
	cert=$made/other/ima.pem key=$made/other/ima.key run -3 mkinit
	[[ "$output" == *"other/ima.pem: it was not issued by the CA"* ]]
	run -3 mkinit --cert "$made/other/ima.pem"
	[[ "$output" == *"other/ima.pem: it was not issued by the CA"* ]]
	key=$made/earlier/ima.key run -3 mkinit
	[[ "$output" == *"the key does not belong to"* ]]
	ca=$made/site/ima.pem run -3 mkinit
	[[ "$output" == *"it is no CA certificate"* ]]
	cert=$made/site/ca.pem key=$made/site/ca.key run -3 mkinit
	[[ "$output" == *"it is a CA certificate"* ]]
	echo 'appraise func=BPRM_CHECK' >bad
	policy=bad run -3 mkinit
	[[ "$output" == *"policy bad: line 1: the first rule has to be one about POLICY_CHECK"* ]]
	for exemption in fsmagic=0x01021994 fsmagic=0x858458f6 fsname=rootfs; do
		{ cat policy; echo "dont_appraise $exemption"; } >bad
		policy=bad run -3 mkinit
		[[ "$output" == *"policy bad: line 4: it exempts "* ]]
	done
	echo 'audit func=POLICY_CHECK' >bad
	[ ! -e out ]
	policy=bad run -0 mkinit
	[[ "$output" == *"warning: bad: no rule appraises"* ]]
}

@test "refused: no ima-init to make it from, or one that is not whole" {
	run -2 mkinit --name 'A site'
	run -2 mkinit --name ../site
	run -2 mkinit --revision 0
	run -2 mkinit more
	run -2 "$PKGIMA" mkinit --ca-cert "$ca" --cert "$cert" --key "$key" --out out
	echo text >text
	run -3 mkinit --init text
	[[ "$output" == *"text: no program"* ]]
	sed -i 's/^Status: install ok installed$/Status: install ok half-configured/' root/var/lib/dpkg/status
	run -3 mkinit
	[[ "$output" == *"not installed completely"* ]]
	sed -i 's/half-configured/installed/' root/var/lib/dpkg/status
	rm root/usr/share/ima-init/policies/exec
	run -3 mkinit
	[[ "$output" == *"/usr/share/ima-init/policies/exec of the installed ima-init: No such file"* ]]
	# One file under many names.
	truncate -s 60M root/etc/ima-init/large
	cp "$info"/ima-init.list list
	for name in 1 2 3 4 5; do
		ln root/etc/ima-init/large "root/etc/ima-init/large$name"
		echo "/etc/ima-init/large$name" >>"$info"/ima-init.list
	done
	sed -i '/policies.exec/d' "$info"/ima-init.list
	run -3 mkinit
	[[ "$output" == *"the installed ima-init has more than 256 MiB, or than 10000 files"* ]]
	mv list "$info"/ima-init.list
	sed -i '/policies.exec/d; /^.ima/d' "$info"/ima-init.list
	run -3 mkinit
	[[ "$output" == *"the installed ima-init has no /ima/init"* ]]
	rm "$info"/ima-init.list
	run -3 mkinit
	[[ "$output" == *"ima-init, from which the site's is made, is not installed"* ]]
	[ -z "$(ls -A out)" ]
}

@test "without rpmbuild the .deb is made, and the exit status says that the .rpm is not" {
	mkdir bin
	for tool in dpkg-deb tar gzip; do
		ln -s "$(command -v $tool)" bin/$tool
	done
	PATH=$PWD/bin run -3 mkinit
	[[ "$output" == *"$deb: signed, 11 files"* ]]
	[[ "$output" == *"rpmbuild is not installed: there is no .rpm"* ]]
	[ "$(ls out)" = "${deb#out/}" ]
	rm -r out bin/dpkg-deb
	PATH=$PWD/bin run -3 mkinit
	[[ "$output" == *"cannot run dpkg-deb"* ]]
	[ -z "$(ls -A out)" ]
}

@test "what is said of the key: others can read it, its PIN is on the command line" {
	chmod 644 "$key"
	run -0 mkinit
	[[ "$output" == *"warning: others than its owner can read the key file"* ]]
	chmod 600 "$key"
	rm -r out
	run -3 setsid -w "$PKGIMA" mkinit --root root --ca-cert "$ca" --cert "$cert" --policy "$policy" --out out \
		--key 'pkcs11:token=none;object=none?module-path=/none&pin-value=7654321'
	echo "$output"
	[[ "$output" == *"warning: the PIN is on the command line"*"cannot use the key pkcs11:token=none;object=none"* ]]
	[[ "$output" != *7654321* ]]
}

@test "names in a package's list lead nowhere else" {
	mkdir root/aside
	# A link that the list has, and a file below it.
	ln -s /aside root/usr/share/ima-init/away
	echo evil >root/aside/file
	printf '/usr/share/ima-init/away\n/../../evil\n/usr/../evil\nrelative\n' >>"$info"/ima-init.list
	mkinit
	dpkg-deb -R $deb tree
	[ "$(readlink tree/usr/share/ima-init/away)" = /aside ]
	echo /usr/share/ima-init/away/file >>"$info"/ima-init.list
	mkinit
	rm -r tree
	dpkg-deb -R $deb tree
	# It is then a folder, as with a merged /usr.
	[ "$(cat tree/usr/share/ima-init/away/file)" = evil ]
	[ "$(find tree -name evil | wc -l)" -eq 0 ]
}

# rpm_root [LINE]...: root is one where rpm has installed an ima-init, with a scriptlet of each kind; its spec file has these
# lines at the end, which is in the list of files.
rpm_root() {
	command -v rpmbuild >/dev/null || missing "no rpmbuild"
	cp -r root content
	rm -rf root rpmroot content/var content/lib
	cat >ima-init.spec <<-'END'
		Name: ima-init
		Version: 0.1.0
		Release: 3.x99
		Epoch: 0
		Summary: 100% of the first process
		License: GPL-3.0-or-later AND 50%% more
		AutoReqProv: no
		Requires: tool >= 1.2-3
		Requires(post): coreutils
		Recommends: (pkgima if rpm)
		Suggests: dracut = 1:59
		Conflicts: old < 3
		Obsoletes: older <= 2
		Provides: first-process = 0.1.0
		OrderWithRequires: systemd
		%description
		test
		%install
		mkdir -p %{buildroot}/ima/empty %{buildroot}/usr/share/doc/ima-init
		cp -a content/. %{buildroot}
		echo docs >%{buildroot}/usr/share/doc/ima-init/README
		touch %{buildroot}/etc/ima-init/ghost
		%pre
		echo "pre 50%%" $1
		%post
		if [ "$1" -gt 1 ]; then
			echo 'a "b" %%{name} \
			c'
		fi
		%preun -p /bin/bash
		echo preun
		%postun -p <lua>
		print("postun")
		%posttrans -p /sbin/ldconfig
		%verifyscript
		echo verified
		%transfiletriggerin -- /ima /etc/keys
		while read -r file; do echo "$file"; done
		%transfiletriggerpostun -P 5 -p /bin/bash -- /etc/ima-init
		echo gone
		%filetriggerun -- /usr/lib/x
		echo x
		%files
		%dir /ima
		%dir /ima/empty
		/ima/init
		%dir /etc/ima-init
		/etc/ima-init/policy
		/etc/ima-init/setting
		%ghost /etc/ima-init/ghost
		%dir /etc/keys
		/etc/keys/x509_ima.der
		/etc/keys/ima
		/usr/share/ima-init
		/usr/lib/systemd/ima-init.service
		%doc /usr/share/doc/ima-init/README
	END
	printf '%s\n' "$@" >>ima-init.spec
	sed -i "s,cp -a content,cp -a $PWD/content," ima-init.spec
	rpmbuild -bb --quiet --define "_topdir $PWD/build" --define '__os_install_post %{nil}' --define '_build_id_links none' \
		ima-init.spec
	rpm --root "$PWD/root" --define '_dbpath /var/lib/rpm' --force-debian --noplugins -i --nodeps --noscripts \
		--notriggers --excludedocs build/RPMS/*/*.rpm
}

site_rpm=out/ima-init-0.1.0-3.x99+site1.x86_64.rpm

@test "from an ima-init that rpm has installed: an .rpm only, with its scriptlets, files and folders" {
	local scripts='--scripts --filetriggers'
	rpm_root
	run -0 mkinit
	[ "$(ls out)" = "${site_rpm#out/}" ]
	# shellcheck disable=SC2086 # words
	diff <(rpm -qp $scripts build/RPMS/*/*.rpm) <(rpm -qp $scripts $site_rpm) >&2
	# shellcheck disable=SC2086 # words
	[ "$(rpm -qp $scripts $site_rpm | grep -c 'scriptlet\|^transfiletrigger\|^filetrigger\|^posttrans program')" -eq 9 ]
	# All but the version of its own name.
	for tag in REQUIRE RECOMMEND SUGGEST CONFLICT OBSOLETE PROVIDE ORDER; do
		dependencies="[%{${tag}NAME} %{${tag}FLAGS:depflags} %{${tag}VERSION}\n]"
		rpm -qp --qf "$dependencies" build/RPMS/*/*.rpm | grep -v ^ima-init | sort -u >"$tag"
		[ -s "$tag" ]
		diff "$tag" <(rpm -qp --qf "$dependencies" $site_rpm | grep -v ^ima-init | sort -u) >&2
	done
	[ "$(rpm -qp --qf '%{LICENSE}' $site_rpm)" = 'GPL-3.0-or-later AND 50% more' ]
	[ "$(rpm -qp --qf '%{EPOCH}:%{VERSION}-%{RELEASE} %{ARCH} %{SUMMARY}' $site_rpm)" = \
		'1:0.1.0-3.x99+site1 x86_64 100% of the first process' ]
	[ "$(rpm -qp --qf '[%{FILETRIGGERPRIORITIES} ][%{TRANSFILETRIGGERPRIORITIES} ]' $site_rpm)" = '1000000 1000000 5 ' ]
	# What was not installed is not asked for, and what the site brings is its own.
	diff <(rpm -qlp build/RPMS/*/*.rpm | grep -vE '/ghost$|/project.der$|README$' |
		cat - <(printf '%s\n' /etc/ima-init/policy.sig /etc/keys/ima/site-"$(key_id "$cert")".der \
			/usr/share/ima-init/ca/site-"$(key_id "$ca")".der) | sort) <(rpm -qlp $site_rpm | sort) >&2
	run -0 "$PKGIMA" verify --payload --certs "$made/site/ima.der" $site_rpm
	rpm2cpio $site_rpm | (mkdir rpm && cd rpm && cpio -id --quiet)
	cmp rpm/ima/init root/ima/init
	cmp rpm/etc/ima-init/policy policy
	[ "$(readlink rpm/usr/share/ima-init/default)" = policies/exec ]
	# The same input, the same bytes.
	mv out first
	mkinit
	cmp first/* out/*
	# From that of a site: its own mark is not kept.
	rm -r root
	rpm --root "$PWD/root" --define '_dbpath /var/lib/rpm' --force-debian --noplugins -i --nodeps --noscripts \
		--notriggers --nosignature $site_rpm
	run -0 mkinit --revision 2
	[ -e out/ima-init-0.1.0-3.x99+site2.x86_64.rpm ]
}

@test "from an ima-init that rpm has installed: what cannot be taken over as it is is refused" {
	local line reason
	cp -r root first
	while IFS='|' read -r line reason; do
		cd "$BATS_TEST_TMPDIR"
		rm -rf root build content out
		cp -r first root
		rpm_root "${line//;/$'\n'}"
		run -3 mkinit
		echo "$output"
		[[ $output == *"$reason"* ]]
		[ -z "$(ls -A out)" ]
	done <<-'END'
		%pretrans;echo a;  %%foo|%pretrans of the installed ima-init: a line of it begins with %, as those of rpmbuild do
		%pretrans -e;echo %%{x}|%pretrans of the installed ima-init: it is expanded when it runs
		%pretrans -p "/bin/sh -e";true|%pretrans of the installed ima-init: its interpreter
		%triggerin -- other;true|triggers on packages, which cannot be taken over
		%config /etc/ima-init/setting|/etc/ima-init/setting of the installed ima-init cannot be taken over: it is %config
		%attr(755,daemon,root) /ima/init|/ima/init of the installed ima-init cannot be taken over: it is not root's
		%dir %attr(700,root,root) /ima|/ima of the installed ima-init cannot be taken over: its mode is not 0755
		%caps(cap_net_raw=ep) /ima/init|/ima/init of the installed ima-init cannot be taken over: it has capabilities
	END
	rm -rf root build content out
	cp -r first root
	rpm_root
	rm root/ima/init
	run -3 mkinit
	[[ $output == *"/ima/init of the installed ima-init: No such file"* ]]
	rm -rf root/var/lib/rpm
	run -3 mkinit
	[[ $output == *"there is no database of dpkg or rpm"* ]]
	mkdir -p root/var/lib/rpm
	rpm --root "$PWD/root" --define '_dbpath /var/lib/rpm' --initdb
	run -3 mkinit
	[[ $output == *"ima-init, from which the site's is made, is not installed"* ]]
}

@test "rpm's ima-init is taken where dpkg has one that was removed" {
	local dpkg=$BATS_TEST_TMPDIR/dpkg
	cp -r root/var/lib/dpkg "$dpkg"
	rpm_root
	mkdir -p root/var/lib
	cp -r "$dpkg" root/var/lib
	sed -i '/^Package: ima-init$/,/^$/s/^Status: .*/Status: deinstall ok config-files/' root/var/lib/dpkg/status
	run -0 mkinit
	[ "$(ls out)" = "${site_rpm#out/}" ]
}

@test "nothing is expanded: an architecture, a version and a temporary folder that are commands" {
	command -v rpmbuild >/dev/null || missing "no rpmbuild"
	mkdir "tmp%(touch ran)"
	TMPDIR=$PWD/tmp%\(touch\ ran\) run -3 mkinit
	[[ $output == *"rpmbuild would not take the temporary folder's name"* ]]
	for word in 'Architecture: amd64%(touch ran)' 'Version: 1%(touch ran)' 'Version: 1/2' 'Architecture: ../amd64'; do
		cp root/var/lib/dpkg/status status
		sed -i "/^Package: ima-init$/,/^$/s|^${word%%:*}: .*|$word|" root/var/lib/dpkg/status
		rm -rf out
		run -3 mkinit
		echo "$output"
		[[ $output == *"a version or an architecture that no package has"* ]]
		[ -z "$(ls -A out)" ]
		cp status root/var/lib/dpkg/status
	done
	[ ! -e ran ]
}
