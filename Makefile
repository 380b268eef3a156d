# vfio-wizard: build, test, demonstrate, install.
#   make            the program, in build/
#   make demo       the main job on a sample machine; the host is not touched
#   make check      build and run the tests (SAN=1: under AddressSanitizer and UBSan)
#   make check-vm   the main job on booted machines under QEMU
#   make bench      speed, beside lspci
#   make fuzz       all that reads files under libFuzzer, from a grammar to a whole system; FUZZ_SECONDS each
#   make valgrind   the tests under valgrind;  make lint: shellcheck, cppcheck, clang-tidy
#   make install    with PREFIX and DESTDIR;  make uninstall
VERSION := 0.1
PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
BUILD   ?= build$(if $(SAN),-san)

ifeq ($(origin CC),default)
CC := gcc
endif
PKG_CONFIG ?= pkg-config

WARN := -Wall -Wextra -Wshadow -Wundef -Wvla -Walloca -Wpointer-arith -Wcast-qual \
	-Wcast-align=strict -Wwrite-strings -Wformat=2 -Wformat-signedness -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition \
	-Wredundant-decls -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough \
	-Wswitch-enum -Wsign-conversion -Wconversion -Wunused-macros -Wunused-result
WARN_gcc := -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init \
	-Wstack-usage=16384
# V=1 shows whole command lines.
Q := $(if $(V),,@)
IS_CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1))
ifeq ($(IS_CLANG),)
WARN += $(WARN_gcc)
else
WARN := $(filter-out -Wcast-align=strict -Wformat-signedness,$(WARN)) -Wcast-align \
	-Wmissing-variable-declarations -Wno-unknown-warning-option
endif
# A checkout is a developer's: there nothing may warn.  A released tree builds on.
ifneq ($(wildcard .git),)
WARN += -Werror
endif

ifeq ($(SAN),)
MODE    := -O2 -g -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fPIE \
	-fno-common -fno-strict-aliasing
MODE_LD := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
else
MODE    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-fno-common
MODE_LD := -fsanitize=address,undefined
endif

CORE_LIBS = $(shell $(PKG_CONFIG) --libs libpci libkmod)
TUI_LIBS  = $(shell $(PKG_CONFIG) --libs ncursesw)
TEST_LIBS = $(shell $(PKG_CONFIG) --libs cmocka)

CFLAGS  ?=
LDFLAGS ?=
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -I. -I$(BUILD) $(WARN) $(MODE) \
	-fvisibility=hidden -MMD -MP $(CFLAGS)
ALL_LDFLAGS = $(MODE_LD) $(LDFLAGS)

CORE_SRC   := $(wildcard core/*.c core/targets/*.c)
MAIN_SRC   := $(wildcard tui/main*.c)
TUI_SRC    := $(filter-out $(MAIN_SRC),$(wildcard tui/*.c))
SCREEN_SRC := $(wildcard screens/*.c)
TEST_SRC   := $(wildcard tests/test_*.c)
SUPPORT_SRC := $(filter-out %_main.c tests/support_ui%.c,$(wildcard tests/support*.c tests/mktree*.c))

# Scripts in sh, for shellcheck.
SHELL_FILES := $(shell grep -slE '^\#!/bin/(ba)?sh' tests/* tests/vm/* core/targets/* .ci/*)

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
CORE   := $(BUILD)/libcore.a
UI     := $(BUILD)/libui.a
TESTS  := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))
# Tests of the terminal and of screens; every other test links without curses.
UI_TESTS := $(filter $(BUILD)/tests/test_screen_% $(BUILD)/tests/test_term \
	$(BUILD)/tests/test_widget $(BUILD)/tests/test_wizard,$(TESTS))

# The sets of packages that tests/install-packages knows; builds use every processor.
AGAIN := +@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
RUN   := BUILD=$(BUILD) CC='$(CC)' tests/run-tests
SCRIPTS := $(wildcard $(addprefix tests/,house cli choices plans loaders initramfs consumers rescue docs e2e))

.PHONY: all demo check check-built check-vm bench valgrind lint install uninstall clean tests
all: $(BUILD)/vfio-wizard

$(BUILD)/vfio-wizard: $(call obj,$(MAIN_SRC)) $(UI) $(CORE)
	$(if $(Q),@echo '  LD $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TUI_LIBS) $(CORE_LIBS)

$(CORE): $(call obj,$(CORE_SRC))
$(UI): $(call obj,$(TUI_SRC) $(SCREEN_SRC))
$(CORE) $(UI):
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# A script that the program writes stays a script here, for sh and shellcheck to read.
$(BUILD)/core/targets/vfio_bind.o: $(BUILD)/core/targets/vfio-bind.inc
$(BUILD)/core/targets/grub_entry.o: $(BUILD)/core/targets/grub-entry.inc
$(BUILD)/%.inc: %.sh
	@mkdir -p $(@D)
	od -An -v -tu1 $< | sed 's/  */, /g; s/^, //; s/$$/,/' >$@

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(Q),@echo '  CC $@')
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

