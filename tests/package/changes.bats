#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# pkgima sign x.changes: of what dpkg-buildpackage makes, the packages are signed, and .changes and .buildinfo say so; dpkg's
# own Perl modules and dpkg-genchanges are the judges.

load helpers

# Shared: $upload, a folder with all that a build of two packages and a udeb gave, and the source tree in it.
setup_file()
{
	require root dpkg-buildpackage perl gpg
	export keys=$BATS_FILE_TMPDIR/keys upload=$BATS_FILE_TMPDIR/upload
	make_keys "$keys"
	mkdir -p "$upload/tiny/debian/source"
	cd "$upload/tiny" || return 1
	cat >debian/control <<-'END'
		Source: tiny
		Section: misc
		Priority: optional
		Maintainer: Test <test@localhost>
		Standards-Version: 4.6.2
		Rules-Requires-Root: no

		Package: tiny
		Architecture: all
		Description: test

		Package: tiny-tools
		Architecture: all
		Description: test

		Package: tiny-udeb
		Package-Type: udeb
		Section: debian-installer
		Architecture: all
		Description: test
	END
	cat >debian/changelog <<-'END'
		tiny (1.0) unstable; urgency=medium

		  * A test.

		 -- Test <test@localhost>  Mon, 01 Jan 2024 00:00:00 +0000
	END
	cat >debian/rules <<-'END'
		#!/usr/bin/make -f
		.RECIPEPREFIX = >
		package = mkdir -p debian/$(1)/DEBIAN debian/$(1)/usr/share/$(1); echo $(1) >debian/$(1)/usr/share/$(1)/file; \
		dpkg-gencontrol -p$(1) -Pdebian/$(1) -n$(1)_1.0_all.$(2); \
		dpkg-deb --root-owner-group -b debian/$(1) ../$(1)_1.0_all.$(2)
		build build-arch build-indep clean binary-arch:
		binary binary-indep:
		>$(call package,tiny,deb)
		>$(call package,tiny-tools,deb)
		>$(call package,tiny-udeb,udeb)
	END
	chmod +x debian/rules
	echo '3.0 (native)' >debian/source/format
	dpkg-buildpackage -us -uc >"$BATS_FILE_TMPDIR/log" 2>&1 || {
		cat "$BATS_FILE_TMPDIR/log" >&2
		return 1
	}
	mkdir -m 700 "$BATS_FILE_TMPDIR/gnupg"
	GNUPGHOME=$BATS_FILE_TMPDIR/gnupg gpg --batch --quiet --passphrase '' --quick-generate-key 'Test <test@localhost>' \
		rsa2048 sign never
}

setup()
{
	cd "$BATS_TEST_TMPDIR" || return 1
	cp -a "$upload" upload
	changes=$(echo upload/tiny_1.0_*.changes)
	buildinfo=$(echo upload/tiny_1.0_*.buildinfo)
	export GNUPGHOME=$BATS_FILE_TMPDIR/gnupg
}

teardown_file()
{
	GNUPGHOME=$BATS_FILE_TMPDIR/gnupg gpgconf --kill all
}

# consistent FOLDER: every size and checksum in .changes and .buildinfo is that of the file, in the judgement of dpkg's
# modules; and every file that they list is there.
consistent()
{
	# shellcheck disable=SC2016 # perl's
	perl -MDpkg::Control -MDpkg::Checksums -e '
		use strict;
		my ($folder) = @ARGV;
		my $count = 0;
		for my $file (glob("$folder/*.changes"), glob("$folder/*.buildinfo")) {
			my $control = Dpkg::Control->new(type => $file =~ /changes$/ ? CTRL_FILE_CHANGES : CTRL_FILE_BUILDINFO,
							 allow_pgp => 1);
			$control->load($file);
			my $sums = Dpkg::Checksums->new();
			$sums->add_from_control($control);
			if ($file =~ /changes$/) {
				# "Files", which has other words between size and name.
				for (split /\n/, $control->{Files}) {
					next unless /^(\S+) (\d+) \S+ \S+ (\S+)$/;
					die "$3: size" if $sums->get_size($3) != $2;
					$sums->add_from_string("md5", "$1 $2 $3");
					$count++;
				}
			}
			for my $name ($sums->get_files()) {
				$sums->add_from_file("$folder/$name", key => $name);
				$count++;
			}
		}
		print "$count\n";' "$1"
}

# untouched COMMAND...: fails with 3, and nothing in upload/ is changed.
untouched()
{
	local before after
	before=$(find upload -type f -exec sha256sum {} + | sort)
	run -3 "$@"
	echo "$output"
	after=$(find upload -type f -exec sha256sum {} + | sort)
	diff <(echo "$before") <(echo "$after")
}

signed_by_us()
{
	"$PKGIMA" verify --certs "$keys/ima.der" --payload "$@"
}

