# Two commands do everything: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint wheel bench fuzz long clean

demo: $(VENV)/.user
	@$(BIN)/policy-router demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --cov --cov-report= $(ARGS)
	$(BIN)/coverage report --fail-under=100 --include='policy_router/language/*,policy_router/decide/*,policy_router/condition.py,policy_router/execute/chain.py,policy_router/execute/accept.py'

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build --quiet

bench: $(VENV)/.dev
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python benchmarks/decide.py
	$(BIN)/python benchmarks/check.py
	$(BIN)/python benchmarks/ledger.py

fuzz: $(VENV)/.dev
	$(BIN)/python benchmarks/fuzz_policies.py --count 100000 --seed 1 --jobs 2

long: $(VENV)/.dev
	$(BIN)/python -m tests.state.long
	$(BIN)/python -m tests.calendars
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python benchmarks/windows.py
	$(BIN)/python benchmarks/stress.py --store sqlite
	$(BIN)/python benchmarks/stress.py --store redis
	$(BIN)/python benchmarks/refusals.py --store sqlite
	$(BIN)/python benchmarks/refusals.py --store redis

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.user: $(VENV)/.python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.user

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
