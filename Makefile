# Two commands: `make up` runs Switchboard here, `make test` runs every check and test.
# PYTHON=… picks the interpreter, ARGS=… is handed on: make up ARGS="--web-port 9000", make test ARGS=tests/intake
PYTHON ?=
ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help up test check format lock bench bench-mail bench-parse bench-policies bench-voice bench-blind bench-classifier bench-corpus bench-facts bench-mail-samples pictures fuzz soak docs changelog clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

up: $(STAMP)-run  ## Run everything on this machine
	@exec $(BIN)/switchboard up $(ARGS)

test: $(STAMP)-test  ## Run every check (formatting, lint, types, imports, documents) and every test
	@if [ -n "$(ARGS)" ]; then $(BIN)/pytest $(ARGS); else \
	  $(BIN)/pytest -n 2 --dist loadfile --ignore tests/journeys && $(BIN)/pytest -n 2 --dist loadfile tests/journeys; fi

check: test  ## The same: this is what CI runs

format: $(STAMP)-test  ## Format the code and mend what a machine can mend
	@$(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix .

bench: $(STAMP)-test  ## Print the benchmarks, as ratios with their baselines
	@for file in bench/start.py bench/mail.py bench/parse.py bench/policies.py; do echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

bench-mail: $(STAMP)-test  ## How fast mail is taken, against stock aiosmtpd and Postfix (needs Debian's postfix)
	@$(BIN)/python bench/mail.py $(ARGS)

bench-parse: $(STAMP)-test  ## What reading a mail costs, against the standard library
	@$(BIN)/python bench/parse.py $(ARGS)

bench-policies: $(STAMP)-test  ## How fast rules are judged and deadlines found, against a chain of ifs and businesstimedelta
	@$(BIN)/python bench/policies.py $(ARGS)

bench-voice: $(STAMP)-test  ## What a call's webhooks cost and how long callers wait, against an endpoint that only checks the signature
	@$(BIN)/python bench/webhooks.py $(ARGS)

bench-blind: $(STAMP)-test  ## A cold start on requests nobody looked at while writing rules and corpus
	@$(BIN)/python bench/blind.py

bench-classifier: $(STAMP)-test  ## How good, fast and teachable suggestions are, beside baselines (ARGS="--data DIR --json FILE")
	@$(BIN)/python bench/classifier.py $(ARGS)

bench-corpus: $(STAMP)-test  ## Near-duplicates and gaps of the seed corpus (ARGS="--alike 0.3")
	@$(BIN)/python bench/corpus.py $(ARGS)

bench-facts: $(STAMP)-test  ## What is read of texts, against what their authors say they state, and what it costs
	@$(BIN)/python bench/facts.py $(ARGS)

pictures: $(STAMP)-test  ## Measure what needs no public set anew, draw docs/pictures, write the tables of the model card
	@$(BIN)/python bench/classifier.py --only blind tone seed --json docs/pictures/figures.json
	@$(BIN)/python bench/pictures.py

bench-mail-samples: $(STAMP)-test  ## Score `switchboard parse` on a manifest of sample mails (ARGS="--samples DIR")
	@$(BIN)/python bench/mail_samples.py $(ARGS)

fuzz: $(STAMP)-test  ## Fuzz the mail reader with atheris (ARGS="--seconds 600")
	@$(BIN)/python bench/fuzz_parse.py $(ARGS)

soak: $(STAMP)-test  ## The long form of the journeys: 1,000 mails through Postfix, the gateway killed twice
	@SWITCHBOARD_TEST_FULL=1 $(BIN)/pytest tests/journeys/test_postfix.py $(ARGS)

docs: $(STAMP)-test  ## Write the generated tables of docs/ anew
	@$(BIN)/python docs/generate.py

changelog: $(STAMP)-test  ## Show what the next version's changelog will say
	@$(BIN)/towncrier build --draft --version next

lock:  ## Resolve the dependencies anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --extra build --extra mailauth pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --extra build --extra mailauth --extra test pyproject.toml -o requirements/test.txt

clean:  ## Remove the environment and caches; var/ with its data stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# A stamp for each lock file: a second `make up` installs nothing. An interpreter counts only if it
# runs: version managers put a python3.12 on PATH that answers "not found".
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3.12 python3.11 python3)
SUPPORTED := import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q

$(STAMP)-%: requirements/%.txt pyproject.toml
	@python=; for each in $(CANDIDATES); do \
	  if "$$each" -c '$(SUPPORTED)' >/dev/null 2>&1; then python="$$each"; break; fi; \
	done; \
	test -n "$$python" || { echo "Python 3.11 or 3.12 is needed; tried: "$(CANDIDATES)". Name one: make PYTHON=/path/to/python3.12" >&2; exit 2; }; \
	set -e; \
	echo "Installing requirements/$*.txt into .venv with $$("$$python" -V) …"; \
	if command -v uv >/dev/null 2>&1; then \
	  $(BIN)/python -c '$(SUPPORTED)' >/dev/null 2>&1 || uv venv -q --clear --python "$$python" .venv; \
	  uv pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/$*.txt; \
	  uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  { $(BIN)/python -c '$(SUPPORTED)' && $(BIN)/python -m pip -V; } >/dev/null 2>&1 || "$$python" -m venv --clear .venv; \
	  $(PIP) --require-hashes -r requirements/$*.txt; \
	  $(PIP) --no-deps --no-build-isolation -e .; \
	fi
	@touch $@
