# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # variables of bats
# For bats files about .rpm packages: "load rpm", behind helpers. No rpm program may use the databases of this machine,
# not even to read: rpm_options keeps them in the test's folder.

rpm_options=(--define "_dbpath $BATS_FILE_TMPDIR/rpmdb" --define "_topdir $BATS_FILE_TMPDIR/rpmbuild")

# build_rpm SPEC [OPTION...]: prints the paths of the packages that are built from it. Each has its name once.
build_rpm()
{
	local log=$BATS_FILE_TMPDIR/rpmbuild.log
	rpmbuild -ba "${rpm_options[@]}" --define '_buildhost localhost' "${@:2}" "$1" >"$log" 2>&1 || {
		tail -n 30 "$log" >&2
		return 1
	}
	sed -n 's/^Wrote: //p' "$log"
}

# write_spec NAME VERSION: begins a spec on standard output; the rest is the caller's.
write_spec()
{
	cat <<-END
		Name: $1
		Version: $2
		Release: 1
		Summary: test
		License: none
		AutoReqProv: no
		%define debug_package %{nil}
		%define __os_install_post %{nil}
		%define _build_id_links none
		%description
		test
	END
}

# query FORMAT PACKAGE...: by rpm, with no keys and no database of this machine.
query()
{
	rpm "${rpm_options[@]}" -qp --nosignature --qf "$@"
}

# signatures_of PACKAGE: "HEX PATH" for each file that has one, in rpm's judgement.
signatures_of()
{
	query '[%{FILESIGNATURES} %{FILENAMES}\n]' "$1" | grep -E '^[0-9a-f]+ ' || :
}

# from_deb DEB: prints the path of an .rpm that alien made of it, in a folder of its own.
from_deb()
{
	local folder
	folder=$(mktemp -d "$BATS_FILE_TMPDIR/alien.XXXXXX")
	(cd "$folder" && HOME=$folder alien --to-rpm --scripts --keep-version "$1" >alien.log 2>&1) || {
		cat "$folder/alien.log" >&2
		return 1
	}
	echo "$folder"/*.rpm
}
