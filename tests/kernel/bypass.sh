# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2016,SC2154 # scripts for other shells; boot-checks.sh comes first
# Behind boot-checks.sh: what root may try to run what is not signed. The names are those of the table in SECURITY.md,
# which says what comes of it; "control" are those that are to work. "ran" is said by what should not run.
b="$t/bypass"

ran_on()
{
	cp "$t/ran" "$1/ran"
	"$1/ran"
}

fine_on()
{
	cp "$t/fine" "$1/fine"
	setfattr -n security.ima -v "0x$signature" "$1/fine"
	"$1/fine"
}

mkdir -p /m/tmpfs /m/ramfs /m/overlay /m/ext4 /m/squashfs /m/bind /m/fuse
mount -t tmpfs tmpfs /m/tmpfs
mount -t ramfs ramfs /m/ramfs
mkdir /m/tmpfs/upper /m/tmpfs/work
mount -t overlay -o "lowerdir=$t,upperdir=/m/tmpfs/upper,workdir=/m/tmpfs/work" overlay /m/overlay
mount -o loop "$t/ext4.img" /m/ext4
mount -o loop "$t/squashfs.img" /m/squashfs
mount --bind "$t" /m/bind

try 'control: ext4' "$t/fine"
try 'control: tmpfs' fine_on /m/tmpfs
try 'control: overlayfs' /m/overlay/fine
try 'control: loop-mounted ext4' /m/ext4/fine
try 'control: loop-mounted squashfs' /m/squashfs/fine
try 'unsigned program on ext4' "$t/ran"
try 'on a new tmpfs' ran_on /m/tmpfs
try 'on a new ramfs' ran_on /m/ramfs
try 'on overlayfs, from below' /m/overlay/ran
try 'on overlayfs, written there' ran_on /m/overlay
try 'on a loop-mounted ext4' /m/ext4/ran
try 'on a loop-mounted squashfs' /m/squashfs/ran
try 'through /proc/PID/root' "/proc/1/root$t/ran"
try 'through a bind mount' /m/bind/ran
try 'in user and mount namespaces of its own' unshare --user --map-root-user --mount sh -c \
	"mount -t tmpfs t /m/fuse && cp $t/ran /m/fuse/ran && /m/fuse/ran"
try 'memfd_create' "$b" memfd "$t/ran"
try 'ld.so ./program' /lib64/ld-linux-x86-64.so.2 "$t/echo" ran
try 'LD_PRELOAD of an unsigned library' env "LD_PRELOAD=$t/library.so" /bin/true
try 'dlopen of an unsigned library' perl -e 'require DynaLoader; DynaLoader::dl_load_file($ARGV[0], 1) or print DynaLoader::dl_error()' \
	"$t/library.so"
try 'mapping an unsigned file to be executed' "$b" map "$t/ran"
try 'mprotect of a mapped file to be executed' "$b" mprotect "$t/fine"

new changed fine
try 'control: before it is changed' "$t/changed"
printf 'ran!' | dd of="$t/changed" bs=1 seek="$(grep -abo 'fine' "$t/changed" | head -n 1 | cut -d: -f1)" conv=notrunc status=none
try 'signed program with a byte changed' "$t/changed"
new linked fine
ln "$t/linked" "$t/link"
try 'control: before it is changed through a link' "$t/linked"
printf 'ran!' | dd of="$t/link" bs=1 seek="$(grep -abo 'fine' "$t/link" | head -n 1 | cut -d: -f1)" conv=notrunc status=none
try 'changed through a hard link' "$t/linked"
"$b" wait &
try 'changed while it runs' sh -c "echo >>$b && $b anonymous"
kill $!
try 'control: overlayfs before it is changed below' fine_on /m/overlay
printf 'ran!' | dd of=/m/tmpfs/upper/fine bs=1 seek="$(grep -abo 'fine' "$t/fine" | head -n 1 | cut -d: -f1)" conv=notrunc status=none
echo 1 >/proc/sys/vm/drop_caches
try 'changed in the layer below overlayfs' /m/overlay/fine

cp "$t/ran" "$t/copied"
setfattr -n security.ima -v "0x$signature" "$t/copied"
try 'security.ima copied from another file' "$t/copied"
try 'signed by a rogue key' "$t/rogue"
try 'detaching the root mount, and setns' "$b" detach "$t/ran"

try 'rogue _evm: opening EVM for it' keyctl session - sh -c "keyctl newring _evm @s >/dev/null &&
	keyctl padd asymmetric '' %keyring:_evm <$t/rogue.der >/dev/null && /bin/echo 0x80000002 >/sys/kernel/security/evm && echo ran"
try 'rogue _evm: hash and portable signature' keyctl session - sh -c "keyctl newring _evm @s >/dev/null &&
	keyctl padd asymmetric '' %keyring:_evm <$t/rogue.der >/dev/null; $t/portable"

# Every keyring that there is, and those of this session.
taken=
while read -r id _ _ _ _ _ _ type name _; do
	[ "$type" = keyring ] || continue
	keyctl padd asymmetric '' "0x$id" <"$t/rogue.der" >/dev/null 2>&1 && taken="$taken $name"
	with_keys "keyctl padd asymmetric '' 0x$id" <"$t/rogue.der" >/dev/null 2>&1 && taken="$taken $name"
done </proc/keys
echo "TAKEN$taken"
try 'rogue key into every keyring' with_keys "$t/rogue"
try 'an _ima of one'"'"'s own in the session' keyctl session - sh -c "keyctl newring _ima @s >/dev/null &&
	keyctl padd asymmetric '' %keyring:_ima <$t/rogue.der >/dev/null && $t/rogue"
try 'a second policy' sh -c "echo 'dont_appraise func=BPRM_CHECK' >/sys/kernel/security/ima/policy; $t/ran"
try 'unsigned kernel module' "$b" module "$t/module-$(uname -r | cut -d. -f1,2 | cut -d- -f1).ko"
try 'kexec with another initrd' "$b" kexec "/boot/vmlinuz-$(uname -r)" "$t/ran"
try 'unsigned script, executed' "$t/script"

try 'sh script' sh "$t/script"
try 'a program for an interpreter' perl -e 'print "ran"'
try 'anonymous executable memory' "$b" anonymous
try '/proc/PID/mem' "$b" mem
try 'ptrace' "$b" ptrace
grep -q fail_securely /proc/cmdline && fuse='FUSE, with ima_policy=fail_securely'
try "${fuse:-FUSE content that changes}" "$b" fuse "$t/fine" "$t/ran" /m/fuse
# The kernel keeps its verdict while it has the inode; the content it reads again.
change()
{
	for offset in $(grep -abo "$1" "$2" | cut -d: -f1); do
		# In the program the word begins a page; elsewhere it is a name in a folder.
		[ $((offset % 1024)) -ne 0 ] || printf '%s' "$3" | dd of="$2" bs=1 seek="$offset" conv=notrunc status=none
	done
	sync
	echo 1 >/proc/sys/vm/drop_caches
}
change fine "$t/ext4.img" ran!
try 'writing the backing file of a loop device' /m/ext4/fine
change ran! "$(findmnt -n -o SOURCE /m/ext4)" fine
try 'control: written back through the block device' /m/ext4/fine
change fine "$(findmnt -n -o SOURCE /m/ext4)" ran!
try 'writing the block device' /m/ext4/fine
exit 0
