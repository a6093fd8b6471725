# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# For the scripts of this folder: ". lib.bash". Each works in a temporary folder of its own, with keys rsa2048 and p256.
set -eu
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PKGIMA=$(realpath "${PKGIMA:-$TOP/build/pkgima}")
PATH=$PATH:/usr/sbin:/sbin
RUNS=${RUNS:-7}
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
cd "$work"

now() { date +%s%N; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# timed BEFORE COMMAND: seconds of COMMAND, which runs after BEFORE; that is not counted.
timed() {
	local start
	eval "$1" >/dev/null
	start=$(now)
	eval "$2" >/dev/null
	echo "$start $(now)" | awk '{ printf "%.4f\n", ($2 - $1) / 1e9 }'
}
# measure BEFORE COMMAND: median seconds of $RUNS runs.
measure() {
	local i
	for ((i = 0; i < RUNS; i++)); do timed "$1" "$2"; done | median
}
# measure_pairs BEFORE FIRST SECOND: the same of two commands, run in turn, since a disk may be slower the next minute; and
# the median of how many times as long SECOND took as the FIRST before it.
measure_pairs() {
	local i
	for ((i = 0; i < RUNS; i++)); do echo "$(timed "$1" "$2") $(timed "$1" "$3")"; done >pairs
	echo "$(awk '{ print $1 }' pairs | median) $(awk '{ print $2 }' pairs | median)" \
		"$(awk '{ printf "%.4f\n", $2 / $1 }' pairs | median)"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
peak() { command time -f %M -o peak "$@" >/dev/null; awk '{ printf "%.1f", $1 / 1024 }' peak; }

keys() {
	[ -e ca/ca.key ] || "$PKGIMA" keygen --type ca --name CA --out ca >/dev/null
	"$PKGIMA" keygen --type ima --name "$1" --algo "$1" --ca-cert ca/ca.pem --ca-key ca/ca.key --out "$1" >/dev/null
}
# openssl_rates ALGORITHM: signatures and verifications a second, on two cores.
openssl_rates() {
	openssl speed -seconds 2 -multi 2 "$1" 2>/dev/null | awk '/^(rsa|.*ecdsa)/ { print $(NF - 1), $NF }' | tail -n 1
}

keys rsa2048
keys p256
echo "cores: $(nproc), runs: $RUNS, medians"
