# Two commands for a newcomer: `make run` and `make test`. Everything lives in .venv.
PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
DEV := .venv/.dev-installed
# Many tests wait for something: a process more than cores.
TESTERS := $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)
SOURCES := agent channels jobs prompts tests

.PHONY: help install run test soak check static format bench bench-inbox pictures crash-matrix lock browser clean

help:                   ## List the targets
	@grep -E '^[a-z-]+: .*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

install: $(RUNTIME)     ## Create .venv and install from the lock

run: $(RUNTIME)         ## Start everything and print where to click
	@$(BIN)/nightshift up

test: $(DEV) browser    ## Install what tests need and run them all, on all cores
	$(BIN)/pytest --numprocesses $(TESTERS) --dist loadscope --no-loadscope-reorder

soak: $(DEV)            ## Run the long tests at their full length
	$(BIN)/pytest --soak tests/chaos tests/unit tests/integration/test_webhook_fuzz.py tests/integration/test_drill.py

check: static test      ## Format, lint, types, import contract, tests

static: $(DEV)          ## Format, lint, types, import contract
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)          ## Rewrite the code in the project's format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(DEV)           ## Measure, and print ratios
	$(BIN)/python -m tests.benchmarks

bench-inbox: $(DEV)     ## Measure the inbox with a million messages: seeds for minutes first
	$(BIN)/python -m tests.benchmarks.inbox_pages

pictures: $(DEV) browser ## Take the README's pictures
	$(BIN)/python -m tests.e2e.pictures

crash-matrix: $(DEV)    ## SIGKILL at every step of every channel; print what came of it
	$(BIN)/python -m tests.benchmarks.crash_matrix

lock:                   ## Resolve the dependencies anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements.lock
	uv pip compile pyproject.toml --extra dev -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements-dev.lock

clean:                  ## Remove the environment and caches (not your data)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Nightshift needs Python 3.11 or newer; choose one with: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }

$(RUNTIME): requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing from requirements.lock (about a minute the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@$(BIN)/nightshift train
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

browser:                # The page tests drive Debian's Chromium; nothing is downloaded at run time
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium >/dev/null; } || \
	echo "No Chromium found: the page tests will be skipped. Install it (Debian: apt-get install chromium) to run them."
