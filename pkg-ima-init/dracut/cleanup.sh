#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The last step of an initramfs of dracut: ima-init becomes the init that is started in the root. Sourced.

# shellcheck source=SCRIPTDIR/../initramfs/carry
. /usr/lib/ima-init.carry

# dracut looks for the init below the root before /run has moved there, and so does systemctl (switch-root.conf): it is
# mounted there in advance, which both take as it is. For the one without systemd, real_init= counts most.
# shellcheck disable=SC2154 # NEWROOT is dracut's
if ima_init_carry "$(getarg real_init= || getarg init=)" && mount --rbind /run "$NEWROOT/run"; then
	mkdir -p /etc/cmdline.d
	echo "real_init=$ima_init_place/init" >/etc/cmdline.d/99-ima-init.conf
else
	die "ima-init: cannot be put into /run"
fi
