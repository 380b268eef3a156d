# vfio-wizard: build, test, demonstrate, install.
#   make            the program, in build/
#   make demo       the main job on a sample machine; the host is not touched
#   make check      build and run the tests (SAN=1: under AddressSanitizer and UBSan)
#   make check-vm   the main job on a booted machine under QEMU
#   make bench      speed, beside lspci
#   make install    with PREFIX and DESTDIR
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
SUPPORT_SRC := $(filter-out %_main.c,$(wildcard tests/support*.c tests/mktree*.c))

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
CORE   := $(BUILD)/libcore.a
UI     := $(BUILD)/libui.a
TESTS  := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))
# Tests of the terminal and of screens; every other test links without curses.
UI_TESTS := $(filter $(BUILD)/tests/test_screen_% $(BUILD)/tests/test_term \
	$(BUILD)/tests/test_widget $(BUILD)/tests/test_wizard,$(TESTS))

.PHONY: all demo check check-vm bench install uninstall clean tests house
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
$(BUILD)/%.inc: %.sh
	@mkdir -p $(@D)
	od -An -v -tu1 $< | sed 's/  */, /g; s/^, //; s/$$/,/' >$@

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(Q),@echo '  CC $@')
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

SUPPORT := $(call obj,$(SUPPORT_SRC))
$(UI_TESTS): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(SUPPORT) $(UI) $(CORE)
	$(if $(Q),@echo '  LD $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS) $(TUI_LIBS) $(CORE_LIBS)
$(filter-out $(UI_TESTS),$(TESTS)): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(SUPPORT) $(CORE)
	$(if $(Q),@echo '  LD $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TEST_LIBS) $(CORE_LIBS)
$(BUILD)/tests/mktree: $(call obj,$(wildcard tests/mktree*.c))
	$(if $(Q),@echo '  LD $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

tests: $(TESTS)

clean:
	rm -rf build build-*

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
