# The two commands of the README are `make demo` and `make test`; the others are their parts.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
CARGO ?= cargo
MINIDISTRO = $$(tests/minidistro/make --copr-repo target/release/copr-repo | tail -n 1)

.PHONY: help demo test soak soak-resolve build deps deps-test minidistro plugin lint tests-built rust-tests stories python-tests bench clean
help:
	@echo "make demo [KEEP=1]   source packages to 'dnf install', once, on this machine; KEEP=1 leaves the server running"
	@echo "make test            everything: format, lints, unit tests, stories in real machines, Python"
	@echo "make build           the programs: target/release/{copr,copr-repo,coprd}"
	@echo "make minidistro      a small RPM distribution out of Debian packages; the last line is its folder"
	@echo "make plugin          the DNF plugin from this tree; the last line is the dnf options that load it"
	@echo "make soak            the long versions of the property tests; soak-resolve: dependencies beside dnf and rpm alone"
	@echo "make bench           benchmarks beside the established tools"

deps:
	@tests/deps demo

deps-test: deps
	@tests/deps test
	@tests/deps venv
	@tests/deps zypper

build:
	$(CARGO) build --release

minidistro: deps
	@[ -x target/release/copr-repo ] || $(CARGO) build --release -p copr-cli
	@tests/minidistro/make --copr-repo target/release/copr-repo

plugin: deps
	@tests/deps venv
	@python/prepare-plugin

demo: deps
	@tests/deps venv
	@$(CARGO) build --release -p copr-cli -p coprd -p copr-tests --bins
	@target/release/copr-demo $(if $(KEEP),--keep)

test: deps-test lint rust-tests python-tests
	@echo "make test: all passed"

# Release too: build scripts (C libraries) and macros are then run and compiled once, for this and for the tests.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

# The programs and every test of them. Always this one selection of packages, because cargo picks the features of
# dependencies by selection, and compiles what differs again.
selected = --workspace --exclude copr-python --exclude copr-guest
tested = --release $(selected)
tests-built:
	@tests/deps venv
	$(CARGO) test $(tested) --no-run

# The library and the programs by themselves; the server's tests on SQLite and on a PostgreSQL and an S3 server of their own;
# and the stories: the whole journey in real machines, restarts, bad input, the stock client. Two at a time, for the machines.
# Random cases are the same ones each time here; `make soak` tries others.
rust-tests: tests-built plugin
	COPR_MINIDISTRO="$(MINIDISTRO)" RUST_TEST_THREADS=2 PROPTEST_RNG_SEED=1 \
		tests/with-postgres tests/with-s3 $(CARGO) test $(tested)

stories: tests-built plugin
	COPR_MINIDISTRO="$(MINIDISTRO)" RUST_TEST_THREADS=2 $(CARGO) test $(tested) --test stories

# createrepo_c, rpm and dnf as judges of our repodata; the plugin under the system's own dnf.
python-tests: tests-built plugin
	COPR_MINIDISTRO="$(MINIDISTRO)" COPR_REPO_BIN=target/release/copr-repo \
		target/venv/bin/python -m pytest -q -rs -n 2 --dist loadfile -p no:cacheprovider python/tests tests/oracle

soak: tests-built
	PROPTEST_CASES=20000 COPR_DELTAS=10000 $(CARGO) test --release -p copr-rpm -p copr-repodata -p copr-resolve -p copr-vm
	COPR_MINIDISTRO="$(MINIDISTRO)" COPR_REPO_BIN=target/release/copr-repo COPR_MODEL_SEQUENCES=2000 COPR_READER_PUBLISHES=500 \
		target/venv/bin/python -m pytest -q -p no:cacheprovider tests/oracle/test_publish_model.py \
		tests/oracle/test_publish_clients.py
	$(MAKE) soak-resolve

# Everything that dnf and rpm judge of the dependency library, over a whole distribution made of Debian's lists.
soak-resolve: tests-built
	$(CARGO) bench $(selected) --bench resolve --no-run
	COPR_REPO_BIN=target/release/copr-repo COPR_MINIDISTRO="$(MINIDISTRO)" COPR_RESOLVE_SINGLES=500 COPR_RESOLVE_PAIRS=100 \
		COPR_RESOLVE_SEEDS=500 COPR_RESOLVE_PAIRS_OF_RPM=1000000 \
		COPR_RESOLVE_REPOSITORY="$$(target/release/copr-bench data repository)" \
		target/venv/bin/python -m pytest -q -p no:cacheprovider tests/oracle/test_resolve_dnf.py \
		tests/oracle/test_closure_dnf.py tests/oracle/test_resolve_rpm.py

# See docs/performance.md; one alone: cargo bench -p copr-benches --bench create
bench: deps-test tests-built
	@tests/deps bench
	COPR_MINIDISTRO="$(MINIDISTRO)" $(CARGO) bench $(selected) --bench '*'

clean:
	$(CARGO) clean