SUPPORT := $(call obj,$(SUPPORT_SRC))
$(UI_TESTS): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(call obj,$(wildcard tests/support_ui*.c)) $(SUPPORT) $(UI) $(CORE)
	$(if $(Q),@echo '  LD $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS) $(TUI_LIBS) $(CORE_LIBS)
$(filter-out $(UI_TESTS),$(TESTS)): $(BUILD)/tests/%: $(BUILD)/tests/%.o \
		$(SUPPORT) $(CORE)
	$(if $(Q),@echo '  LD $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS) $(CORE_LIBS)
$(BUILD)/tests/mktree: $(call obj,$(wildcard tests/mktree*.c))
	$(if $(Q),@echo '  LD $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

$(BUILD)/tests/measure: $(call obj,tests/measure.c)
	$(if $(Q),@echo '  LD $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

# Fuzz targets: with a small main that runs their corpora in make check, with libFuzzer in make fuzz.
FUZZ := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out %_main.c,$(wildcard tests/fuzz_*.c)))
FUZZ_MAIN ?= tests/fuzz_main.c
FUZZ_SECONDS ?= 60
FUZZ_MODE := -fsanitize=address,undefined -fno-sanitize-recover=all
.PHONY: fuzz fuzz-run
$(FUZZ): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(call obj,$(FUZZ_MAIN)) $(SUPPORT) $(CORE)
	$(if $(Q),@echo '  LD $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS) $(CORE_LIBS)
fuzz:
	@tests/install-packages build fuzz
	$(AGAIN) CC=clang BUILD=build-fuzz FUZZ_MAIN= MODE='-O1 -g $(FUZZ_MODE) -fsanitize=fuzzer-no-link' \
		MODE_LD='$(FUZZ_MODE) -fsanitize=fuzzer' fuzz-run
fuzz-run: $(FUZZ)
	@for f in $(notdir $(FUZZ)); do mkdir -p $(BUILD)/corpus/$$f && $(BUILD)/tests/$$f -verbosity=0 \
		-print_final_stats=1 -timeout=10 -artifact_prefix=$(BUILD)/$$f- -max_total_time=$(FUZZ_SECONDS) \
		$(BUILD)/corpus/$$f tests/fuzz/$${f#fuzz_} || exit 1; done

tests: $(TESTS) $(FUZZ)

# What may be missing is installed first, and only then looked for.
check:
	@tests/install-packages build check
	$(AGAIN) check-built
check-built: $(BUILD)/vfio-wizard $(BUILD)/tests/mktree $(TESTS) $(FUZZ)
	@$(RUN) $(TESTS) $(FUZZ) $(SCRIPTS)

check-vm:
	@tests/install-packages build check vm
	$(AGAIN) $(BUILD)/vfio-wizard
	@BUILD=$(BUILD) tests/vm/run

demo:
	@tests/install-packages build demo
	$(AGAIN) $(BUILD)/vfio-wizard $(BUILD)/tests/mktree
	@BUILD=$(BUILD) tests/demo

# What a compiler has to say, without code: tests/house asks clang.
.PHONY: syntax
syntax:
	$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -fsyntax-only \
		$(wildcard core/*.c core/targets/*.c tui/*.c screens/*.c tests/*.c)

bench:
	@tests/install-packages build bench
	$(AGAIN) $(BUILD)/vfio-wizard $(BUILD)/tests/mktree $(BUILD)/tests/measure
	@BUILD=$(BUILD) tests/bench

# Reads of memory that was never written, which the sanitizers do not see.  Not for the test whose child
# is under strace already.
VALGRIND_TESTS = $(filter-out %/test_txn_faults %/test_memory,$(TESTS))
valgrind: $(TESTS)
	@WRAP='valgrind -q --leak-check=full --error-exitcode=99' $(RUN) $(VALGRIND_TESTS)

# What clang-tidy finds and -Wconversion leaves on purpose.  Its analyzer knows no cleanup attribute.
TIDY_OFF := -bugprone-easily-swappable-parameters,-bugprone-narrowing-conversions,$(strip \
	)-bugprone-sizeof-expression,-bugprone-implicit-widening-of-multiplication-result,$(strip \
	)-bugprone-branch-clone,-bugprone-too-small-loop-variable,-bugprone-signed-char-misuse

# cppcheck does not know what _cleanup_ frees, and takes a member's array for the variable; the
# sanitizers know.
lint:
	shellcheck $(SHELL_FILES)
	cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=memleak --suppress=objectIndex --error-exitcode=1 -I. -I$(BUILD) -D_GNU_SOURCE core tui screens
	clang-tidy --quiet --warnings-as-errors='*' --checks='-*,bugprone-*,misc-redundant-*,$(TIDY_OFF)' \
		$(CORE_SRC) $(TUI_SRC) $(MAIN_SRC) $(SCREEN_SRC) -- -std=gnu11 -D_GNU_SOURCE -I. -I$(BUILD) \
		-DVERSION='"$(VERSION)"'

install: $(BUILD)/vfio-wizard
	install -D -m 755 $(BUILD)/vfio-wizard $(DESTDIR)$(PREFIX)/sbin/vfio-wizard
	install -D -m 644 tui/vfio-wizard.8 $(DESTDIR)$(PREFIX)/share/man/man8/vfio-wizard.8

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/vfio-wizard $(DESTDIR)$(PREFIX)/share/man/man8/vfio-wizard.8

clean:
	rm -rf build build-*

-include $(shell find $(addprefix $(BUILD)/,core tui screens tests) -name '*.d' -type f 2>/dev/null)
