# `make demo` and `make test` do all the set-up: with uv where it is installed, else with plain Python and pip.
PYTHON      ?= python3
BIN         := .venv/bin
CONSTRAINTS := requirements/constraints.txt
# Tests run in two processes; `make test WORKERS=0` in one.
WORKERS     ?= 2
PYTEST      := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup
UV          := $(shell uv --version >/dev/null 2>&1 && command -v uv)

# Caches stay in this folder, unless the caller has set a place.
export UV_CACHE_DIR  ?= $(CURDIR)/.cache/uv
export PIP_CACHE_DIR ?= $(CURDIR)/.cache/pip

.PHONY: help install demo test slow check bench constraints clean

help:          ## what there is
	@grep -E '^[a-z]+: .*##|^[a-z]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | awk -F'\t' '{printf "make %-12s %s\n", $$1, $$2}'

install: .venv/.ready ## create .venv with everything the platform and its tests need; compile the kernels
	@echo 'compiling the kernels of the city-scale solver into .cache/numba: a minute or two, once'
	@$(BIN)/python -m models.dispatch.city.warm

demo: .venv/.ready ## run the demo district; the results lie in out/demo
	@$(BIN)/vpp demo

test: .venv/.ready ## the tests (the slow ones: make slow)
	@$(PYTEST)

slow: .venv/.ready ## the slow tests
	@$(PYTEST) -m slow

check: .venv/.ready ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports --cache-dir .cache/import-linter
	@! grep -n '://' $(CONSTRAINTS)

bench: .venv/.ready ## the benchmarks, printing JSON
	@$(BIN)/python benchmarks/dispatch.py
	@$(BIN)/python benchmarks/field.py --seconds 60

with_uv  = uv venv --quiet --clear --python $(PYTHON) .venv && \
           uv pip install --quiet --python $(BIN)/python -c $(CONSTRAINTS) -e '.[dev]'
with_pip = $(PYTHON) -m venv --clear .venv && $(BIN)/python -m pip install --quiet -c $(CONSTRAINTS) -e '.[dev]'

.venv/.ready: Makefile pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; \
	  sys.exit(sys.version_info < (3, 11) and f"Python {v} found, 3.11 or newer needed: make PYTHON=python3.11")'
	@echo 'setting up .venv: seconds with uv, a minute or two with pip'
ifneq ($(UV),)
	@($(with_uv)) || { echo 'uv could not set up .venv: going on with venv and pip'; $(with_pip); }
else
	@$(with_pip)
endif
	@touch $@

constraints:   ## refresh the pins (needs uv): the newest versions that pyproject.toml allows
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate --all-extras \
	  --no-emit-index-url --no-emit-find-links pyproject.toml -o $(CONSTRAINTS)

clean:         ## remove the environment and caches; never var/, where the city's database lies
	rm -rf .venv .cache
