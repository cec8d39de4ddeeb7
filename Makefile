# `make trial` and `make test` do all set-up by themselves; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/made
PATIENTS ?= 20000
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help trial test lint types slow docs pictures lock benchmark clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

trial: $(MADE) ## re-run FREEDOM on 20,000 virtual women an arm, beside its published outcome
	$(BIN)/cohort run freedom --patients $(PATIENTS) --overwrite

test: lint types ## lint, types and every test that is not slow
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile

lint: $(MADE) ## ruff's rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(MADE) ## pyright
	$(BIN)/pyright

slow: $(MADE) ## the tests that take minutes
	$(BIN)/pytest -m slow --numprocesses $(JOBS) --dist loadfile

docs: $(MADE) ## write the generated pages of docs/ again
	$(BIN)/python docs/generate.py

pictures: trial ## run the trial and put its figures into the README
	mkdir -p docs/images
	cp results/freedom-0/figures/bmd_lumbar_spine_change.png docs/images/freedom-spine.png
	cp results/freedom-0/figures/ctx_change.png docs/images/freedom-ctx.png

benchmark: $(MADE) ## patients per second and peak memory of this machine
	$(BIN)/python benchmarks/throughput.py

lock: ## resolve pyproject.toml into requirements.lock again
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet uv
	build/lock/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--fork-strategy fewest --no-header --no-emit-index-url --upgrade --output-file requirements.lock

clean: ## remove what the targets made; results stay
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache

# The locked environment. One version of each library on every Python, so that results do not
# depend on which one is at hand.
$(MADE): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo 'Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ...'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || \
		{ echo 'Python lacks venv: on Debian, apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-deps --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	@touch $@
