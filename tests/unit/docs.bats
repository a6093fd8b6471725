#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
bats_require_minimum_version 1.5.0

# Help texts, man pages, completion and README say the same, and name no option that is not there.

# Skips, visibly; a failure where everything has to be there.
missing() {
	[ -z "$PKGIMA_MUST_WORK" ] || { echo "$1"; return 1; }
	skip "$1"
}

setup() {
	[ -x "$PKGIMA" ] || missing "PKGIMA does not name the program"
	top=${TOP:-$BATS_TEST_DIRNAME/../..}
	commands=$("$PKGIMA" --help | sed -n 's/^  \([a-z][a-z-]*\)  *.*/\1/p')
	[ -n "$commands" ]
	export LC_ALL=C
}

# The options in a text, one a line, sorted: --long and -s, where a word begins.
options() {
	grep -oE '(^|[][ (|,])--?[a-z][a-z0-9-]*' | sed 's/^[^-]//' | grep -xE -e '--[a-z0-9-]{2,}|-[a-z]' | sort -u
}

help_options() { # COMMAND
	"$PKGIMA" "$1" --help | options
}

# A page as plain text.
page() { # FILE
	mandoc -T ascii "$1" | sed 's/.\x08//g'
}

# The part of pkgima(1) under the heading of a command.
section() { # COMMAND
	page "$top/man/pkgima.1" | awk -v command="$1" '
		/^[^ ]/ { within = 0 }
		/^   [^ ]/ { within = $0 == "   " command }
		within'
}

# The lines of a command in SYNOPSIS, joined.
synopsis() { # COMMAND
	page "$top/man/pkgima.1" | awk -v command="$1" '
		/^[^ ]/ { within = $1 == "SYNOPSIS"; next }
		within && /^     pkgima / { wanted = $2 == command }
		within && wanted'
}

completed() { # WORD...
	bash --norc -c '
		. "$0"
		COMP_WORDS=(pkgima "$@")
		COMP_CWORD=$#
		_pkgima
		printf "%s\n" "${COMPREPLY[@]}"' "$top/completion/pkgima.bash" "$@"
}

