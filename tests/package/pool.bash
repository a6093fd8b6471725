# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # variables of bats
# For bats files about many packages: "load pool", behind helpers. pool.list names small ones of Debian 12 that need nothing
# but what every system has.

# make_pool DIR: all of them, in folders as in an archive.
make_pool()
{
	local file name
	# shellcheck disable=SC2046 # a list of names
	"$support/fetch-debs" $(cat "$TOP/tests/package/pool.list") >"$BATS_FILE_TMPDIR/files"
	while read -r file; do
		name=${file##*/}
		mkdir -p "$1/main/${name:0:1}/${name%%_*}"
		cp "$file" "$1/main/${name:0:1}/${name%%_*}"
	done <"$BATS_FILE_TMPDIR/files"
}

count_packages()
{
	find "$1" -type f -name '*.deb' | wc -l
}

# Nothing that was begun and not ended.
no_leftovers()
{
	[ -z "$(find "$1" -name '.?*')" ]
}

# part_of DIR WHOLE: what is in DIR is in WHOLE, the same bytes.
part_of()
{
	(cd "$1" && find . -type f -print0) | while IFS= read -r -d '' file; do
		cmp "$1/$file" "$2/$file" || return 1
	done
}
