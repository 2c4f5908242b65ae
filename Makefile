# Everything that one does with this project. Each target makes what it needs in .venv and build/ by itself.
#   make demo    the whole chain on this machine        make test    every check, as CI runs them
SHELL := /bin/sh
.DEFAULT_GOAL := help
PY := .venv/bin/python
ARGS ?=
# Each worker takes the next test when it is free, so tests with browsers, namespaces and ports run beside each other too.
WORKERS ?= 2
PYTEST := $(PY) -m pytest -n $(WORKERS) --dist load --maxschedchunk 1

.PHONY: help demo test check lint format types docs-limits docs-api docs-metrics man program test-unit test-integration test-browser \
	test-long widget widget-check gallery extension bench bench-net netem fuzz lock wheel wordpress clean env env-dev

help:
	@echo "make demo [ARGS=--once]   start the whole chain on this machine and show each step"
	@echo "make test                 every check: lint, types, widget, tests, coverage"
	@echo "make check                the quick ones: lint, types, unit and structure tests"
	@echo "make lint format types    one kind of check; 'format' writes the files in the common form"
	@echo "make test-unit test-integration test-browser [ARGS='-k name']   parts of the tests"
	@echo "make test-long            the tests that take minutes"
	@echo "make widget widget-check  build the page's switch; check that the committed build is fresh"
	@echo "make extension            pack the browser extension for Chrome and Firefox"
	@echo "make gallery [ARGS=fa]     pictures of the switch in every state, layout and theme, in build/gallery"
	@echo "make bench bench-net      measure; the same over emulated links (as root, in namespaces of its own)"
	@echo "make netem fuzz           build the link emulator; search for inputs that break the core"
	@echo "make docs-limits man      write docs/reference/limits.md from settings.py, man/unwalled.1 from the command line"
	@echo "make docs-metrics         write docs/reference/metrics.md from what an operator tells Prometheus"
	@echo "make docs-api             write docs/reference/openapi.json from the routes of the admin's API"
	@echo "make lock [ARGS=--upgrade]  pin the dependencies anew;   make wheel program wordpress   build the package, one file, the plug-in;   make clean"

env:
	@scripts/env runtime
env-dev:
	@scripts/env dev

demo: env
	@.venv/bin/unwalled demo $(ARGS)

# The parts run one after another, the quickest first, so that a mistake shows early. pytest's own line is the last.
test: lint types widget-check
	$(PYTEST) --cov --cov-report=term $(ARGS)

check: lint types test-unit

lint: env-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check --quiet . || { echo "Some files are not in the common form: run 'make format'." >&2; exit 1; }

format: env-dev
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

types: env-dev
	$(PY) -m mypy

docs-limits: env-dev
	$(PY) scripts/limits.py

docs-metrics: env-dev
	$(PY) scripts/metrics.py

docs-api: env-dev
	$(PY) scripts/openapi.py

man: env-dev
	$(PY) scripts/manpage.py

test-unit: env-dev
	$(PYTEST) tests/unit tests/property tests/sim tests/structure $(ARGS)

test-integration: env-dev
	$(PY) -m pytest tests/integration $(ARGS)

test-browser: env-dev
	$(PY) -m pytest tests/browser $(ARGS)

# What takes minutes: more data, and pages that nobody looks at for as long as it takes.
test-long: env-dev
	UNWALLED_LONG=1 $(PY) -m pytest tests/browser -m long $(ARGS)

# Node is only needed for work on the widget: its build is committed in src/unwalled/web.
widget/node_modules/.stamp: widget/package-lock.json
	cd widget && npm ci --no-audit --no-fund
	@touch $@

widget: widget/node_modules/.stamp
	cd widget && npm run --silent types && npm run --silent build

# The browser extension, packed for Chrome and Firefox. ARGS='--operator https://bridge.example' proposes a newsroom.
extension: widget/node_modules/.stamp
	cd widget && node scripts/extension.mjs $(ARGS)

widget-check:
	@if command -v npm >/dev/null 2>&1; then $(MAKE) --no-print-directory widget-check-with-node; \
	elif [ -n "$$CI" ]; then echo "npm is missing: the widget cannot be checked. Install Node.js 20 or newer." >&2; exit 1; \
	else echo "npm is missing: the widget is not checked (Node.js 20 or newer would do it)."; fi

.PHONY: widget-check-with-node
widget-check-with-node: widget/node_modules/.stamp
	cd widget && npm run --silent types && npm run --silent test && npm run --silent check-fresh

gallery: env-dev
	$(PY) -m tests.browser.gallery $(ARGS)

bench: env-dev
	$(PY) -m bench $(ARGS)

bench-net: env-dev netem
	$(PY) -m bench --net $(ARGS)

netem: build/netem
build/netem: bench/netem.c
	@mkdir -p build
	$(CC) -std=gnu11 -O2 -Wall -Wextra -o $@ $<

fuzz: env-dev
	UNWALLED_HYPOTHESIS=fuzz $(PY) -m pytest tests/property --timeout=0 -n $(WORKERS) $(ARGS)

lock: env-dev
	scripts/lock $(ARGS)

wheel: env-dev
	$(PY) -m hatchling build -t wheel -d dist

# One file with the program and all that it needs, tried when it is made.
program: env-dev
	scripts/program $(ARGS)

wordpress: env-dev
	$(PY) scripts/wordpress.py

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* widget/node_modules .venv
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +
