# Two commands: `make up` runs Switchboard here, `make test` runs every check and test.
PYTHON ?= $(firstword $(foreach name,python3.12 python3.11 python3,$(shell command -v $(name) 2>/dev/null)))
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help up test check lock bench clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

up: $(STAMP)-run  ## Run everything on this machine
	@exec $(BIN)/switchboard up

test: $(STAMP)-test  ## Run every check and test
	$(BIN)/pytest

check: test  ## The same: what CI runs

bench: $(STAMP)-test  ## Print the benchmarks, as ratios
	$(BIN)/python bench/start.py

lock:  ## Resolve the dependencies anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --extra build pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --extra build --extra test pyproject.toml -o requirements/test.txt

clean:  ## Remove the environment and caches; data in var/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(STAMP)-%: requirements/%.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed and none is on PATH (or set PYTHON=...)" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
	  || { echo "Python 3.11 or 3.12 is needed; $(PYTHON) is $$($(PYTHON) -V). Set PYTHON=..." >&2; exit 2; }
	@if command -v uv >/dev/null 2>&1; then \
	  { test -x $(BIN)/python || uv venv -q --python "$(PYTHON)" .venv; } \
	  && uv pip install -q --python $(BIN)/python --require-hashes -r requirements/$*.txt \
	  && uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  { test -x $(BIN)/python || "$(PYTHON)" -m venv .venv; } \
	  && $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/$*.txt \
	  && $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@
