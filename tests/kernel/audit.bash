# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154 # variables of bats, and for it
# For audit.bats: a root in which the same files stand in all states, on three file systems; and what is tried there.
# Everything is below /lib/modules, where modules are looked for: S is on ext4, tmpfs and ovl are what their names say.

tree=/lib/modules
policies=/usr/share/ima-init/policies
uuid=6f0c2a4e-0b1d-4c3e-9a55-70b1d2c3e4f5

# set_xattr FILE HEX
set_xattr()
{
	setfattr -n security.ima -v "0x$2" "$1"
}

hash_of_file()
{
	"$1sum" "$2" | cut -d ' ' -f 1
}

# sign_with LEAF HASH FILE
sign_with()
{
	evmctl ima_sign --hashalgo "$2" --key "$1.key" --keyid-from-cert "$1.pem" "$3" >/dev/null 2>&1
}

# put FILE STATE: brings a file into a state. Those that are undecided: see audit.bats.
put()
{
	local file=$1 value
	case $2 in
	unsigned) ;;
	signed | tampered | other | shell) sign_with "$keys/site" sha256 "$file" ;;
	sha512) sign_with "$keys/site" sha512 "$file" ;;
	ec) sign_with "$keys/ec" sha256 "$file" ;;
	rogue) sign_with "$keys/rogue" sha256 "$file" ;;
	sha1) sign_with "$keys/site" sha1 "$file" ;;
	hash) set_xattr "$file" "0404$(hash_of_file sha256 "$file")" ;;
	hash512) set_xattr "$file" "0406$(hash_of_file sha512 "$file")" ;;
	oldhash) set_xattr "$file" "01$(hash_of_file sha1 "$file")" ;;
	longhash) set_xattr "$file" "0404$(hash_of_file sha256 "$file")00ff" ;;
	badhash) set_xattr "$file" "0404$(printf 'ab%.0s' {1..32})" ;;
	shorthash) set_xattr "$file" 0404abcd ;;
	otherhash) set_xattr "$file" 0404 ;;
	verity) set_xattr "$file" "060304$(printf '00%.0s' {1..262})" ;;
	evm) set_xattr "$file" "050204$(printf '00%.0s' {1..262})" ;;
	unknown) set_xattr "$file" 7f00 ;;
	cut | version3 | badlength)
		sign_with "$keys/site" sha256 "$file"
		value=$(getfattr -h --absolute-names -n security.ima -e hex "$file" | sed -n 's/^security.ima=0x//p')
		case $2 in
		cut) set_xattr "$file" "${value:0:100}" ;;
		version3) set_xattr "$file" "0303${value:4}" ;;
		badlength) set_xattr "$file" "${value}00" ;;
		esac
		;;
	esac
	# ext4 keeps attributes of a file that is written to.
	[ "$2" != tampered ] || echo '#' >>"$file"
	[ "$2" != other ] || chown 1000:1000 "$file"
}

states='unsigned signed tampered other sha512 ec rogue sha1 hash hash512 oldhash longhash badhash shorthash otherhash
verity evm unknown cut version3 badlength'

# make_objects DIR: what is brought into states.
make_objects()
{
	cat >"$1/prog.c" <<-'END'
		void _start(void);
		void _start(void) { __asm__("mov $60, %eax; xor %edi, %edi; syscall"); }
	END
	echo 'int main(void) { return 0; }' >"$1/dyn.c"
	echo 'int lib; int f(void); int f(void) { return lib; }' >"$1/lib.c"
	gcc -nostdlib -static -Os -s -o "$1/prog" "$1/prog.c"
	gcc -Os -s -o "$1/dyn" "$1/dyn.c"
	gcc -Os -s -shared -fPIC -nostdlib -o "$1/lib.so" "$1/lib.c"
	gcc -Os -s "-Wl,--dynamic-linker=$tree/S/unsigned/loader" -o "$1/badloader" "$1/dyn.c"
	printf '#!/bin/sh\nexit 0\n' >"$1/script"
	printf '#! %s/S/unsigned/prog -x\n' "$tree" >"$1/badscript"
	printf 'measure func=KEXEC_CMDLINE\n' >"$1/rule"
	echo text >"$1/text"
	cp "$("$kernel_tests/build-uml")/modules/crc7.ko" "$1/crc7.ko"
	chmod 755 "$1"/{prog,dyn,script,badscript,badloader}
	chmod 644 "$1"/{lib.so,text,crc7.ko,rule}
}

