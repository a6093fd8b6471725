# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154,SC2034 # variables of bats, and for it
# For bats files with keys in tokens: "load hsm", behind helpers. The tokens are SoftHSM's, in the test's folder.

module=/usr/lib/softhsm/libsofthsm2.so
libraries=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null)/pkcs11

# make_token LABEL: an empty one; its PIN is 1234.
make_token()
{
	export SOFTHSM2_CONF=$BATS_FILE_TMPDIR/softhsm2.conf
	mkdir -p "$BATS_FILE_TMPDIR/tokens"
	printf '%s\n' "directories.tokendir = $BATS_FILE_TMPDIR/tokens" 'objectstore.backend = file' 'log.level = ERROR' \
		>"$SOFTHSM2_CONF"
	softhsm2-util --init-token --free --label "$1" --pin 1234 --so-pin 5678 >/dev/null
}

# import_key TOKEN LABEL ID FILE
import_key()
{
	softhsm2-util --import "$4" --token "$1" --label "$2" --id "$3" --pin 1234 >/dev/null
}
