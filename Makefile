# Everything a developer does, one line each: `make` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# what is made while working stays in the checkout
export TMPDIR := $(CURDIR)/.geocrop/tmp
$(shell mkdir -p $(TMPDIR))

.PHONY: help demo serve check lint test test-all bench docs openapi requirements clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

demo: $(READY) ## a simulated archive, a model, a service, a map over HTTP: from nothing, in minutes
	@$(BIN)/geocrop demo

serve: $(READY) ## maps over HTTP at 127.0.0.1:8000, with the simulated archive and the demo's map in it
	@$(BIN)/geocrop serve --demo

check: lint ## what a commit must pass: lint, types, layers, fast tests
	@$(BIN)/pytest -q -n 2 -m "not system and not slow"

lint: $(READY) ## style, types, layers
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports --cache-dir .geocrop/cache/import-linter

test: $(READY) ## every test but the slow ones, and those that need more than this checkout
	@$(BIN)/pytest -n 2 --dist loadfile -m "not system and not slow"

test-all: lint ## every test, with the slow ones and those that need Debian packages (gdal-bin, postgresql with PostGIS, python3-gdal, redis-server), and the coverage
	@$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term --cov-fail-under=90

bench: $(READY) ## how fast it is, beside others, in one run: docs/performance.md and .geocrop/bench.json
	@$(BIN)/python -m benchmarks

docs: $(READY) ## write the generated documents anew
	@$(BIN)/python -m geocrop_processes.settings > docs/settings.md

openapi: $(READY) ## write the OpenAPI document anew
	@$(BIN)/python -m geocrop_processes.service.openapi > openapi/geocrop.yaml

requirements: ## lock the versions of all dependencies, with hashes (needs uv)
	@uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header \
		--extra dev pyproject.toml --output-file requirements.txt

clean: ## remove everything that was made here
	@rm -rf $(VENV) .geocrop build dist *.egg-info geocrop_processes/models/*.so

$(READY): requirements.txt pyproject.toml $(wildcard geocrop_processes/models/_forest*.[ch])
	@python3 -c 'import sys; sys.exit(sys.version_info[:2] < (3, 12) and "GeoCrop needs Python 3.12 or newer; python3 is " + sys.version.split()[0])'
	@if command -v uv > /dev/null; then \
		uv venv --quiet --allow-existing $(VENV) && \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt && \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
		python3 -m venv $(VENV) && \
		$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt && \
		$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@
