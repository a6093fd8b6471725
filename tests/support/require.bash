# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# For all bats files.

bats_require_minimum_version 1.5.0

PATH=$PATH:/usr/sbin:/sbin

# require TOOL...: skips where one is missing; with PKGIMA_MUST_WORK=1 that is a failure. "root" stands for being it.
require()
{
	local what missing=''
	for what; do
		case $what in
		root) [ "$(id -u)" -eq 0 ] || missing="$missing root" ;;
		*) command -v "$what" >/dev/null || missing="$missing $what" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	if [ "${PKGIMA_MUST_WORK-}" = 1 ]; then
		echo "missing:$missing" >&2
		return 1
	fi
	skip "missing:$missing"
}