@test "all packages are signed, .changes and .buildinfo corrected, and nothing else is touched" {
	[ "$(consistent upload)" -eq 16 ]
	cp -a upload before
	run -0 sign --in-place "$changes"
	[ "$output" = "$changes: signed, 2 files" ]
	[ "$(consistent upload)" -eq 16 ]
	signed_by_us upload/*.deb
	for file in upload/*.dsc upload/*.tar.* upload/*.udeb; do
		cmp "$file" "before/${file##*/}"
	done
	for file in "$changes" "$buildinfo"; do
		run ! cmp -s "$file" "before/${file##*/}"
		# Only numbers differ.
		diff <(sed -E 's/[0-9a-f]{32,} [0-9]+ /X /' "$file") <(sed -E 's/[0-9a-f]{32,} [0-9]+ /X /' "before/${file##*/}")
	done
	# What dpkg itself writes about these files.
	(cd upload/tiny && dpkg-genchanges 2>/dev/null) | diff - "$changes"
}

@test "what is signed already stays as it is, an OpenPGP signature of it too" {
	sign --in-place "$changes"
	gpg --batch --quiet --clearsign --output signed.changes "$changes"
	mv signed.changes "$changes"
	cp -a upload before
	run -0 sign --in-place "$changes"
	[ "$output" = "$changes: signed already" ]
	diff -r before upload
	gpg --batch --quiet --verify "$changes"
}

@test "an OpenPGP signature that no longer holds is removed, and that is said" {
	gpg --batch --quiet --clearsign --output signed.buildinfo "$buildinfo"
	mv signed.buildinfo "$buildinfo"
	(cd upload/tiny && dpkg-genchanges 2>/dev/null) >new
	gpg --batch --quiet --clearsign --output "$changes.new" new
	mv "$changes.new" "$changes"
	consistent upload
	run -0 sign --in-place "$changes"
	echo "$output"
	[[ $output == *"warning: $buildinfo: its OpenPGP signature was removed"*"has to be made anew"* ]]
	[[ $output == *"warning: $changes: its OpenPGP signature was removed"*"has to be made anew"* ]]
	run ! grep -l 'BEGIN PGP' "$changes" "$buildinfo"
	[ "$(consistent upload)" -eq 16 ]
	(cd upload/tiny && dpkg-genchanges 2>/dev/null) | diff - "$changes"
}

@test "--out: all files go there, the others stay as they are; again, nothing is written" {
	cp -a upload before
	sign --out out "$changes"
	diff -r before upload
	[ "$(consistent out)" -eq 16 ]
	diff <(cd upload && find . -maxdepth 1 -type f | sort) <(cd out && find . -type f | sort)
	signed_by_us out/*.deb
	sign --in-place "$changes"
	diff -r -x tiny upload out
	rm -r upload
	cp -a before upload
	find out -type f -printf '%i %p\n' | sort >inodes
	run -0 sign --out out "$changes"
	[ "$output" = "$changes: signed already" ]
	find out -type f -printf '%i %p\n' | sort | diff inodes -
	# One that was signed with OpenPGP since.
	gpg --batch --quiet --clearsign --output out/new "out/${changes##*/}"
	mv out/new "out/${changes##*/}"
	run -0 sign --out out "$changes"
	[ "$output" = "$changes: signed already" ]
	gpg --batch --quiet --verify "out/${changes##*/}"
}

@test "a folder: the .changes first, and its packages once" {
	rm -rf upload/tiny
	run -0 sign --out out upload
	[ "$(grep -c ': signed, ' <<<"$output")" -eq 1 ]
	[ "$(grep -c ': signed already' <<<"$output")" -eq 2 ]
	[ "$(consistent out)" -eq 16 ]
}

@test "extract and attach" {
	"$PKGIMA" extract "$changes" >digests
	"$PKGIMA" sign-digests --key "$keys/ima.key" --cert "$keys/ima.pem" <digests >signatures
	"$PKGIMA" attach --signatures signatures --out out "$changes"
	sign --in-place "$changes"
	diff -r -x tiny upload out
	# One digest too few: nothing of it is written.
	sed -i '$d' signatures
	run -1 "$PKGIMA" attach --signatures signatures --out none "$changes"
	[[ $output == *"tiny"*".deb: "*"no signature was given"* ]]
	[ -z "$(find none -type f)" ]
}

