# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion of pkgima(1) for bash. Needs nothing of the package bash-completion.

_pkgima_commands='keygen sign extract sign-digests attach show verify strip apply audit keys mkinit status enforce'

# The options of a command.
_pkgima_options() {
	case $1 in
	keygen) echo '--type --name --algo --ca-cert --ca-key --days --out --help -h' ;;
	sign) echo '--key --cert --hash --out --in-place --from --xattr --root --resign --help -r -j -h' ;;
	extract) echo '--hash --from --help -j -h' ;;
	sign-digests) echo '--key --cert --help -j -h' ;;
	attach) echo '--signatures --cert --hash --out --in-place --from --help -j -h' ;;
	show) echo '--json --help -h' ;;
	verify) echo '--certs --payload --json --help -h' ;;
	strip) echo '--in-place --help -h' ;;
	apply) echo '--all --root --certs --select --help -h' ;;
	audit) echo '--root --certs --policy --repair --log --key-id --packages --json --help -h' ;;
	keys) echo '--root --json --force --help -h' ;;
	mkinit) echo '--ca-cert --cert --key --policy --out --init --name --revision --root --help -h' ;;
	status) echo '--json --help -h' ;;
	enforce) echo '--policy --force --root --json --help -h' ;;
	esac
}

# Words from a list.
_pkgima_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# Folders and, of files, those that a pattern matches; all where there is none.
_pkgima_files() {
	local name
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(
		compgen -d -- "$cur"
		compgen -f -- "$cur" | while IFS= read -r name; do
			# shellcheck disable=SC2053 # a pattern is wanted
			[[ -d $name ]] || [[ ${name##*/} != ${1:-*} ]] || printf '%s\n' "$name"
		done
	)
}

_pkgima_folders() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -d -- "$cur")
}

# Installed packages that have a manifest, below the folder of an earlier --root.
_pkgima_packages() {
	local root='' file names='' i
	for ((i = 2; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} != --root ]] || root=${COMP_WORDS[i + 1]}
		[[ $root != '=' ]] || root=${COMP_WORDS[i + 2]}
	done
	for file in "${root%/}"/var/lib/dpkg/info/*.imasigs; do
		[[ -e $file ]] || continue
		file=${file##*/}
		file=${file%.imasigs}
		names+=" ${file%%:*}"
	done
	_pkgima_words "$names"
}

# Names of policies, and files.
_pkgima_policies() {
	local file names='tcb appraise_tcb secure_boot critical_data' files
	for file in /usr/share/ima-init/policies/*; do
		[[ ! -e $file ]] || names+=" ${file##*/}"
	done
	_pkgima_files
	files=("${COMPREPLY[@]}")
	_pkgima_words "$names"
	COMPREPLY+=("${files[@]}")
}

# The value of option $1; false where it takes none.
_pkgima_value() {
	case $1 in
	--type) _pkgima_words 'ca ima evm' ;;
	--algo) _pkgima_words 'rsa2048 rsa3072 rsa4096 p256 p384' ;;
	--hash) _pkgima_words 'sha256 sha384 sha512' ;;
	--select) _pkgima_words 'all exec' ;;
	--from) _pkgima_words '-' ;;
	--cert | --ca-cert | --certs) _pkgima_files '*.@(der|pem|crt)' ;;
	--key | --ca-key | --init | --signatures) _pkgima_files ;;
	--policy) _pkgima_policies ;;
	--key-id) _pkgima_words 'none' ;;
	--out | --root) _pkgima_folders ;;
	--name | --days | --revision | -j) COMPREPLY=() ;;
	*) return 1 ;;
	esac
}

_pkgima() {
	local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		_pkgima_words "$_pkgima_commands --help --version"
		return
	fi
	# --option=value comes as three words.
	if [[ $cur == '=' ]]; then
		cur=''
	elif [[ $previous == '=' ]]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	_pkgima_value "$previous" && return
	if [[ $cur == -* ]]; then
		_pkgima_words "$(_pkgima_options "$command")"
		return
	fi
	case $command in
	sign)
		if [[ " ${COMP_WORDS[*]} " == *' --xattr '* ]]; then
			_pkgima_files
		else
			_pkgima_files '*.@(deb|rpm|changes)'
		fi
		;;
	extract | attach) _pkgima_files '*.@(deb|rpm|changes)' ;;
	show | audit) _pkgima_files ;;
	verify | strip) _pkgima_files '*.deb' ;;
	apply) _pkgima_packages ;;
	keys) _pkgima_words 'list load trust retire' ;;
	enforce) _pkgima_words 'log on off status' ;;
	esac
}

complete -F _pkgima pkgima
