# The two commands of the README are `make demo` and `make test`; the others are their parts.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
CARGO ?= cargo
# Registries fail now and then.
export CARGO_NET_RETRY ?= 10
MINIDISTRO = $$(tests/minidistro/make --copr-repo target/release/copr-repo | tail -n 1)

.PHONY: help demo test soak soak-api soak-resolve build deps venv deps-test minidistro plugin format lint tests-built rust-tests stories python-tests browser-tests screenshots bench clean
help:
	@echo "make demo [KEEP=1]   source packages to 'dnf install', once, on this machine; KEEP=1 leaves the server running"
	@echo "make test            everything: format, lints, unit tests, stories in real machines, Python"
	@echo "make build           the programs: target/release/{copr,copr-repo,coprd}"
	@echo "make minidistro      a small RPM distribution out of Debian packages; the last line is its folder"
	@echo "make plugin          the DNF plugin from this tree; the last line is the dnf options that load it"
	@echo "make screenshots     every page of a server with real builds, as pictures in target/screenshots"
	@echo "make soak            the long versions of the property tests; soak-resolve, soak-api: parts of it"
	@echo "make bench           benchmarks beside the established tools"

deps:
	@tests/deps demo

venv: deps
	@tests/deps venv

deps-test: deps venv
	@tests/deps test
	@tests/deps zypper
	@tests/deps oidc

build:
	$(CARGO) build --release

minidistro: deps
	@[ -x target/release/copr-repo ] || $(CARGO) build --release -p copr-cli
	@tests/minidistro/make --copr-repo target/release/copr-repo

plugin: venv
	@python/prepare-plugin $(plugin_options)

demo: venv
	@$(CARGO) build --release -p copr-cli -p coprd -p copr-tests --bins
	@target/release/copr-demo $(if $(KEEP),--keep)

# What is still to be installed comes while the compiler is at work.
test: deps format
	$(MAKE) -j2 deps-test tests-built
	$(MAKE) rust-tests python-tests
	@echo "make test: all passed"

format:
	$(CARGO) fmt --all --check

# For who changes something; `make test` lints as it compiles (tests/profile.toml).
lint: format
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

# The programs and every test of them. Always this one selection of packages, because cargo picks the features of
# dependencies by selection, and compiles what differs again.
selected = --workspace --exclude copr-python --exclude copr-guest
tested = --release --config tests/profile.toml $(selected)
# All targets: benchmarks and examples are linted, too. The guest, which is compiled by a build script, has no tests.
tests-built:
	$(CARGO) test $(tested) --all-targets --no-run
	$(CARGO) clippy --release --config tests/profile.toml -p copr-guest

rust-tests stories python-tests browser-tests screenshots: plugin_options = --config $(CURDIR)/tests/profile.toml

# The library and the programs by themselves; the server's tests on SQLite and on a PostgreSQL and an S3 server of their own;
# and the stories: the whole journey in real machines, restarts, bad input, the stock client.
# Random cases are the same ones each time here; `make soak` tries others.
rust-tests: tests-built plugin
	COPR_MINIDISTRO="$(MINIDISTRO)" PROPTEST_RNG_SEED=1 TEST_COPR_MESSAGING="$(CURDIR)/target/venv/bin/python" \
		tests/with-postgres tests/with-s3 $(CARGO) test $(tested)

stories: tests-built plugin
	COPR_MINIDISTRO="$(MINIDISTRO)" $(CARGO) test $(tested) --test stories

# At the same time, because both often wait.
python-tests: tests-built plugin
	$(MAKE) -j2 pytest chromium

# createrepo_c, rpm and dnf as judges of our repodata; the plugin under the system's own dnf; schemathesis as a caller of the API.
.PHONY: pytest chromium
pytest:
	$(python) -m pytest -q -rs -n 2 --dist loadfile -p no:cacheprovider python/tests tests/oracle tests/schemathesis

# Headless Chromium, one story after the other, because all look at one server.
chromium:
	$(python) -m pytest -q -rs -p no:cacheprovider tests/browser

browser-tests: tests-built plugin
	$(MAKE) chromium

# Every page in light, in dark and on a phone, as target/screenshots/PAGE-{light,dark,phone}.png; nothing else is asserted.
screenshots: tests-built plugin
	$(python) tests/browser/screenshots.py

python = COPR_MINIDISTRO="$(MINIDISTRO)" COPR_REPO_BIN=$(CURDIR)/target/release/copr-repo \
	COPRD_BIN=$(CURDIR)/target/release/coprd target/venv/bin/python

soak: venv tests-built
	PROPTEST_CASES=20000 COPR_DELTAS=10000 $(CARGO) test --release -p copr-rpm -p copr-repodata -p copr-resolve -p copr-vm
	COPR_MINIDISTRO="$(MINIDISTRO)" COPR_REPO_BIN=target/release/copr-repo COPR_MODEL_SEQUENCES=2000 COPR_READER_PUBLISHES=500 \
		target/venv/bin/python -m pytest -q -p no:cacheprovider tests/oracle/test_publish_model.py \
		tests/oracle/test_publish_clients.py
	$(MAKE) soak-api
	$(MAKE) soak-resolve

# Ten thousand calls that the description of the API allows, and such as it does not; others each time.
soak-api: venv tests-built
	COPRD_BIN=$(CURDIR)/target/release/coprd COPR_API_CASES=10000 COPR_API_SEED=$${COPR_API_SEED:-$$RANDOM} \
		target/venv/bin/python -m pytest -q -rP -p no:cacheprovider tests/schemathesis

# Everything that dnf and rpm judge of the dependency library, over a whole distribution made of Debian's lists.
soak-resolve: venv tests-built
	$(CARGO) bench $(selected) --bench resolve --no-run
	COPR_REPO_BIN=target/release/copr-repo COPR_MINIDISTRO="$(MINIDISTRO)" COPR_RESOLVE_SINGLES=500 COPR_RESOLVE_PAIRS=100 \
		COPR_RESOLVE_SEEDS=500 COPR_RESOLVE_PAIRS_OF_RPM=1000000 \
		COPR_RESOLVE_REPOSITORY="$$(target/release/copr-bench data repository)" \
		target/venv/bin/python -m pytest -q -p no:cacheprovider tests/oracle/test_resolve_dnf.py \
		tests/oracle/test_closure_dnf.py tests/oracle/test_resolve_rpm.py

# See docs/performance.md; one alone: cargo bench -p copr-benches --bench create
bench: deps-test
	@tests/deps bench
	$(CARGO) build --release $(selected)
	COPR_MINIDISTRO="$(MINIDISTRO)" $(CARGO) bench $(selected) --bench '*'

clean:
	$(CARGO) clean
