#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# dracut module: puts ima-init, and what it reads, into the initramfs. It works with systemd in there, and without.

check()
{
	# The packages and the administrator's files are looked for in this root only.
	[[ -z ${dracutsysrootdir-} ]] || return 1
	[[ -r /usr/share/ima-init/initramfs/collect ]] || return 1
	# shellcheck source=SCRIPTDIR/../initramfs/collect
	. /usr/share/ima-init/initramfs/collect
	ima_init_wanted || return 1
}

depends()
{
	return 0
}

# shellcheck disable=SC2154 # variables of dracut's
install()
{
	# shellcheck source=SCRIPTDIR/../initramfs/collect
	. /usr/share/ima-init/initramfs/collect
	ima_init_collect "$initdir" || {
		dfatal "ima-init cannot be put into the initramfs"
		exit 1
	}
	inst_multiple cp mkdir mount
	# Behind all others.
	inst_hook cleanup 99 "$moddir/cleanup.sh"
	if dracut_module_included systemd-initrd; then
		inst_simple "$moddir/switch-root.conf" \
			"$systemdsystemunitdir/initrd-switch-root.service.d/ima-init.conf"
	fi
}
