# SPDX-License-Identifier: GPL-2.0-or-later
# `make help` lists the targets. V=1 shows the commands.

CC	?= gcc
CLANG	?= clang
BPFTOOL	?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
B	?= build
PREFIX	?= /usr/local
CFLAGS	?= -O2 -g
# clang does not print it
MULTIARCH := $(or $(shell $(CC) -print-multiarch 2>/dev/null),$(notdir \
	$(patsubst %/asm,%,$(firstword $(wildcard /usr/include/*-linux-gnu*/asm)))))
LIBS	:= libbpf libelf libnftnl libmnl jansson libconfig
TEST_LIBS := libnetfilter_conntrack cmocka

CPPFLAGS += -I. -I$(B) -D_GNU_SOURCE
CFLAGS	+= -std=gnu11 -Wall -Wextra -Werror -Wno-missing-field-initializers $(SAN)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v2 -Wall -Wextra -Werror -Wno-unused-parameter \
	-I. -I/usr/include/$(MULTIARCH)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-5s %s\n'
endif

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all demo deps test lint asan install uninstall clean help

all: $(B)/einat  ## build the program at build/einat

# ---- the data plane -------------------------------------------------------------------
SKEL := $(B)/bpf/einat.skel.h

$(B)/bpf/%.bpf.o: bpf/%.bpf.c Makefile
	@mkdir -p $(@D)
	$(say) BPF $@
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@

$(B)/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(*)_bpf > $@

