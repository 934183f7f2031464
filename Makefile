# Everything a newcomer needs: `make help`. The environment is .venv; uv is fetched by pip into .uv if it is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
EXTRA ?= cpu
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
BIN := .venv/bin
# Two processes, a file of tests in one of them: while one waits for Ray or imports vLLM, the other has its core.
# The order stays, long files first.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder
# No telemetry. The environment's own python runs everything: `uv run` would give every Ray worker a new environment.
export RAY_USAGE_STATS_ENABLED = 0
export VLLM_NO_USAGE_STATS = 1
export DO_NOT_TRACK = 1

.PHONY: help install quickstart docs test test-fast check lint types layers format clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/installed ## make the environment (EXTRA=gpu for machines with NVIDIA GPUs)

# Compiled once, here: a dozen processes of a run import torch, Ray or vLLM (1 to 4 s each instead of 3 to 10).
.venv/installed: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --extra $(EXTRA) --compile-bytecode
	@touch $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet uv

$(filter-out .uv/bin/uv,$(UV)):

quickstart: install ## the main job on the embedded data and teacher: a table and a report in minutes
	$(BIN)/mmkd run configs/quickstart.yaml

docs: install ## the documentation site: site/html/index.html
	$(BIN)/python docs/site/build.py

test: install ## all tests
	$(PYTEST)

test-fast: install ## unit tests only
	$(PYTEST) tests/unit

check: lint types layers ## lint, types, layers

lint: install ## ruff, typos, dependencies
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/typos
	$(BIN)/deptry .

types: install ## type checker
	$(BIN)/pyrefly check

layers: install ## which package may import which
	$(BIN)/lint-imports

format: install ## format and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove caches and the built site (the environment and runs/ stay)
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache site
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
