/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMA_INIT_FAILURES_H
#define IMA_INIT_FAILURES_H

/*
 * Every failure that ima-init knows, what it does then, and what it prints; ima-init(8) has the same rows.
 *
 * GO_ON  the boot goes on
 * STOP   in mode enforce the boot stops; in mode log it goes on
 * END    the boot stops in every mode
 *
 * A message is "ima-init: TEXT: DETAIL", with "; the boot stops" behind it where it does.
 */
#define IMA_INIT_FAILURES(row)                                                                        \
	row(FAULT, "fault", END, "fault in ima-init itself")                                          \
	row(PROC, "proc", END, "cannot mount /proc")                                                  \
	row(MOUNT, "mount", GO_ON, "cannot mount")                                                    \
	row(WORD, "word", GO_ON, "word on the kernel command line ignored")                           \
	row(SETTINGS, "settings", GO_ON, "settings not as they should be")                            \
	row(SESSION, "session", STOP, "no session keyring of its own")                                \
	row(RING, "ring", STOP, "cannot make and restrict a keyring")                                 \
	row(CA, "ca", GO_ON, "CA certificate not loaded")                                             \
	row(NO_CA, "no-ca", STOP, "there is no CA certificate")                                       \
	row(CERTIFICATE, "certificate", GO_ON, "certificate not loaded")                              \
	row(RETIRED, "retired", GO_ON, "a retired key may count")                                     \
	row(NO_KEY, "no-key", STOP, "there is no key to verify files with")                           \
	row(EVM_CA, "evm-ca", GO_ON, "CA certificate for EVM not loaded")                             \
	row(EVM_CERTIFICATE, "evm-certificate", GO_ON, "certificate for EVM not loaded")              \
	row(NO_EVM_KEY, "no-evm-key", STOP, "there is no key to verify metadata with")                \
	row(EVM, "evm", STOP, "EVM cannot be closed")                                                 \
	row(KEXEC, "kexec", STOP, "kexec_load cannot be turned off")                                  \
	row(LOCKDOWN, "lockdown", STOP, "the kernel cannot be locked down")                           \
	row(MODULES, "modules", GO_ON, "module signatures cannot be enforced")                        \
	row(NO_POLICY, "no-policy", GO_ON, "there is no policy, and none was asked for")              \
	row(POLICY_MISSING, "policy-missing", STOP, "there is no policy")                             \
	row(POLICY_WEAK, "policy-weak", STOP, "the policy appraises nothing")                         \
	row(POLICY_READ, "policy-read", STOP, "the policy cannot be read")                            \
	row(POLICY_SIGNATURE, "policy-signature", GO_ON, "the policy's signature cannot be set")      \
	row(POLICY, "policy", STOP, "the kernel does not take the policy")                            \
	row(NOT_ENFORCED, "not-enforced", GO_ON, "the kernel only logs what the policy would deny")   \
	row(LATCH, "latch", STOP, "the keyring is not in use")                                        \
	row(PROOF, "proof", STOP, "signed programs do not run")                                       \
	row(STATE, "state", GO_ON, "cannot leave the state in /run/pkgima")                           \
	row(DETACH, "detach", GO_ON, "cannot detach the file system that ima-init came from")         \
	row(EXEC, "exec", END, "cannot start the real init")

enum outcome { GO_ON, STOP, END };

#define IMA_INIT_ENUM(id, name, outcome, text) FAILURE_##id,
enum failure { IMA_INIT_FAILURES(IMA_INIT_ENUM) FAILURE_COUNT };
#undef IMA_INIT_ENUM

#endif
