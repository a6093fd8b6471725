#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# rpm's plugin interface as its versions have it: each is recognised, and what cannot be right does not compile.

load ../support/require

setup()
{
	cd "${TOP:-$BATS_TEST_DIRNAME/../..}" || return 1
	flags=$(make --no-print-directory -s CFLAGS= CPPFLAGS= print-flags)
}

# compile VERSION FILE [OPTION...]: as for this rpm.
compile()
{
	# shellcheck disable=SC2086 # a list
	gcc $flags -Werror -UPKGIMA_RPM_VERSION "-DPKGIMA_RPM_VERSION=$1" "${@:3}" -c -o "$BATS_TEST_TMPDIR/out.o" "$2"
}

# has_shape VERSION WORD FD [OPTION...]: the interface is what it should be, and every file of the plugin compiles with it.
has_shape()
{
	local file
	compile "$1" tests/support/plugin-shape.c "-DEXPECT_ABI=$2" "-DEXPECT_FD=$3" "${@:4}"
	for file in rpm-plugin/*.c; do
		compile "$1" "$file" "${@:4}"
	done
}

modern=(-Itests/support/rpm-4.20)

@test "4.14 to 4.17: no descriptor" {
	for version in 414 415 416 417; do
		has_shape "$version" nofd 0
		has_shape "$version" nofd 0 -DRPM_PLUGIN_ABI=ABI_nofd
	done
}

@test "4.14 and 4.16 of RHEL 8 and 9: a descriptor, which only the variable tells" {
	has_shape 414 fd 1 -DRPM_PLUGIN_ABI=ABI_fd
	has_shape 416 fd 1 -DRPM_PLUGIN_ABI=ABI_fd
}

@test "4.18 and 4.19: a descriptor" {
	has_shape 418 fd 1
	has_shape 419 fd 1
	has_shape 419 fd 1 -DRPM_PLUGIN_ABI=ABI_fd
}

@test "4.20 and later: what the public header says" {
	for version in 420 600 601; do
		has_shape "$version" header 1 "${modern[@]}"
	done
	has_shape 420 header 1 "${modern[@]}" -DRPM_PLUGIN_ABI=ABI_header
}

@test "what cannot be right does not compile, and says why" {
	while IFS='|' read -r version options message; do
		# shellcheck disable=SC2086 # a list
		run ! compile "$version" rpm-plugin/hooks.c $options
		echo "$output"
		[[ $output == *"$message"* ]]
	done <<-END
		413||before 4.14
		418|-DRPM_PLUGIN_ABI=ABI_nofd|gives a descriptor since 4.18
		420||rpmplugin.h is missing
		420|-DRPM_PLUGIN_ABI=ABI_fd|rpmplugin.h is missing
		418|-DRPM_PLUGIN_ABI=ABI_header|has to be nofd, fd or
		417|-DRPM_PLUGIN_ABI=ABI_other|has to be nofd, fd or
		420|${modern[*]} -DRPM_PLUGIN_ABI=ABI_fd|this rpm has rpm/rpmplugin.h
		420|${modern[*]} -DRPM_PLUGIN_ABI=ABI_nofd|this rpm has rpm/rpmplugin.h
		418|-UPKGIMA_RPM_VERSION|compile with make
		420|${modern[*]} -DTESTS_WITHOUT_FD|incompatible pointer type
	END
	# What looks at the layout would see another one.
	run ! compile 420 tests/support/plugin-shape.c -DEXPECT_ABI=header -DEXPECT_FD=1 "${modern[@]}" -DTESTS_WRONG_ORDER
	[[ $output == *"static assertion failed: \"tsm_pre\""* ]]
	run ! compile 417 tests/support/plugin-shape.c -DEXPECT_ABI=nofd -DEXPECT_FD=1
	run ! compile 420 tests/support/plugin-shape.c -DEXPECT_ABI=header -DEXPECT_FD=1 "${modern[@]}" -DTESTS_WITHOUT_FD
	[[ $output == *"fsm_file_prepare"* ]]
}

@test "make's variable reaches the compiler; without it the version of this rpm does" {
	version=$(pkg-config --modversion rpm | awk -F. '{ print 100 * $1 + $2 }')
	grep -qw -- "-DPKGIMA_RPM_VERSION=$version" <<<"$flags"
	run ! grep RPM_PLUGIN_ABI <<<"$flags"
	grep -qw -- -DRPM_PLUGIN_ABI=ABI_fd <<<"$(make --no-print-directory -s RPM_PLUGIN_ABI=fd print-flags)"
}

@test "pkgima.so shows its hooks and nothing else, and finds all that it needs" {
	require nm ldd
	so=${PKGIMA_BUILD:-build}/pkgima.so
	[ "$(nm -D --defined-only "$so" | awk '{ print $3 }')" = pkgima_hooks ]
	run -0 ldd -r "$so"
	run ! grep -E 'undefined|not found' <<<"$output"
}
