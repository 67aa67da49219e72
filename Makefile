# Two commands show all of it: `make demo`, then `make test`.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: demo test test-long test-connected schedules bench check lock dev generate release-schemas

demo: .venv/.runtime ## play days of Madhya Pradesh on a fast clock, then go on serving; ARGS="--exit" ends by itself
	@$(BIN)/rozana demo $(ARGS)

test: .venv/.dev ## every test that needs no server beside it, some minutes on two cores
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not long and not connected" $(ARGS)

test-long: .venv/.dev ## the tests that take minutes: fifty kills, ten thousand random steps, every route by every role, the long demos
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "long and not connected" --timeout 1800 $(ARGS)

test-connected: .venv/.dev ## the tests on a real Kafka and a server that speaks MongoDB's protocol; needs Java 17 and Maven
	$(BIN)/python -m pytest -q -m connected --timeout 600 $(ARGS)

schedules: .venv/.dev ## members and servers killed, frozen and restarted by seed, as test-connected does with a few; ARGS="--seeds 200"
	@$(BIN)/python -m tests.e2e.schedules $(ARGS)

bench: .venv/.dev ## each budget of docs/benchmarks.md with what is measured here; ARGS="--quick", or ARGS="ingest replay"
	@$(BIN)/python -m bench $(ARGS)

check: .venv/.dev ## format, lint, types, import contracts, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m rozana.generated --check

generate: .venv/.dev ## write again what is generated from the models
	$(BIN)/python -m rozana.generated

release-schemas: .venv/.dev ## freeze today's schemas under the version of pyproject.toml; every later check is held to them
	@$(BIN)/python -m rozana.generated --release

lock: ## resolve the locks again (needs uv); they record hashes, never addresses
	uv pip compile pyproject.toml --group build --universal --generate-hashes --no-emit-index-url --no-header --upgrade -q -o requirements.lock
	uv pip compile pyproject.toml --group build --group dev --group bench -c requirements.lock --universal --generate-hashes --no-emit-index-url --no-header --upgrade -q -o requirements-dev.lock

dev: .venv/.dev

# A stamp a lock file: installed again only when the lock or the project file has changed.
# --no-deps: a lock is complete, and an older pip would look for `coverage[toml]` in the newest release, which no lock names.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Rozana needs Python 3.11 or newer; say make PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv failed: on Debian, apt-get install python3-venv"; exit 1; }

.venv/.runtime: .venv/bin/python requirements.lock pyproject.toml
	@echo "Installing what requirements.lock names into .venv (once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.venv/.dev: .venv/bin/python requirements-dev.lock pyproject.toml
	@echo "Installing what requirements-dev.lock names into .venv (once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@ .venv/.runtime
