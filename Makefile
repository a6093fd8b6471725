# SPDX-License-Identifier: LGPL-2.1-or-later
# pkgima. `make help` lists the targets; HACKING.md tells how the tree is arranged.

VERSION := 0.1.0

prefix ?= /usr/local
bindir ?= $(prefix)/bin
libexecdir ?= $(prefix)/libexec
mandir ?= $(prefix)/share/man
completionsdir ?= $(prefix)/share/bash-completion/completions
DESTDIR ?=

# Where everything built goes.
O ?= build

CC ?= cc
PKG_CONFIG ?= pkg-config
# As the Debian package is built; `make CFLAGS=…` replaces them.
BUILDFLAGS := DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags
HARDENING := $(shell $(BUILDFLAGS) --get CPPFLAGS 2>/dev/null) $(shell $(BUILDFLAGS) --get CFLAGS 2>/dev/null)
LINK_HARDENING := $(shell $(BUILDFLAGS) --get LDFLAGS 2>/dev/null)
CFLAGS ?= $(or $(strip $(HARDENING)),-O2 -g)
LDFLAGS ?= $(LINK_HARDENING)
# WERROR=1 in CI: a warning is a failure.
WERROR ?=

LIBRARIES := libcrypto libarchive zlib liblzma libzstd libkeyutils json-c inih rpm
BASE_FLAGS := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DPKGIMA_VERSION='"$(VERSION)"' -pthread \
	-Wall -Wextra -Wvla -Wstrict-prototypes -Wmissing-prototypes $(if $(WERROR),-Werror) \
	-fvisibility=hidden -fPIC -ffunction-sections -fdata-sections \
	$(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
LINK_FLAGS := -pthread -Wl,--gc-sections -Wl,--as-needed

# The library; what signs is an archive of its own, linked into the command only.
LIB_SOURCES := $(wildcard lib/*.c)
SIGNING_SOURCES := $(wildcard lib/signing/*.c)
CLI_SOURCES := $(wildcard cli/*.c)
HOOK_SOURCES := $(wildcard dpkg-hook/*.c)
# dpkg-hook/ has a program in each of these, and what they share.
TRIGGER_SOURCES := $(addprefix dpkg-hook/,trigger.c stamp.c)
APT_HOOK_SOURCES := $(addprefix dpkg-hook/,apt_hook.c apt_run.c say.c)
BACKEND_SOURCES := $(addprefix dpkg-hook/,backend.c backend_control.c backend_data.c backend_static.c place.c say.c tar_stream.c)
UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)

CLI_LIBS = $(shell $(PKG_CONFIG) --libs $(LIBRARIES))
# The backend runs while the libraries of the system are replaced: it has all within itself.
# (Sanitizers cannot be linked so: BACKEND_STATIC= for them.)
BACKEND_STATIC ?= -static-pie -Wl,--wrap=dlopen,--wrap=getaddrinfo,--wrap=gethostbyname -Wl,-Bstatic
BACKEND_LIBS = $(shell $(PKG_CONFIG) $(if $(BACKEND_STATIC),--static) --libs libcrypto inih)
HOOK_LIBS = $(shell $(PKG_CONFIG) --libs libcrypto libkeyutils inih)

LIB := $(O)/libpkgima.a
SIGNING := $(O)/libpkgima-signing.a
PROGRAMS := $(O)/pkgima $(O)/dpkg-ima-trigger $(O)/dpkg-ima-backend $(O)/dpkg-ima-apt-hook
UNIT_TESTS := $(UNIT_SOURCES:%.c=$(O)/%)
# What the unit tests share: linked where it is used.
SUPPORT := $(O)/tests/unit/libsupport.a
# The fuzzers' targets, to be run over given files.
REPLAYS := $(FUZZ_SOURCES:%.c=$(O)/%-replay)
FUZZERS := $(FUZZ_SOURCES:%.c=$(O)/%)
MANPAGES := $(wildcard man/*.[1-8])

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

.PHONY: all
all: $(PROGRAMS)

# Objects depend on the flags they were made with.
FLAGS_STAMP := $(O)/flags
$(FLAGS_STAMP): FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(subst ','\'',$(CC) $(BASE_FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(CC) $(BASE_FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))' > $@
.PHONY: FORCE
FORCE:

$(O)/tests/%.o: INCLUDES := -Ilib
$(O)/%.o: %.c $(FLAGS_STAMP)
	$(Q)mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(BASE_FLAGS) $(INCLUDES) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB): $(LIB_SOURCES:%.c=$(O)/%.o)
$(SIGNING): $(SIGNING_SOURCES:%.c=$(O)/%.o)
$(SUPPORT): $(O)/tests/unit/support.o $(O)/tests/unit/recipe.o $(O)/tests/unit/rpm_maker.o
$(LIB) $(SIGNING) $(SUPPORT):
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(O)/pkgima: $(CLI_SOURCES:%.c=$(O)/%.o) $(SIGNING) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK_FLAGS) -o $@ $^ $(CLI_LIBS)

$(O)/dpkg-ima-trigger: $(TRIGGER_SOURCES:%.c=$(O)/%.o) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK_FLAGS) -o $@ $^ $(HOOK_LIBS)

$(O)/dpkg-ima-apt-hook: $(APT_HOOK_SOURCES:%.c=$(O)/%.o) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK_FLAGS) -o $@ $^ $(CLI_LIBS)

$(O)/dpkg-ima-backend: $(BACKEND_SOURCES:%.c=$(O)/%.o) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK_FLAGS) $(BACKEND_STATIC) -o $@ $^ $(BACKEND_LIBS)

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(SUPPORT) $(SIGNING) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK_FLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(CLI_LIBS) -lcmocka

# What is in no library.
$(O)/tests/unit/test_apt_run: $(O)/dpkg-hook/apt_run.o
$(O)/tests/unit/test_tar_stream: $(O)/dpkg-hook/tar_stream.o

# A module for OpenSSL, which the test of the same name loads.
$(O)/tests/unit/test_token_provider: | $(O)/tests/unit/modules/pkcs11.so
$(O)/tests/unit/modules/pkcs11.so: $(O)/tests/unit/provider.o
	$(Q)mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $^ $(CLI_LIBS)

$(O)/tests/fuzz/%-replay: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/replay.o $(SIGNING) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK_FLAGS) -o $@ $^ $(CLI_LIBS)

$(FUZZERS): %: %.o $(SIGNING) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) $(LINK_FLAGS) -o $@ $^ $(CLI_LIBS)

.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)

.PHONY: install
install: all
	install -D -m 755 $(O)/pkgima $(DESTDIR)$(bindir)/pkgima
	install -D -m 755 $(O)/dpkg-ima-trigger $(DESTDIR)$(libexecdir)/dpkg-ima/trigger
	install -D -m 755 $(O)/dpkg-ima-apt-hook $(DESTDIR)$(libexecdir)/dpkg-ima/apt-hook
	install -D -m 755 $(O)/dpkg-ima-backend $(DESTDIR)$(libexecdir)/dpkg-ima/bin/dpkg-deb
	install -D -m 644 completion/pkgima.bash $(DESTDIR)$(completionsdir)/pkgima
	set -e; for page in $(MANPAGES); do \
		install -D -m 644 $$page $(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}; done

.PHONY: uninstall
uninstall:
	rm -f $(DESTDIR)$(bindir)/pkgima $(DESTDIR)$(completionsdir)/pkgima
	rm -f $(addprefix $(DESTDIR)$(libexecdir)/dpkg-ima/,trigger apt-hook bin/dpkg-deb)
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(libexecdir)/dpkg-ima/bin
	for page in $(MANPAGES); do rm -f $(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}; done
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(libexecdir)/dpkg-ima

.PHONY: clean
clean:
	rm -rf $(O)

# Tests. Each tier is a list of files; prove runs them and counts.
UNIT_BATS := $(wildcard tests/unit/*.bats)
PACKAGE_BATS := $(wildcard tests/package/*.bats)
KERNEL_BATS := $(wildcard tests/kernel/*.bats)
PROVE := prove --timer --failures --comments --exec tests/run-one
TEST_ENV = PKGIMA=$(abspath $(O))/pkgima PKGIMA_BUILD=$(abspath $(O)) TOP=$(CURDIR)

.PHONY: check-dependencies
check-dependencies:
	@tools/install-dependencies check

# Every test finds all that is built.
.PHONY: check-build
check-build: check-dependencies
	@$(MAKE) --no-print-directory WERROR=1 all unit-programs

.PHONY: unit-programs
unit-programs: $(UNIT_TESTS) $(REPLAYS)

.PHONY: check check-unit check-package check-kernel
check: check-build
	$(TEST_ENV) $(PROVE) $(UNIT_TESTS) $(UNIT_BATS) $(PACKAGE_BATS) $(KERNEL_BATS)
check-unit: check-build
	$(TEST_ENV) $(PROVE) $(UNIT_TESTS) $(UNIT_BATS)
check-package: check-build
	$(TEST_ENV) $(PROVE) $(PACKAGE_BATS)
check-kernel: check-build
	$(TEST_ENV) $(PROVE) $(KERNEL_BATS)

# AddressSanitizer and UndefinedBehaviorSanitizer over the C tests and the fuzzers' corpus.
.PHONY: sanitize
sanitize:
	@$(MAKE) --no-print-directory O=$(O)/sanitize WERROR=1 CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all' \
		LDFLAGS= BACKEND_STATIC= all unit-programs
	PKGIMA=$(abspath $(O))/sanitize/pkgima PKGIMA_BUILD=$(abspath $(O))/sanitize TOP=$(CURDIR) \
		prove --jobs $$(nproc) --exec tests/run-one $(UNIT_SOURCES:%.c=$(O)/sanitize/%) tests/unit/corpus.bats

.PHONY: analyze print-flags
print-flags:
	@printf '%s\n' $(BASE_FLAGS)
analyze:
	tools/analyze $(CLI_SOURCES) $(LIB_SOURCES) $(SIGNING_SOURCES) $(HOOK_SOURCES)

# Fuzzers, FUZZ_SECONDS each; what they find stays in tests/data.
FUZZ_SECONDS ?= 60
.PHONY: fuzz fuzz-programs
fuzz-programs: $(FUZZERS)
fuzz:
	tools/fuzz $(O)/fuzz $(FUZZ_SECONDS)

.PHONY: bench
bench: all
	$(TEST_ENV) tests/bench/deb
	$(TEST_ENV) tests/bench/rpm

.PHONY: demo
demo:
	@tools/install-dependencies demo
	@$(MAKE) --no-print-directory all
	@$(TEST_ENV) tests/demo

.PHONY: help
help:
	@echo 'Targets: all install uninstall clean'
	@echo '         demo           sign, install and verify a real package in a scratch root'
	@echo '         check          all tests: check-unit check-package check-kernel'
	@echo '         sanitize analyze fuzz bench'
	@echo 'Variables: prefix DESTDIR CC CFLAGS LDFLAGS O=build V=1 WERROR=1 FUZZ_SECONDS=60'