@test "a file that is missing, or is not what is listed: said, and nothing is written" {
	mv upload/tiny-tools_1.0_all.deb .
	untouched sign --in-place "$changes"
	[[ $output == *"$changes: tiny-tools_1.0_all.deb: cannot open it: No such file or directory"* ]]
	untouched sign --out out "$changes"
	[ -z "$(find out -type f)" ]
	# Another package under its name.
	make_deb "$PWD/upload/tiny/debian/tiny" tiny-tools
	cp upload/tiny/debian/tiny-tools.deb upload/tiny-tools_1.0_all.deb
	untouched sign --in-place "$changes"
	[[ $output == *"tiny-tools_1.0_all.deb: it is not the file that is listed"* ]]
	untouched sign --out out "$changes"
	[[ $output == *"tiny-tools_1.0_all.deb: it is not the file that is listed"* ]]
	cp tiny-tools_1.0_all.deb upload
	echo x >>"$(echo upload/*.tar.xz)"
	untouched sign --in-place "$changes"
	[[ $output == *".tar.xz: it is not the file that is listed"* ]]
	cp "$upload"/*.tar.xz upload
	sed -i 's/^Build-Path.*/&x/; s/^Build-Origin: /&x/' "$buildinfo"
	run ! cmp -s "$buildinfo" "$upload/${buildinfo##*/}"
	untouched sign --in-place "$changes"
	[[ $output == *".buildinfo: it is not the file that is listed"* ]]
	cp "$upload/${buildinfo##*/}" "$buildinfo"
	sed -i 's/tiny_1.0_all.deb/..\/tiny_1.0_all.deb/' "$changes"
	untouched sign --in-place "$changes"
	[[ $output == *"the name is not that of a file beside it"* ]]
	[ -z "$(find out -type f)" ]
}

@test "a run that was ended between two files is completed by the next" {
	cp -a upload completed
	sign --in-place "${changes/upload/completed}"
	# One package of two; both; and the .buildinfo.
	for files in tiny_1.0_all.deb tiny-tools_1.0_all.deb "${buildinfo##*/}"; do
		cp "completed/$files" upload
		cp -a upload again
		run -0 sign --in-place "${changes/upload/again}"
		diff -r completed again
		rm -r again
	done
	# A package that somebody else has signed is not what is listed.
	"$PKGIMA" sign --key "$keys/rogue/ima.key" --cert "$keys/rogue/ima.pem" --in-place upload/tiny_1.0_all.deb
	untouched sign --in-place "$changes"
	[[ $output == *"tiny_1.0_all.deb: it is not the file that is listed"* ]]
}

# splice SIGNED OTHER OUTPUT: the control member of one, the data member of another.
splice()
{
	# shellcheck disable=SC2016 # perl's
	perl -e '
		use strict;
		sub members {
			open(my $file, "<:raw", $_[0]) or die;
			local $/;
			my ($bytes, $at, @list) = (<$file>, 8);
			while ($at < length($bytes)) {
				my $size = 60 + substr($bytes, $at + 48, 10) + substr($bytes, $at + 48, 10) % 2;
				push @list, substr($bytes, $at, $size);
				$at += $size;
			}
			return @list;
		}
		my @signed = members($ARGV[0]);
		my @other = members($ARGV[1]);
		open(my $to, ">:raw", $ARGV[2]) or die;
		print $to "!<arch>\n", @signed[0, 1], $other[2];' "$@"
}

@test "only what was listed, and signed, is listed anew: a .buildinfo or content that is another is refused" {
	local name=tiny_1.0_all.deb root=upload/tiny/debian/tiny
	cp -a upload completed
	sign --in-place "${changes/upload/completed}"
	# All of an earlier run but the .changes; and a line more.
	cp completed/*.deb "completed/${buildinfo##*/}" upload
	echo 'Environment: "EVIL=yes"' >>"$buildinfo"
	untouched sign --in-place "$changes"
	[[ $output == *".buildinfo: it is not the file that is listed"* ]]
	rm -r upload completed
	cp -a "$upload" upload
	# It lists no package: nothing in it has to be corrected.
	printf 'Format: 1.0\n' >"$buildinfo"
	untouched sign --in-place "$changes"
	[[ $output == *".buildinfo: it is not the file that is listed"* ]]
	cp "$upload/${buildinfo##*/}" "$buildinfo"
	# A package whose end stays the same when its content is another.
	export SOURCE_DATE_EPOCH=1700000000
	{
		echo good
		head -c 65536 /dev/zero
	} >"$root/usr/share/tiny/file"
	(cd "$root" && md5sum usr/share/tiny/file >DEBIAN/md5sums)
	dpkg-deb -Znone --root-owner-group -b "$root" "upload/$name"
	(cd upload/tiny && dpkg-genchanges 2>/dev/null) >new
	mv new "$changes"
	sed -i s/good/evil/ "$root/usr/share/tiny/file"
	touch -d @1700000000 "$root/usr/share/tiny/file"
	dpkg-deb -Znone --root-owner-group -b "$root" evil.deb
	sign --out out "$changes"
	splice "out/$name" evil.deb spliced.deb
	run -1 signed_by_us spliced.deb
	run -0 sign --in-place spliced.deb
	[ "$output" = 'spliced.deb: signed already' ]
	cp spliced.deb "out/$name"
	run -0 sign --out out "$changes"
	[ "$output" = "$changes: signed, 1 files" ]
	signed_by_us out/*.deb
	[ "$(consistent out)" -eq 16 ]
	cp spliced.deb "upload/$name"
	untouched sign --in-place "$changes"
	[[ $output == *"$name: it is not the file that is listed"* ]]
	cp "out/$name" upload
	sign --in-place "$changes"
	[ "$(consistent upload)" -eq 16 ]
}