@test "man pages pass mandoc's lint" {
	command -v mandoc >/dev/null || missing "no mandoc"
	for file in "$top"/man/*.[1-8]; do
		run -0 mandoc -T lint -W warning "$file"
		[ -z "$output" ]
	done
}

@test "every command has its section in pkgima(1), and no other has one" {
	command -v mandoc >/dev/null || missing "no mandoc"
	documented=$(page "$top/man/pkgima.1" | awk '
		/^[^ ]/ { within = $0 == "COMMANDS" }
		within && /^   [^ ]/ { print $1 }')
	diff <(sort <<<"$commands") <(sort <<<"$documented")
}

@test "options: pkgima(1) and --help" {
	command -v mandoc >/dev/null || missing "no mandoc"
	for command in $commands; do
		echo "$command"
		wanted=$(help_options "$command")
		[ -n "$wanted" ]
		# Each has an entry of its own, and nothing else is mentioned.
		diff <(echo "$wanted") <(section "$command" | grep -E '^     -' | options)
		diff <(echo "$wanted") <(section "$command" | options)
	done
}

@test "options: the synopsis of pkgima(1)" {
	command -v mandoc >/dev/null || missing "no mandoc"
	for command in $commands; do
		echo "$command"
		diff <(help_options "$command" | grep -vxE -e '--help|-h') <(synopsis "$command" | options)
	done
}

@test "options: completion and --help" {
	for command in $commands; do
		echo "$command"
		diff <(help_options "$command") <({ completed "$command" --; completed "$command" -; } | sort -u)
	done
}

# What zsh's completion offers behind these words.
completed_by_zsh() { # WORD...
	zsh -f -c '
		compadd() { [[ $1 != -- ]] || shift; print -l -- "$@" }
		_files() { print -l -- "files $*" }
		source "$0"
		words=(pkgima "$@") CURRENT=$(($# + 1))
		_pkgima' "$top/completion/_pkgima" "$@"
}

@test "zsh: options, commands and words are those of the other completion" {
	command -v zsh >/dev/null || missing "no zsh"
	for command in $commands; do
		echo "$command"
		diff <(help_options "$command") <(completed_by_zsh "$command" - | sort -u)
		# What values an option has.
		for option in $(help_options "$command" | grep -xE -e '--(type|algo|hash|select|format|from|key-id)'); do
			diff <(completed "$command" "$option" "" | sort) <(completed_by_zsh "$command" "$option" "" | sort)
		done
	done
	diff <(completed "" | sort) <(completed_by_zsh "" | sort)
	diff <(completed keys "" | sort) <(completed_by_zsh keys "" | sort)
	[ "$(completed_by_zsh sign --cert "")" = 'files -g *.(der|pem|crt)' ]
	[ "$(completed_by_zsh sign --xattr "")" = 'files ' ]
	# As compinit loads it.
	zsh -f -c 'fpath=("$0" $fpath); autoload -Uz compinit; compinit -u -D; [[ $_comps[pkgima] == _pkgima ]]' "$top/completion"
}

@test "completion: commands, and words of options" {
	diff <(sort <<<"$commands") <(completed "" | grep -v '^-' | sort)
	for word in ca ima evm; do
		completed keygen --type "" | grep -qx "$word"
	done
	words=$("$PKGIMA" keygen --help | grep -- '--algo ALGO  ' | grep -oE '(rsa|p)[0-9]+' | sort -u)
	diff <(echo "$words") <(completed keygen --algo "" | sort)
	words=$("$PKGIMA" sign --help | grep -- '--hash HASH  ' | grep -oE 'sha[0-9]+' | sort -u)
	diff <(echo "$words") <(completed sign --hash "" | sort)
	diff <(printf '%s\n' all exec) <(completed apply --select "" | sort)
	diff <(printf '%s\n' list load retire trust) <(completed keys "" | sort)
}

@test "completion: file names" {
	cd "$BATS_TEST_TMPDIR"
	touch "with space.deb" other.txt ca.pem
	mkdir -p folder root/var/lib/dpkg/info
	touch root/var/lib/dpkg/info/{hello.imasigs,libc6:amd64.imasigs,dash.list}
	diff <(printf '%s\n' folder root "with space.deb") <(completed verify "" | sort)
	diff <(printf '%s\n' ca.pem folder root) <(completed sign --cert "" | sort)
	diff <(printf '%s\n' folder root) <(completed sign --out "" | sort)
	completed sign --xattr "" | grep -qx other.txt
	diff <(printf '%s\n' hello libc6) <(completed apply --root root "" | sort)
}

@test "completion passes shellcheck" {
	command -v shellcheck >/dev/null || missing "no shellcheck"
	shellcheck -s bash "$top/completion/pkgima.bash"
}

@test "every program and format has a page, and ima-init's options are on it" {
	command -v mandoc >/dev/null || missing "no mandoc"
	build=${PKGIMA_BUILD:-$top/build}
	while read -r what name; do
		echo "$what $name"
		page "$top/man/$name" | grep -qF -e "$what"
	done <<-END
		dpkg-ima/trigger dpkg-ima.8
		dpkg-ima/apt-hook dpkg-ima.8
		dpkg-ima/bin/dpkg-deb dpkg-ima.8
		pkgima.so rpm-plugin-pkgima.8
		macros.transaction_pkgima rpm-plugin-pkgima.8
		/ima/init ima-init.8
		/ima/latch ima-init.8
		/ima/proof ima-init.8
		/etc/ima-init/init.conf ima-init.8
		/etc/ima-init/retired pkgima.1
		/run/pkgima/state ima-init.8
		/etc/pkgima.conf pkgima.conf.5
		pkgima-manifest pkgima-manifest.5
		pkgima-digests pkgima-digests.5
	END
	diff <("$build/ima-init" --help | options) \
		<(page "$top/man/ima-init.8" | awk '/^[^ ]/ { within = $1 == "SYNOPSIS" } within' | options | grep -vx -e --help)
}

@test "settings: pkgima.conf(5) has those of lib/config.c" {
	command -v mandoc >/dev/null || missing "no mandoc"
	known=$(sed -nE 's/^\t\{ "([a-z]+)", "([a-z-]+)", offsetof\([^)]*\), \{ (.*) \} \},$/\1 \2=\3/p' "$top/lib/config.c" |
		sed 's/", "/|/g; s/"//g' | sort)
	[ "$(wc -l <<<"$known")" -ge 5 ]
	documented=$(page "$top/man/pkgima.conf.5" | awk '
		/^   Section \[/ { section = substr($2, 2, length($2) - 2) }
		/^[^ ]/ { section = "" }
		section && /^     [a-z-]+=/ { print section, $1 }' | sort)
	diff <(echo "$known") <(echo "$documented")
}

@test "verdicts: pkgima(1) has those of lib/verdict.h" {
	command -v mandoc >/dev/null || missing "no mandoc"
	diff <(sed -nE 's/^\tX\([A-Z_]+, +"([a-z-]+)".*/\1/p' "$top/lib/verdict.h" | sort) \
		<(page "$top/man/pkgima.1" | awk '
			/^[^ ]/ { within = $0 == "VERDICTS" }
			within && /^     [a-z-]+ / { print $1 }' | sort)
}

