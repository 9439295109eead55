# The two commands of the README are `make demo` and `make test`; the others are their parts.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
CARGO ?= cargo
MINIDISTRO = $$(tests/minidistro/make --copr-repo target/release/copr-repo | tail -n 1)

.PHONY: help demo test soak build deps deps-test minidistro plugin lint unit stories python-tests bench clean
help:
	@echo "make demo [KEEP=1]   source packages to 'dnf install', once, on this machine; KEEP=1 leaves the server running"
	@echo "make test            everything: format, lints, unit tests, stories in real machines, Python"
	@echo "make build           the programs: target/release/{copr,copr-repo,coprd}"
	@echo "make minidistro      a small RPM distribution out of Debian packages; the last line is its folder"
	@echo "make plugin          the DNF plugin from this tree; the last line is the dnf options that load it"
	@echo "make soak            the long versions of the property tests"
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
	@$(CARGO) build --release
	@$(CARGO) build --release -p copr-tests --bin copr-demo
	@target/release/copr-demo $(if $(KEEP),--keep)

test: deps-test lint build
	@$(MAKE) --no-print-directory unit stories python-tests
	@echo "make test: all passed"

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# The library and the programs by themselves; the server's stories run on SQLite and on a PostgreSQL and an S3 server of their own.
unit: build
	@tests/deps venv
	COPR_MINIDISTRO="$(MINIDISTRO)" tests/with-postgres tests/with-s3 $(CARGO) test --release --workspace \
		--exclude copr-tests --exclude copr-python --exclude copr-benches --exclude copr-guest

# The whole journey, restarts, bad input, the stock client: real programs, real machines, real dnf.
stories: build plugin
	COPR_MINIDISTRO="$(MINIDISTRO)" $(CARGO) test --release -p copr-tests -- --test-threads=2

# createrepo_c, rpm and dnf as judges of our repodata; the plugin under the system's own dnf.
python-tests: build plugin
	COPR_MINIDISTRO="$(MINIDISTRO)" COPR_REPO_BIN=target/release/copr-repo \
		target/venv/bin/python -m pytest -q -p no:cacheprovider python/tests tests/oracle

soak: build
	PROPTEST_CASES=20000 COPR_DELTAS=10000 $(CARGO) test --release -p copr-rpm -p copr-repodata -p copr-resolve -p copr-vm
	COPR_MINIDISTRO="$(MINIDISTRO)" COPR_REPO_BIN=target/release/copr-repo COPR_MODEL_SEQUENCES=2000 COPR_READER_PUBLISHES=500 \
		target/venv/bin/python -m pytest -q -p no:cacheprovider tests/oracle/test_publish_model.py \
		tests/oracle/test_publish_clients.py

# See docs/performance.md; one alone: cargo bench -p copr-benches --bench create
bench: deps-test build
	COPR_MINIDISTRO="$(MINIDISTRO)" $(CARGO) bench -p copr-benches

clean:
	$(CARGO) clean
