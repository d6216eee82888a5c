# `make demo` and `make test` need nothing but Python 3.11 or newer: they make their own environment.
# VENV, RISKOFF_REAL_DATA and PYTEST_ARGS may be set by the caller.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
# The folder of the real data; without it `make real-data` stops and the tests on it are skipped.
RISKOFF_REAL_DATA ?=
CATALOG := .data/catalog
PYTEST_ARGS ?=
PAGES ?=
BENCH ?=
DOCS ?=
# The versions the pins were resolved with come first.
PYTHONS := python3.11 python3.12 python3.13 python3 python3.14
BIN := "$(VENV)"/bin
# A worker keeps its files, and with them their fixtures, until the other one has none left.
# Some hundred child processes start faster from bytecode, also where the environment forbids it.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n 2 --dist worksteal -rs

.PHONY: help install demo test lint real-data pages docs bench soak wheel clean

help:
	@echo "make demo       compare playbooks over three reconstructed sell-offs; prints the page's path"
	@echo "make test       run the tests"
	@echo "make lint       ruff, mypy, import-linter"
	@echo "make real-data  import the folder RISKOFF_REAL_DATA into $(CATALOG)"
	@echo "make pages      write the generated tables and pictures of docs/"
	@echo "make docs       build the documentation as a site into site/"
	@echo "make bench      Riskoff beside other libraries, its stages, memory, growth: docs/performance.md"
	@echo "make soak       all tests, with many more property examples and random cases"
	@echo "make wheel      build the wheel into dist"

# A recipe rather than a file target: make cannot name a file whose path has a space in it.
install:
	@stamp="$(VENV)/.installed"; \
	if [ "$$stamp" -nt pyproject.toml ] && [ "$$stamp" -nt constraints.txt ]; then exit 0; fi; \
	if [ ! -x "$(VENV)/bin/python" ]; then \
	  for python in $(PYTHONS); do \
	    if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	        2>/dev/null; then found="$$python"; break; fi; \
	  done; \
	  if [ -z "$${found:-}" ]; then \
	    echo "no Python 3.11 or newer with venv found; tried: $(PYTHONS)" >&2; exit 1; fi; \
	  "$$found" -m venv "$(VENV)"; \
	fi; \
	echo "installing pinned dependencies into $(VENV)"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev]'; \
	touch "$$stamp"

demo: install
	@$(BIN)/riskoff compare configs/compare/playbooks_by_episode.yaml

test: install
	@$(PYTEST) $(PYTEST_ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

real-data: install
	@if [ ! -d "$(RISKOFF_REAL_DATA)" ]; then \
	  echo "RISKOFF_REAL_DATA=\"$(RISKOFF_REAL_DATA)\" is no folder; give the real data's:" \
	    "make real-data RISKOFF_REAL_DATA=FOLDER" >&2; exit 2; fi
	@$(BIN)/riskoff data import tests/real_data/mapping.yaml \
	  --root "$(RISKOFF_REAL_DATA)" --data $(CATALOG) --replace

# Needs the catalog of `make real-data`; PAGES names some pages, as in PAGES="findings stress".
pages: install
	@$(BIN)/python -m doc_tables $(PAGES)

# Installs mkdocs-material into .data/docs once. DOCS=--no-notebooks builds without executing them. Broken links, anchors and pages without a place in mkdocs.yml fail.
docs: install
	@$(BIN)/python -m doc_tables.site $(DOCS)

# Installs other libraries into .data/peers once. BENCH="--quick" measures small sizes, BENCH="--only peers" one table.
bench: install
	@$(BIN)/python -m benchmarks.performance $(BENCH)

soak: install
	@HYPOTHESIS_PROFILE=soak RISKOFF_SOAK=1 $(PYTEST) $(PYTEST_ARGS)

# A stale build folder would put deleted modules into the wheel.
wheel: install
	@rm -rf build
	@$(BIN)/python -m build --wheel --outdir dist

clean:
	rm -rf build dist ./*.egg-info
	find engine data_feeds strategies -name '*.nb[ci]' -delete
