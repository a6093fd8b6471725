#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The last step of an initramfs of dracut: ima-init becomes the init that is started in the root. Sourced.

# shellcheck source=SCRIPTDIR/../initramfs/carry
. /usr/lib/ima-init.carry

# dracut looks for the init below the root before /run has moved there, and so does systemctl (switch-root.conf). So /run
# is mounted there in advance, which both take as it is; alone, and without propagation, so that nothing of ima-init's
# remains in the other one. What dracut without systemd starts is what real_init= says before anything else.
# shellcheck disable=SC2154 # NEWROOT is dracut's
if mount --bind /run "$NEWROOT/run" && mount --make-private "$NEWROOT/run" &&
	ima_init_carry "$NEWROOT/run" "$(getarg real_init= || getarg init=)"; then
	mkdir -p /etc/cmdline.d
	echo "real_init=$ima_init_program" >/etc/cmdline.d/99-ima-init.conf
else
	die "ima-init: cannot be put into /run"
fi