# ---- the program ----------------------------------------------------------------------
SRC := $(wildcard lib/*.c nft/*.c hairpin/*.c check/*.c src/*.c)
OBJ := $(SRC:%.c=$(B)/%.o)
LIBOBJ := $(filter-out $(B)/src/main.o,$(OBJ))
LDLIBS += $(shell pkg-config --libs $(LIBS) 2>/dev/null)
TEST_LDLIBS := $(shell pkg-config --libs $(TEST_LIBS) 2>/dev/null)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/src/engine.o $(B)/src/engine_config.o: $(SKEL)

$(B)/einat: $(OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

# ---- tests: tests/unit, bpf, nft and check hold C programs, test_*.c -------------------------
TEST_SRC := $(wildcard $(addprefix tests/,$(addsuffix /test_*.c,unit bpf nft check)))
TEST_BIN := $(TEST_SRC:%.c=$(B)/%)

$(B)/libeinat.a: $(LIBOBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/tests/%: tests/%.c $(B)/libeinat.a $(SKEL) Makefile
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $< $(B)/libeinat.a $(LDLIBS) $(TEST_LDLIBS) -o $@

# plays an older kernel
$(B)/tests/lacks.so: tests/e2e/lacks.c Makefile
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fsanitize=%,$(CFLAGS)) -shared -fPIC $< -ldl -o $@

tests: $(B)/einat $(TEST_BIN) $(B)/tests/lacks.so
.PHONY: tests

deps:  ## install what is missing (Debian packages, no service is started)
	$(Q)scripts/install-deps

# deps installs what the build needs, and a variable above asked for it before: start anew
test: deps  ## install what is missing, build, run every test (TESTS=pattern chooses)
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)tests/run $(TESTS)

demo: deps  ## install what is missing, build, show the main job in a lab of namespaces
	$(Q)$(MAKE) --no-print-directory $(B)/einat
	$(Q)scripts/demo

test-kernels:  ## the tests on Debian's kernels in qemu (KERNELS="5.10 6.1 6.12", TESTS=pattern)
	$(Q)scripts/install-deps --kernels
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)tests/kernels/run
.PHONY: test-kernels

test-ecosystem:  ## beside real programs: Docker, podman, ufw, firewalld (TESTS=ecosystem/test_ufw)
	$(Q)scripts/install-deps --ecosystem
	$(Q)$(MAKE) --no-print-directory $(B)/einat
	$(Q)LIMIT=300 tests/run $(or $(TESTS),ecosystem)
.PHONY: test-ecosystem

lint:  ## formatting and clang-tidy-free checks: clang-format, both compilers
	$(Q)clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	$(Q)$(MAKE) --no-print-directory B=$(B)/clang CC=$(CLANG) tests

asan:  ## the tests that need no root, under ASan and UBSan
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan SAN="-fsanitize=address,undefined" tests
	$(Q)B=$(B)/asan tests/run unit

BENCH_BIN := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/bench_*.c))

bench:  ## what a packet costs; how long the analyser of rules and einat check take on large rule sets
	$(Q)$(MAKE) --no-print-directory $(BENCH_BIN) $(B)/einat
	$(Q)for b in $(BENCH_BIN); do $$b || exit 1; done
	$(Q)[ "$$(id -u)" != 0 ] || B=$(B) tests/bench/check.sh
.PHONY: bench

# ---- fuzzing: needs root (BPF_PROG_RUN) and clang's libFuzzer ----------------------------
FUZZ_SECONDS ?= 60
FUZZ_SEED ?= 0

$(B)/fuzz/fuzz_packet: tests/fuzz/fuzz_packet.c $(wildcard tests/fuzz/*.h tests/bpf/*.h) $(SKEL) $(B)/libeinat.a Makefile
	@mkdir -p $(@D)/corpus
	$(say) CC $@
	$(Q)$(CLANG) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer $< $(B)/libeinat.a $(LDLIBS) -lcmocka -o $@

fuzz:  ## feed malformed packets to the data plane (FUZZ_SECONDS, FUZZ_SEED; root)
	$(Q)scripts/install-deps --fuzz
	$(Q)$(MAKE) --no-print-directory $(B)/fuzz/fuzz_packet
	$(Q)$(B)/fuzz/fuzz_packet -max_total_time=$(FUZZ_SECONDS) -seed=$(FUZZ_SEED) -max_len=514 \
		-len_control=0 -print_final_stats=1 -artifact_prefix=$(B)/fuzz/ \
		$(B)/fuzz/corpus tests/fuzz/corpus
.PHONY: fuzz

$(B)/fuzz/fuzz_text: tests/fuzz/fuzz_text.c $(wildcard lib/*.[ch] nft/*.[ch]) Makefile
	@mkdir -p $(@D)/text
	$(say) CC $@
	$(Q)$(CLANG) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined $(filter %.c,$^) $(LDLIBS) -o $@

fuzz-text:  ## feed any bytes to the printer of rules (FUZZ_SECONDS, FUZZ_SEED; as root from real rules)
	$(Q)scripts/install-deps --fuzz
	$(Q)$(MAKE) --no-print-directory $(B)/fuzz/fuzz_text $(B)/tests/nft/test_foreign_text
	$(Q)[ "$$(id -u)" != 0 ] || [ -n "$$(ls $(B)/fuzz/text)" ] || \
		EINAT_CORPUS=$(B)/fuzz/text $(B)/tests/nft/test_foreign_text >/dev/null 2>&1 || true
	$(Q)$(B)/fuzz/fuzz_text -max_total_time=$(FUZZ_SECONDS) -seed=$(FUZZ_SEED) -max_len=2048 \
		-len_control=0 -print_final_stats=1 -artifact_prefix=$(B)/fuzz/ $(B)/fuzz/text
.PHONY: fuzz-text

# What parses captures, instrumented whole.
PARSE_SRC := $(wildcard lib/*.c nft/*.c check/*.c) hairpin/item.c

$(B)/fuzz/fuzz_parse: tests/fuzz/fuzz_parse.c tests/fuzz/parse.h tests/check/snapshot_text.h \
		$(PARSE_SRC) $(wildcard lib/*.h nft/*.h check/*.h src/config.h) $(B)/libeinat.a Makefile
	@mkdir -p $(@D)/seeds $(@D)/corpus-parse
	$(say) CC $@
	$(Q)$(CLANG) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all $< $(PARSE_SRC) $(B)/libeinat.a $(LDLIBS) -o $@

fuzz-parse:  ## feed damaged captures to their parsers (FUZZ_SECONDS, FUZZ_SEED; root)
	$(Q)scripts/install-deps --fuzz
	$(Q)$(MAKE) --no-print-directory $(B)/fuzz/fuzz_parse $(B)/tests/check/test_parse
	$(Q)EINAT_RUNS=0 EINAT_SEEDS=$(B)/fuzz/seeds $(B)/tests/check/test_parse
	$(Q)$(B)/fuzz/fuzz_parse -max_total_time=$(FUZZ_SECONDS) -seed=$(FUZZ_SEED) -max_len=65536 \
		-len_control=0 -timeout=10 -print_final_stats=1 -artifact_prefix=$(B)/fuzz/ \
		$(B)/fuzz/corpus-parse $(B)/fuzz/seeds
.PHONY: fuzz-parse

clean:  ## remove all that was built
	rm -rf $(B)

install: $(B)/einat  ## install to PREFIX (default /usr/local)
	install -D -m 755 $(B)/einat $(DESTDIR)$(PREFIX)/sbin/einat
	install -D -m 644 docs/einat.8 $(DESTDIR)$(PREFIX)/share/man/man8/einat.8
	install -D -m 644 packaging/completion.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/einat
	install -D -m 644 packaging/einat.conf $(DESTDIR)$(PREFIX)/share/doc/einat/einat.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for u in einat.service einat@.service; do \
		sed 's|/usr/sbin/einat|$(PREFIX)/sbin/einat|' packaging/$$u \
			> $(DESTDIR)$(PREFIX)/lib/systemd/system/$$u; done

uninstall:  ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/sbin/einat $(DESTDIR)$(PREFIX)/share/man/man8/einat.8 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/einat \
		$(DESTDIR)$(PREFIX)/share/doc/einat/einat.conf \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/einat.service \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/einat@.service

help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

-include $(OBJ:.o=.d) $(TEST_BIN:=.d) $(wildcard $(B)/bpf/*.d)
