# Every target makes the environment first when it is missing or old, so each of them works as
# the first and only command on a machine with Python 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all lint types docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

demo: $(INSTALLED) ## run the whole chain on made-up video; ends in demo/report
	$(BIN)/vstc demo -o demo --resume

test: $(INSTALLED) ## run the tests that take seconds
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow"

test-all: $(INSTALLED) ## run all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: $(INSTALLED) ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED) ## check the types
	$(BIN)/mypy

docs: $(INSTALLED) ## write docs/commands.md anew, fail if it was old or a link is broken
	$(BIN)/python docs/generate.py
	$(BIN)/python -m pytest tests/test_docs.py

clean: ## remove what the targets made, except the environment
	rm -rf demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find vstc tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
