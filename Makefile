# `make run` monitors this machine; `make test` runs everything. All tools live in .venv, from the lock files.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CODE := deckwatch exporter dashboards alerting provisioning
# Some containers set this variable; without compiled modules every process that a test starts takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test check golden generate docs lock bench packages wheels zipapp clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Monitor this machine: generate the configuration, start the exporter and the installed servers
	$(BIN)/deckwatch up $(ARGS)

test: $(VENV)/.dev check ## All checks and tests; live tests where their servers are installed
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(VENV)/.dev ## Format, lint, types, import contracts, freshness of generated files
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deckwatch generate --check --out provisioning/out
	$(BIN)/deckwatch docs --check
	$(BIN)/python -m bench._readme --check

golden: $(VENV)/.dev ## Regenerate the golden files
	DECKWATCH_GOLDEN=refresh $(BIN)/python -m pytest -q tests -k golden

generate: $(VENV)/.run ## Regenerate provisioning/out
	$(BIN)/deckwatch generate --out provisioning/out

docs: $(VENV)/.run ## Regenerate docs/reference and the README's figures
	$(BIN)/deckwatch docs
	$(BIN)/python -m bench._readme

bench: $(VENV)/.dev ## Measure against the installed peers
	$(BIN)/python -m bench $(ARGS)

lock: $(VENV)/.dev ## Pin the newest versions by hash
	$(PIP) install uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	  --extra all --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	  --extra all --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

packages: $(VENV)/.dev ## Build the wheel, the sdist and the Debian packages into dist/
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/python -m deckwatch.packaging.debian --architecture amd64
	$(BIN)/python -m deckwatch.packaging.debian --architecture arm64

wheels: $(VENV)/.dev ## Collect the wheels of requirements.lock in dist/wheels, for `docker build` without a network
	$(BIN)/python -m deckwatch.packaging.debian.wheels

zipapp: $(VENV)/.dev ## Build dist/deckwatch.pyz, the exporter in one file for this platform
	$(PIP) install shiv
	$(BIN)/shiv --quiet --reproducible --python '/usr/bin/env python3' --entry-point deckwatch.cli.main:main \
	  --output-file dist/deckwatch.pyz '.[config,docker,json]'

clean: ## Remove .venv and the caches of tools
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .deckwatch

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "deckwatch needs Python 3.11 or newer; use: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV) ..."
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "installing test tools into $(VENV) ..."
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