# add_programs ROOT PROGRAM...: with the shared objects that they need.
add_programs()
{
	local root=$1 program library
	for program in "${@:2}"; do
		cp "$program" "$root/bin/"
		ldd "$program" | grep -o '/[^ ]*' | sort -u | while read -r library; do
			mkdir -p "$root${library%/*}"
			cp -L "$library" "$root$library"
		done
	done
}

# make_states ROOT OBJECTS
make_states()
{
	local state object loader
	loader=$(ldd /bin/true | grep -o '/[^ ]*/ld-[^ ]*')
	for state in $states; do
		mkdir -p "$1$tree/S/$state"
		for object in prog dyn lib.so script text crc7.ko; do
			cp "$2/$object" "$1$tree/S/$state/"
			put "$1$tree/S/$state/$object" "$state"
		done
		cp "$2/rule" "$1$policies/$state"
		put "$1$policies/$state" "$state"
	done
	cp -L "$loader" "$1$tree/S/unsigned/loader"
	for object in badscript badloader; do
		cp "$2/$object" "$1$tree/S/signed/"
		put "$1$tree/S/signed/$object" signed
	done
	# Owned by others, without a signature; set-user-ID; without an x bit.
	cp "$2/prog" "$1$tree/S/other/unsigned-prog"
	chown 1000:1000 "$1$tree/S/other/unsigned-prog"
	cp "$2/prog" "$1$tree/S/signed/suid"
	chmod 4755 "$1$tree/S/signed/suid"
	put "$1$tree/S/signed/suid" signed
}

# list_uses: what is tried, on all three file systems.
list_uses()
{
	local place state object
	for place in S tmpfs ovl; do
		for state in $states; do
			for object in prog dyn script; do
				echo "execute $tree/$place/$state/$object"
			done
			for object in prog dyn lib.so; do
				echo "map $tree/$place/$state/$object"
			done
			for object in prog text lib.so; do
				echo "read $tree/$place/$state/$object"
			done
			echo "load-module $tree/$place/$state/crc7.ko"
		done
		echo "execute $tree/$place/other/unsigned-prog"
		echo "execute $tree/$place/signed/suid"
		echo "execute $tree/$place/signed/badscript"
		echo "execute $tree/$place/signed/badloader"
	done
	for state in $states; do
		echo "load-policy $policies/$state"
	done
}

# compare UNDECIDED PREDICTIONS RESULTS: do they say the same of each use? Prints what is wrong, and how many there are.
# Fails where one is not the same, or undecided without being one of UNDECIDED (a pattern of paths).
compare()
{
	jq -r '.predictions[] | .path as $path | (.denied[] | "denied \(.) \($path)"), (.undecided[] | "undecided \(.) \($path)")' \
		"$2" >"$2.list"
	awk -v open="$1" '
		FILENAME == ARGV[1] { said[$2 " " $3] = $1 == "denied" || said[$2 " " $3] == "denied" ? "denied" : "undecided"; next }
		$3 != "allowed" && $3 != "denied" { print "neither: " $0; bad++; next }
		{
			what = said[$1 " " $2] ? said[$1 " " $2] : "allowed"
			uses++
			kernel[$3]++
			if (what == "undecided" && $2 ~ open)
				undecided++
			else if (what != $3) {
				print "predicted " what ": " $0
				bad++
			}
		}
		END {
			print uses + 0 " uses, " kernel["denied"] + 0 " denied, " undecided + 0 " undecided, " bad + 0 " wrong"
			exit bad > 0 || !uses
		}' "$2.list" "$3"
}
