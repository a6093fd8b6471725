# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2016 # scripts for other shells
# Runs on a machine of ima-init-boot.bats, as root and from a service of systemd's. In $t: "fine", a signed program that
# says so; "ran", an unsigned one that does; others of each.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
t=/opt/t

# try NAME COMMAND...: a line with what it said.
try()
{
	name=$1
	shift
	echo "TRY $name: $("$@" 2>&1 </dev/null | grep -av '^Joined session keyring: ' | tr -s '\n\t ' ' ')"
}

# new NAME OF: a copy that no process has opened yet, with the signature.
new()
{
	cp "$t/$2" "$t/$1"
	signature=$(getfattr --absolute-names --only-values -e hex -n security.ima "$t/$2" | od -An -tx1 | tr -d ' \n')
	setfattr -n security.ima -v "0x$signature" "$t/$1"
}

# In a session keyring that has nothing in it, as sshd and others make one.
in_session() { keyctl session - "$@"; }
# With root's keyrings in it.
with_keys() { keyctl session - sh -c "keyctl link @u @s && $1"; }
service() { systemd-run --quiet --wait --pipe "$@" || echo "status $?"; }

echo "RELEASE $(uname -r)"
sed 's/^/STATE /' /run/pkgima/state
echo "SYSTEM $(systemctl is-system-running --wait) $(systemctl is-active multi-user.target)"
systemctl --failed --no-legend | sed 's/^/FAILED /'
echo "INIT $(tr '\0' ' ' </proc/1/cmdline)"
echo "EVM $(cat /sys/kernel/security/evm)"
echo "KEXEC $(cat /proc/sys/kernel/kexec_load_disabled)"
echo "LOCKDOWN $(cat /sys/kernel/security/lockdown)"
[ ! -e /run/ima-init ] || echo "LEFT $(ls -a /run/ima-init)"
grep ima-init /proc/self/mountinfo | sed 's/^/LEFT /'

for where in '' in_session service 'service -p KeyringMode=inherit' 'service -p KeyringMode=shared' setsid; do
	new fresh fine
	try "signed, in ${where:-a service}" $where "$t/fresh"
	try "unsigned, in ${where:-a service}" $where "$t/ran"
	try "tampered, in ${where:-a service}" $where "$t/tampered"
	try "rogue, in ${where:-a service}" $where "$t/rogue"
done

# The site's keyring.
try 'rogue certificate' with_keys "keyctl padd asymmetric '' %keyring:_ima <$t/rogue.der"
try 'certificate by a leaf' with_keys "keyctl padd asymmetric '' %keyring:_ima <$t/leaf.der"
try 'signed by the leaf of a leaf' "$t/leaf"
try 'signed by the second key, before' "$t/second"
try 'certificate by the CA' with_keys "keyctl padd asymmetric '' %keyring:_ima <$t/second.der && echo taken"
try 'signed by the second key' "$t/second"

# It cannot be given one by a link, nor take others from now on; and one that stands in its place is not asked.
try 'rogue certificate, linked' with_keys "keyctl link \$(keyctl padd asymmetric '' @s <$t/rogue.der) %keyring:_ima"
try 'another restriction' with_keys 'keyctl restrict_keyring %keyring:_ima'
try 'CA ring' with_keys "keyctl padd asymmetric '' %keyring:_ca <$t/rogue.der"
new another rogue
new good fine
try 'another _ima in its place' with_keys "own=\$(keyctl search @u keyring _ima) && keyctl link \$own @s &&
	keyctl padd asymmetric '' \$(keyctl newring _ima @u) <$t/rogue.der >/dev/null &&
	[ \$own != \$(keyctl search @u keyring _ima) ] && echo replaced
	$t/another
	$t/good
	keyctl link \$own @u && [ \$own = \$(keyctl search @u keyring _ima) ] && echo back"

for value in 0x80000000 0x80000002 1; do
	try "EVM $value" sh -c "env echo $value >/sys/kernel/security/evm"
done

modprobe dummy
echo "MODULE $(grep -c '^dummy ' /proc/modules)"
