# SPDX-License-Identifier: LGPL-2.1-or-later
# pkgima. `make help` lists the targets; HACKING.md tells how the tree is arranged.

VERSION := 0.1.0

prefix ?= /usr/local
bindir ?= $(prefix)/bin
libexecdir ?= $(prefix)/libexec
mandir ?= $(prefix)/share/man
completionsdir ?= $(prefix)/share/bash-completion/completions
# Where zsh looks for completions: /usr/share/zsh/vendor-completions on Debian, …/site-functions elsewhere. Empty: not installed.
zshcompletionsdir ?=
# Where the rpm of this system looks for plugins and macros; below another prefix than /usr it does not look.
rpmplugindir ?= $(or $(if $(filter /usr,$(prefix)),$(shell rpm --eval '%{__plugindir}' 2>/dev/null)),$(prefix)/lib/rpm-plugins)
rpmmacrosdir ?= $(prefix)/lib/rpm/macros.d
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
# Which of rpm's plugin interfaces: nofd, fd or header; empty: as headers and version say. See rpm-plugin/abi.h.
RPM_PLUGIN_ABI ?=
PLUGIN_FLAGS := -DPKGIMA_RPM_VERSION=$(shell $(PKG_CONFIG) --modversion rpm | awk -F. '{ print 100 * $$1 + $$2 }') \
	$(if $(RPM_PLUGIN_ABI),-DRPM_PLUGIN_ABI=ABI_$(RPM_PLUGIN_ABI))
LINK_FLAGS := -pthread -Wl,--gc-sections -Wl,--as-needed

comma := ,

