# Two commands do everything: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP = $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: demo test laws agents agents-installed clients clients-installed lint test-latest test-oldest lock wheel bench fuzz long clean faults

demo: $(VENV)/.user
	@$(BIN)/policy-router demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --cov --cov-report= $(ARGS)
	$(BIN)/coverage report --fail-under=100

# Every law of hypothesis RUNS times, each time with other examples.
RUNS ?= 3
laws: $(VENV)/.dev
	for run in $$(seq $(RUNS)); do $(BIN)/python -m pytest -q -n 2 -m hypothesis $(ARGS) || exit 1; done

# Every fault of a provider by every way of calling a model, as a table.
faults: $(VENV)/.dev
	$(BIN)/python -m tests.faults $(ARGS)

# The same tests with the newest release of everything that pyproject.toml allows.
test-latest:
	$(PYTHON) -m venv --clear .venv-latest
	.venv-latest/bin/pip install --quiet --disable-pip-version-check -e '.[dev]'
	.venv-latest/bin/python -m pytest -n 2 $(ARGS)

# The same tests with the oldest release of everything that pyproject.toml allows.
test-oldest: .venv-oldest/.done
	.venv-oldest/bin/python -m pytest -n 2 $(ARGS)

.venv-oldest/.done: requirements/oldest.txt
	$(PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Releases of the last two weeks are left out: most stolen ones are found by then.
LOCKED = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate --exclude-newer "$$(date --utc --date='14 days ago' +%F)" \
  pyproject.toml requirements/build.in
lock: $(VENV)/.dev
	$(LOCKED) --upgrade --extra redis --extra postgres --extra lsp -o requirements/run.txt
	$(LOCKED) --upgrade --extra dev -o requirements/dev.txt
	$(LOCKED) --upgrade --extra dev --resolution lowest-direct -o requirements/oldest.txt

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

agents-installed:
	npm install --prefix .agents --no-audit --no-fund --silent @anthropic-ai/claude-code @openai/codex opencode-ai

# The coding agents themselves, from npm (1 GB), finish a task through the server.
agents: $(VENV)/.dev agents-installed
	$(BIN)/python -m pytest -ra tests/agents $(ARGS)

clients-installed: .clients/.done

# Official clients and judges, in an environment of their own, talk to the server.
clients: $(VENV)/.dev clients-installed
	$(BIN)/python -m pytest -ra tests/sdks $(ARGS)

.clients/.done: tests/sdks/requirements.txt tests/sdks/package.json
	$(PYTHON) -m venv --clear .clients
	.clients/bin/pip install --quiet --disable-pip-version-check -r tests/sdks/requirements.txt
	cp tests/sdks/package.json .clients/
	if command -v npm > /dev/null; then npm install --prefix .clients --no-audit --no-fund --silent; fi
	@touch $@

wheel: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build --quiet --no-isolation

bench: $(VENV)/.dev
	$(PIP) -e '.[bench]'
	$(BIN)/python benchmarks/decide.py
	$(BIN)/python benchmarks/check.py
	$(BIN)/python benchmarks/diff.py
	$(BIN)/python benchmarks/ledger.py
	$(BIN)/python benchmarks/lag.py
	$(BIN)/python benchmarks/execute.py

fuzz: $(VENV)/.dev
	$(BIN)/python benchmarks/fuzz_policies.py --count 100000 --seed 1 --jobs 2

long: $(VENV)/.dev
	$(BIN)/python -m tests.ledger.long
	$(BIN)/python -m tests.calendars
	$(PIP) -e '.[bench]'
	$(BIN)/python benchmarks/windows.py
	$(BIN)/python benchmarks/stress.py --store sqlite
	$(BIN)/python benchmarks/stress.py --store redis
	$(BIN)/python benchmarks/stress.py --store sqlite --limits
	$(BIN)/python benchmarks/stress.py --store redis --limits
	$(BIN)/python benchmarks/stress.py --store sqlite --prices
	$(BIN)/python benchmarks/stress.py --store redis --prices
	$(BIN)/python benchmarks/refusals.py --store sqlite
	$(BIN)/python benchmarks/refusals.py --store redis
	$(BIN)/python benchmarks/soak.py

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.user: $(VENV)/.python requirements/run.txt
	$(PIP) --no-deps --require-hashes -r requirements/run.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.python requirements/dev.txt
	$(PIP) --no-deps --require-hashes -r requirements/dev.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.user

clean:
	rm -rf $(VENV) .venv-latest .venv-oldest .clients dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