# Commands of the fenced blocks under a heading, one a line, without comments.
fenced() { # FILE HEADING
	awk -v heading="$2" '
		/^## / { within = $0 == "## " heading }
		within && /^```/ { code = !code; next }
		within && code' "$1" | sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' -e 's/^ *#.*//; s/ # .*//'
}

# Commands of all fenced blocks of a page, those of pkgima, one a line.
commands_of() { # FILE
	awk '/^```/ { code = !code; next } code || /^    /' "$1" | sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' -e 's/^ *#.*//; s/ # .*//' |
		grep -oE '(^|[ |(])pkgima [a-z][^|<>)]*' | sed 's/^[ |(]//'
}

# Each is a command with its own options, behind which stands what has to.
commands_are_right() { # FILE
	while read -r _ command rest; do
		echo "pkgima $command $rest"
		grep -qx -e "$command" <<<"$commands"
		while read -r option; do
			# A form that comes with the image builder's.
			[ -z "$option" ] || help_options "$command" | grep -qx -e "$option"
		done < <(options <<<" $rest" || :)
	done < <(commands_of "$1")
}

@test "README: the quick start uses commands and options that exist" {
	start=$(fenced "$top/README.md" "Quick start")
	for command in keygen sign verify apply keys; do
		grep -q "pkgima $command " <<<"$start"
	done
	commands_are_right "$top/README.md"
}

@test "guides: commands and options that exist, values that are taken, pages that are there" {
	for guide in distribution stock-debian image-builder; do
		[ "$(commands_of "$top/doc/$guide.md" | wc -l)" -ge 6 ]
		grep -q "doc/$guide.md" "$top/README.md"
	done
	for page in "$top"/doc/*.md "$top/certs/README.md"; do
		commands_are_right "$page"
		# Words that options take, from the completion.
		while read -r _ command rest; do
			for option in --type --algo --hash --select --format; do
				value=$(sed -nE "s/.* $option ([a-z0-9]+).*/\1/p" <<<" $rest")
				[ -z "$value" ] || completed "$command" "$option" "" | grep -qx -e "$value"
			done
		done < <(commands_of "$page")
		# Files of the tree, and guides beside this one.
		# shellcheck disable=SC2016 # backquotes, as they stand there
		for name in $(grep -oE '`(certs|examples|pkg-ima-init)/[^` ]*`|`[a-z-]+\.md`' "$page" | tr -d '`'); do
			compgen -G "$top/$name" >/dev/null ||
				compgen -G "${page%/*}/$name" >/dev/null || { echo "$page: $name"; false; }
		done
	done
}

@test "diagrams: what is committed has the words of its source, and the tool makes it" {
	command -v dot >/dev/null || missing "no dot"
	for source in "$top"/doc/*.dot; do
		labels=$(grep -oE 'label="[^"]*"' "$source" | sed 's/label="//; s/"$//' | sort)
		[ "$(wc -l <<<"$labels")" -ge 10 ]
		# Versions of graphviz place things differently.
		words_of() {
			sed -n 's/.*<text [^>]*>\(.*\)<\/text>.*/\1/p' | sed 's/&#45;/-/g; s/&#160;/ /g; s/&amp;/\&/g' | sort
		}
		diff <(echo "$labels") <(words_of <"${source%.dot}.svg")
		diff <(words_of <"${source%.dot}.svg") <(dot -Tsvg "$source" | words_of)
	done
}

@test "README: make's targets exist" {
	targets=$(grep -ohE '(`|^    )make [a-z-]+' "$top/README.md" "$top/HACKING.md" | sed 's/.* //' | sort -u)
	[ "$(wc -l <<<"$targets")" -ge 4 ]
	for target in $targets; do
		echo "$target"
		grep -qE "^([a-z -]+ )?$target( [a-z -]+)?:" "$top/Makefile"
	done
}

@test "HACKING: files and folders that it names are there" {
	# shellcheck disable=SC2016 # backquotes, as they stand there
	paths=$(grep -oE '`(lib|cli|dpkg-hook|certs|man|completion|tests|tools|debian)/[^` ]*' "$top/HACKING.md" | tr -d '`' |
		grep -v '[A-Z]' | sort -u)
	[ "$(wc -l <<<"$paths")" -ge 20 ]
	while read -r path; do
		echo "$path"
		compgen -G "$top/$path" >/dev/null
	done <<<"$paths"
}

@test "nothing that only we could understand" {
	pages=("$top"/*.md "$top"/doc/*.md "$top"/man/*.[1-8] "$top"/completion/*)
	run grep -nE '(^|[^S])#[0-9]|/home/|/root/\.' "${pages[@]}"
	[ "$status" -eq 1 ]
	run grep -niE '\b(todo|fixme|xxx)\b' "${pages[@]}"
	[ "$status" -eq 1 ]
}