# The library; what signs is an archive of its own, linked into the command only.
LIB_SOURCES := $(wildcard lib/*.c)
SIGNING_SOURCES := $(wildcard lib/signing/*.c)
CLI_SOURCES := $(wildcard cli/*.c)
HOOK_SOURCES := $(wildcard dpkg-hook/*.c)
# dpkg-hook/ has a program in each of these, and what they share.
TRIGGER_SOURCES := $(addprefix dpkg-hook/,trigger.c stamp.c)
APT_HOOK_SOURCES := $(addprefix dpkg-hook/,apt_hook.c apt_run.c say.c)
BACKEND_SOURCES := $(addprefix dpkg-hook/,backend.c backend_control.c backend_data.c backend_static.c place.c say.c tar_stream.c)
PLUGIN_SOURCES := $(wildcard rpm-plugin/*.c)
# ima-init: the first process, and the two programs that do nothing.
INIT_SOURCES := $(filter-out %/probe.c,$(wildcard pkg-ima-init/*.c))
INIT_LIB_SOURCES := $(addprefix lib/,beneath.c error.c escape.c init_conf.c io.c list.c retired.c)
INIT_POLICIES := $(wildcard pkg-ima-init/policies/*)
INIT_BOOT := $(wildcard pkg-ima-init/boot/*)
# Does it honour words of the kernel command line that weaken it (off, log, keep)? "no" where the command line is not
# authenticated, but what starts ima-init is.
INIT_RECOVERY ?= yes
UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)

CLI_LIBS = $(shell $(PKG_CONFIG) --libs $(LIBRARIES))
# The backend runs while the libraries of the system are replaced: it has all within itself.
# (Sanitizers cannot be linked so: BACKEND_STATIC= for them.)
BACKEND_STATIC ?= -static-pie -Wl,--wrap=dlopen,--wrap=getaddrinfo,--wrap=gethostbyname -Wl,-Bstatic
BACKEND_LIBS = $(shell $(PKG_CONFIG) $(if $(BACKEND_STATIC),--static) --libs libcrypto inih)
# As the backend, and for the same reason; it runs before there is anything else.
INIT_STATIC ?= -s -static-pie
# With musl, where its compiler is: a ninth of the size of glibc, and of the pages to be read, hashed and mapped before
# anything else can run. musl-gcc knows neither the kernel's headers nor static-pie. With MUSL_GCC= it is the C library of
# $(CC), as with any $(CC) but cc and gcc, since musl-gcc is a gcc of its own.
MUSL_GCC ?= $(if $(filter-out cc gcc,$(CC)),,$(shell command -v musl-gcc))
MUSL := $(if $(MUSL_GCC),$(shell sed -n 's|.*"\(/.*\)/musl-gcc\.specs".*|\1|p' $(shell command -v $(MUSL_GCC)) /dev/null))
$(if $(MUSL_GCC),$(if $(MUSL)$(filter file,$(origin MUSL_GCC)),,$(error MUSL_GCC=$(MUSL_GCC): no script that names musl-gcc.specs)))
INIT_CC := $(if $(MUSL),$(MUSL_GCC) -idirafter /usr/include -idirafter /usr/include/$(shell $(CC) -print-multiarch),$(CC))
INIT_LINK := $(if $(MUSL),-nostartfiles -Wl$(comma)-static$(comma)--no-dynamic-linker$(comma)-z$(comma)text \
	$(addprefix $(MUSL)/,rcrt1.o crti.o crtn.o))
HOOK_LIBS = $(shell $(PKG_CONFIG) --libs libcrypto libkeyutils inih)
PLUGIN_LIBS = $(shell $(PKG_CONFIG) --libs libcrypto libkeyutils inih rpm)

LIB := $(O)/libpkgima.a
SIGNING := $(O)/libpkgima-signing.a
PROGRAMS := $(O)/pkgima $(O)/dpkg-ima-trigger $(O)/dpkg-ima-backend $(O)/dpkg-ima-apt-hook $(O)/pkgima.so \
	$(O)/ima-init $(O)/ima-probe
UNIT_TESTS := $(UNIT_SOURCES:%.c=$(O)/%)
# What the unit tests share: linked where it is used.
SUPPORT := $(O)/tests/unit/libsupport.a
# The fuzzers' targets, to be run over given files.
REPLAYS := $(FUZZ_SOURCES:%.c=$(O)/%-replay)
FUZZERS := $(FUZZ_SOURCES:%.c=$(O)/%)
MANPAGES := $(filter-out man/ima-init.8 man/dh_imasign.1,$(wildcard man/*.[1-8]))

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
	$(Q)echo '$(subst ','\'',$(CC) $(INIT_CC) $(filter-out -Werror,$(BASE_FLAGS)) $(PLUGIN_FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(CC) $(INIT_CC) $(filter-out -Werror,$(BASE_FLAGS)) $(PLUGIN_FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))' > $@
.PHONY: FORCE
FORCE:

$(O)/tests/%.o: INCLUDES := -Ilib
$(O)/rpm-plugin/%.o: INCLUDES := $(PLUGIN_FLAGS)
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

# Nothing but pkgima_hooks is seen from outside.
$(O)/pkgima.so: $(PLUGIN_SOURCES:%.c=$(O)/%.o) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK_FLAGS) -shared -Wl,-z,defs -Wl,--exclude-libs,ALL -o $@ $^ $(PLUGIN_LIBS)

# With a C library of its own: what it takes of lib/ is compiled for that. No other library.
$(O)/init/%.o: %.c $(FLAGS_STAMP)
	$(Q)mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(INIT_CC) $(BASE_FLAGS) $(INCLUDES) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(O)/ima-init: $(INIT_SOURCES:%.c=$(O)/init/%.o) $(INIT_LIB_SOURCES:%.c=$(O)/init/%.o) $(O)/init/log_policy.o
	$(say) LINK $@
	$(Q)$(INIT_CC) $(CFLAGS) $(LDFLAGS) $(LINK_FLAGS) $(INIT_STATIC) -o $@ $(INIT_LINK) $^

# A program so small needs no hardening, and has not what that, or a sanitizer, would need.
$(O)/pkg-ima-init/probe.o: pkg-ima-init/probe.c $(FLAGS_STAMP)
	$(Q)mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(BASE_FLAGS) -O2 -fno-stack-protector -fno-pie -c -o $@ $<
$(O)/ima-probe: $(O)/pkg-ima-init/probe.o
	$(say) LINK $@
	$(Q)$(CC) -static -nostartfiles -Wl,--gc-sections -Wl,--build-id=none -s -o $@ $^

$(O)/init/log_policy.c: pkg-ima-init/policies/log
	$(Q)mkdir -p $(@D)
	$(Q){ echo 'extern const char log_policy[]; const char log_policy[] ='; \
		sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $<; echo ';'; } > $@
$(O)/init/log_policy.o: $(O)/init/log_policy.c $(FLAGS_STAMP)
	$(say) CC $@
	$(Q)$(INIT_CC) $(BASE_FLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

INIT_STAMP := $(O)/init/recovery
$(INIT_STAMP): FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(INIT_RECOVERY)' | cmp -s - $@ || echo '$(INIT_RECOVERY)' > $@
$(O)/init/pkg-ima-init/main.o: $(INIT_STAMP)
$(O)/init/pkg-ima-init/main.o: INCLUDES := -DIMA_INIT_RECOVERY=$(if $(filter no,$(INIT_RECOVERY)),0,1)

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(SUPPORT) $(SIGNING) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK_FLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(CLI_LIBS) -lcmocka

# What is in no library.
$(O)/tests/unit/test_apt_run: $(O)/dpkg-hook/apt_run.o
$(O)/tests/unit/test_tar_stream: $(O)/dpkg-hook/tar_stream.o
$(O)/tests/unit/test_init_settings $(O)/tests/fuzz/fuzz_init_settings-replay $(O)/tests/fuzz/fuzz_init_settings: \
	$(O)/pkg-ima-init/settings.o
$(O)/tests/unit/test_init_policy $(O)/tests/fuzz/fuzz_init_policy-replay $(O)/tests/fuzz/fuzz_init_policy: \
	$(O)/pkg-ima-init/policy_text.o
$(O)/tests/unit/test_init_certificates: $(O)/pkg-ima-init/certificates.o
$(O)/tests/unit/test_init_evm: $(O)/pkg-ima-init/evm.o

# A module for OpenSSL, which the test of the same name loads.
$(O)/tests/unit/test_token_provider: | $(O)/tests/unit/modules/pkcs11.so
$(O)/tests/unit/modules/pkcs11.so: $(O)/tests/unit/provider.o
	$(Q)mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $^ $(CLI_LIBS)

$(O)/tests/fuzz/%-replay: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/replay.o $(SIGNING) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK_FLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(CLI_LIBS)

$(FUZZERS): %: %.o $(SIGNING) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) $(LINK_FLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(CLI_LIBS)

.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)

.PHONY: install install-command install-dpkg install-plugin
install: all install-command install-dpkg install-plugin

# What rpm.spec does without on systems that have no dpkg, and where what the backend is linked with may be missing.
install-dpkg: $(O)/dpkg-ima-trigger $(O)/dpkg-ima-apt-hook $(O)/dpkg-ima-backend
	install -D -m 755 $(O)/dpkg-ima-trigger $(DESTDIR)$(libexecdir)/dpkg-ima/trigger
	install -D -m 755 $(O)/dpkg-ima-apt-hook $(DESTDIR)$(libexecdir)/dpkg-ima/apt-hook
	install -D -m 755 $(O)/dpkg-ima-backend $(DESTDIR)$(libexecdir)/dpkg-ima/bin/dpkg-deb
	install -D -m 644 man/dpkg-ima.8 $(DESTDIR)$(mandir)/man8/dpkg-ima.8

install-plugin: $(O)/pkgima.so
	install -D -m 755 $(O)/pkgima.so $(DESTDIR)$(rpmplugindir)/pkgima.so
	install -D -m 644 rpm-plugin/macros.transaction_pkgima $(DESTDIR)$(rpmmacrosdir)/macros.transaction_pkgima
	install -D -m 644 man/rpm-plugin-pkgima.8 $(DESTDIR)$(mandir)/man8/rpm-plugin-pkgima.8

install-command: $(O)/pkgima
	install -D -m 755 $(O)/pkgima $(DESTDIR)$(bindir)/pkgima
	install -D -m 644 completion/pkgima.bash $(DESTDIR)$(completionsdir)/pkgima
	$(if $(zshcompletionsdir),install -D -m 644 completion/_pkgima $(DESTDIR)$(zshcompletionsdir)/_pkgima)
	install -D -m 644 rpm-build/macros.pkgima $(DESTDIR)$(rpmmacrosdir)/macros.pkgima
	set -e; for page in $(filter-out %/dpkg-ima.8 %/rpm-plugin-pkgima.8,$(MANPAGES)); do \
		install -D -m 644 $$page $(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}; done

.PHONY: uninstall
uninstall:
	rm -f $(DESTDIR)$(bindir)/pkgima $(DESTDIR)$(completionsdir)/pkgima
	$(if $(zshcompletionsdir),rm -f $(DESTDIR)$(zshcompletionsdir)/_pkgima)
	rm -f $(addprefix $(DESTDIR)$(libexecdir)/dpkg-ima/,trigger apt-hook bin/dpkg-deb)
	rm -f $(DESTDIR)$(rpmplugindir)/pkgima.so $(addprefix $(DESTDIR)$(rpmmacrosdir)/,macros.transaction_pkgima macros.pkgima)
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(rpmplugindir)
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(libexecdir)/dpkg-ima/bin
	for page in $(MANPAGES); do rm -f $(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}; done
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(libexecdir)/dpkg-ima

# Not part of install: nobody wants a file in / by accident. The places are fixed, the program and the tools that make an
# initramfs know them.
INIT_FOLDER := $(DESTDIR)/ima
INIT_DATA := $(DESTDIR)/usr/share/ima-init
INIT_TOOLS := $(DESTDIR)/usr/share/initramfs-tools
INIT_DRACUT := $(DESTDIR)/usr/lib/dracut/modules.d/95ima-init
systemunitdir ?= /lib/systemd/system
INIT_UNITS := $(notdir $(wildcard pkg-ima-init/systemd/*))
INIT_MANPAGE := $(DESTDIR)/usr/share/man/man8/ima-init.8
.PHONY: install-init uninstall-init
install-init: $(O)/ima-init $(O)/ima-probe
	install -D -m 755 $(O)/ima-init $(INIT_FOLDER)/init
	install -D -m 755 $(O)/ima-probe $(INIT_FOLDER)/latch
	install -D -m 755 $(O)/ima-probe $(INIT_FOLDER)/proof
	install -d -m 755 $(INIT_DATA)/policies $(INIT_DATA)/initramfs $(INIT_DRACUT) $(DESTDIR)$(systemunitdir)
	install -m 644 $(INIT_POLICIES) $(INIT_DATA)/policies
	install -m 644 pkg-ima-init/initramfs/collect pkg-ima-init/initramfs/carry $(INIT_DATA)/initramfs
	install -m 644 pkg-ima-init/removal $(INIT_DATA)/removal
	install -D -m 755 -t $(INIT_DATA)/boot $(INIT_BOOT)
	install -D -m 755 pkg-ima-init/initramfs-tools/hook $(INIT_TOOLS)/hooks/ima-init
	install -D -m 755 pkg-ima-init/initramfs-tools/init-bottom $(INIT_TOOLS)/scripts/init-bottom/ima-init
	install -m 755 pkg-ima-init/dracut/module-setup.sh pkg-ima-init/dracut/cleanup.sh $(INIT_DRACUT)
	install -m 644 pkg-ima-init/dracut/switch-root.conf $(INIT_DRACUT)
	install -m 644 $(addprefix pkg-ima-init/systemd/,$(INIT_UNITS)) $(DESTDIR)$(systemunitdir)
	install -D -m 644 man/ima-init.8 $(INIT_MANPAGE)
uninstall-init:
	rm -f $(addprefix $(INIT_FOLDER)/,init latch proof) $(addprefix $(INIT_DATA)/policies/,$(notdir $(INIT_POLICIES))) \
		$(INIT_MANPAGE)
	rm -f $(addprefix $(INIT_DATA)/initramfs/,collect carry) $(addprefix $(DESTDIR)$(systemunitdir)/,$(INIT_UNITS))
	rm -f $(INIT_DATA)/removal $(addprefix $(INIT_DATA)/boot/,$(notdir $(INIT_BOOT)))
	rm -f $(addprefix $(INIT_TOOLS)/,hooks/ima-init scripts/init-bottom/ima-init)
	rm -f $(addprefix $(INIT_DRACUT)/,module-setup.sh cleanup.sh switch-root.conf)
	-rmdir --ignore-fail-on-non-empty $(INIT_DATA)/policies $(INIT_DATA)/initramfs $(INIT_DATA)/boot $(INIT_DATA) \
		$(INIT_FOLDER) $(INIT_DRACUT)

# For debhelper, which finds its own below /usr only.
.PHONY: install-dh uninstall-dh
DH_TOOL := $(DESTDIR)/usr/bin/dh_imasign
DH_SEQUENCE := $(DESTDIR)/usr/share/perl5/Debian/Debhelper/Sequence/ima.pm
DH_MANPAGE := $(DESTDIR)/usr/share/man/man1/dh_imasign.1
install-dh:
	install -D -m 755 dh-ima/dh_imasign $(DH_TOOL)
	install -D -m 644 dh-ima/ima.pm $(DH_SEQUENCE)
	install -D -m 644 man/dh_imasign.1 $(DH_MANPAGE)
uninstall-dh:
	rm -f $(DH_TOOL) $(DH_SEQUENCE) $(DH_MANPAGE)

# The source archive, $(O)/pkgima-VERSION.tar.gz, with rpm.spec in it: all that git knows, or, where there is no git, that
# is here. The same files give the same bytes, whoever packs them and when: the time is that of debian/changelog.
DIST := pkgima-$(VERSION)
.PHONY: dist
dist:
	tools/dist $(DIST) $(O)/$(DIST).tar.gz $(O)

.PHONY: clean
clean:
	rm -rf $(O)

# Tests. Each tier is a list of files; prove runs them, CHECK_JOBS at a time, and counts. What takes minutes comes first.
UNIT_BATS := $(wildcard tests/unit/*.bats)
PACKAGE_BATS := $(wildcard tests/package/*.bats)
LONG_KERNEL_BATS := $(patsubst %,tests/kernel/%.bats,rehearsal upgrade ima-init-boot ima-init)
KERNEL_BATS := $(LONG_KERNEL_BATS) $(filter-out $(LONG_KERNEL_BATS),$(wildcard tests/kernel/*.bats))
CHECK_JOBS ?= $(shell nproc)
PROVE = prove --jobs $(CHECK_JOBS) --timer --failures --comments --exec tests/run-one
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

# For builds of packages: what needs neither root, nor network, nor any tool but cmocka and prove.
.PHONY: check-programs
check-programs: unit-programs
	$(TEST_ENV) $(PROVE) $(UNIT_TESTS)

# AddressSanitizer and UndefinedBehaviorSanitizer over the C tests and the fuzzers' corpus.
.PHONY: sanitize
sanitize:
	@$(MAKE) --no-print-directory O=$(O)/sanitize WERROR=1 CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all' \
		LDFLAGS= BACKEND_STATIC= INIT_STATIC= MUSL_GCC= all unit-programs
	PKGIMA=$(abspath $(O))/sanitize/pkgima PKGIMA_BUILD=$(abspath $(O))/sanitize TOP=$(CURDIR) \
		prove --jobs $$(nproc) --exec tests/run-one $(UNIT_SOURCES:%.c=$(O)/sanitize/%) tests/unit/corpus.bats

.PHONY: analyze print-flags
print-flags:
	@printf '%s\n' $(BASE_FLAGS) $(PLUGIN_FLAGS)
analyze:
	tools/analyze $(CLI_SOURCES) $(LIB_SOURCES) $(SIGNING_SOURCES) $(HOOK_SOURCES) $(PLUGIN_SOURCES) \
		$(INIT_SOURCES) pkg-ima-init/probe.c

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
	$(TEST_ENV) tests/bench/boot
	$(TEST_ENV) tests/bench/audit

# Pictures of the documentation, from their sources; both are committed, since readers have no graphviz.
.PHONY: diagrams
diagrams: doc/data-flow.svg
doc/%.svg: doc/%.dot
	dot -Tsvg $< | sed '/^<!-- Generated by graphviz/,/-->/d' > $@

.PHONY: demo
demo:
	@tools/install-dependencies demo
	@$(MAKE) --no-print-directory all
	@$(TEST_ENV) tests/demo

.PHONY: help
help:
	@echo 'Targets: all install uninstall install-init uninstall-init install-dh uninstall-dh dist clean'
	@echo '         demo           sign, install and verify a real package in a scratch root'
	@echo '         check          all tests: check-unit check-package check-kernel'
	@echo '         check-programs the C tests alone, for builds of packages'
	@echo '         sanitize analyze fuzz bench diagrams'
	@echo 'Variables: prefix DESTDIR CC CFLAGS LDFLAGS O=build V=1 WERROR=1 FUZZ_SECONDS=60 CHECK_JOBS=2 INIT_RECOVERY=yes'
	@echo '           MUSL_GCC=musl-gcc'
	@echo '           rpmplugindir rpmmacrosdir zshcompletionsdir RPM_PLUGIN_ABI=nofd|fd|header'
