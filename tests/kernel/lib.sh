# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Shared by the scripts of this folder: what is slow to make is kept in
# ${PKGIMA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pkgima}.

set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

# shellcheck disable=SC2034
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${PKGIMA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pkgima}
cache=$(realpath -m "$cache")

die()
{
	echo "${0##*/}: $*" >&2
	exit 126
}

# need TOOL...: ends the script unless all are there.
need()
{
	local tool
	PATH=$PATH:/usr/sbin:/sbin
	for tool; do
		command -v "$tool" >/dev/null || die "$tool is not installed"
	done
}

# hash_of FILE...: what stdin and the files say, in 12 hex digits.
hash_of()
{
	cat - "$@" | sha256sum | cut -c1-12
}

# cache_fill NAME COMMAND...: prints the folder NAME of the cache. Where there
# is none, COMMAND FOLDER fills a temporary one (its stdout is sent to stderr),
# which gets its name when that has succeeded. A lock keeps two from doing so
# at once; whoever holds it removes what a killed run has left.
cache_fill()
{
	local dir=$cache/$1 tmp
	if [ ! -d "$dir" ]; then
		mkdir -p "$cache"
		(
			flock 9
			[ ! -d "$dir" ] || exit 0
			rm -rf "$cache/.$1".?????? || :
			tmp=$(mktemp -d "$cache/.$1.XXXXXX")
			trap 'rm -rf "$tmp"' EXIT
			trap 'exit 126' HUP INT TERM
			"${@:2}" "$tmp" >&2 9>&-
			chmod 755 "$tmp"
			mv -T "$tmp" "$dir"
		) 9>"$cache/.$1.lock"
	fi
	echo "$dir"
}
