# `make help` lists the commands. Each installs what it needs first (tools/setup) and may be run again at any time.
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
SCRIPTS := tools/setup tools/postgres
BENCHES = $(filter-out bench/house.py, $(wildcard bench/*.py))
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist worksteal

.PHONY: help demo test check long bench docs lint types ladder fast lock setup clean python

help: ## these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup-demo ## the whole loop on real parts, to watch; ARGS=--exit ends by itself, ARGS=--help says what else
	@$(BIN)/fleetloop demo $(ARGS)

test: setup-test ## the suite on SQLite, then what meets a database on a PostgreSQL of its own
	@echo 'On SQLite:'
	@$(PYTEST)
	@echo 'On PostgreSQL:'
	@tools/postgres $(PYTEST)

check: setup-check lint types ladder fast ## lint, types, import contracts and the fast tests, in under two minutes

long: setup-test ## the tests that take minutes
	@$(PYTEST) -m long --timeout 3600

bench: setup-bench ## the figures, measured here; a line each: name, value, bar, verdict
	@worst=0; for bench in $(BENCHES); do $(BIN)/python $$bench || worst=1; done; exit $$worst

docs: setup-docs ## write again what docs/ has from the program: pictures, command lines, tables
	@$(BIN)/python tools/docs $(ARGS)

setup: setup-test ## install all that the commands above need

lock: setup-check ## take newer dependencies: uv.lock, and requirements.lock for the road without uv
	@uv=$$(command -v uv || echo build/uv/bin/uv); $$uv lock --upgrade -q && \
	$$uv export -q --frozen --all-extras --no-emit-project --no-annotate --no-header --format requirements-txt -o requirements.lock

clean: ## remove what was built and installed here (system packages stay)
	@rm -rf .venv build .pytest_cache .ruff_cache .hypothesis .import_linter_cache

lint:
	@$(BIN)/ruff check -q . $(SCRIPTS)
	@$(BIN)/ruff format -q --check . $(SCRIPTS)

types:
	@$(BIN)/basedpyright --level error

ladder:
	@out=$$($(BIN)/lint-imports --no-cache) || { echo "$$out"; exit 1; }

fast:
	@$(PYTEST) -m 'not slow and not long and not rig' --ignore tests/examples --ignore tests/app

setup-%: python
	@$(PYTHON) tools/setup $*

python:
	@command -v $(PYTHON) >/dev/null || { echo 'Python 3.11 or newer must be there; on Debian 12: apt-get install python3 python3-venv'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another: make PYTHON=python3.11")'
