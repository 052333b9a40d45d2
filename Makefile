# The first use of a target installs what it needs into .venv; nothing else of the system changes.
ARGS    ?=
# An end-to-end test waits half its time: three keep two cores busy.
WORKERS ?= 3
SEEDS   ?= 200
BIN     := .venv/bin
# A test that hangs is a failure with a stack trace, not a job that never ends.
PYTEST  := $(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m 'not live and not nightly' \
           -o faulthandler_timeout=300 -o faulthandler_exit_on_timeout=true
# What builds this project, from pyproject.toml, and what hatchling takes to install it editable.
BACKEND := { sed -n 's/^requires = \["\(.*\)"\]$$/\1/p' pyproject.toml; echo editables; }
COMPILE := $(BIN)/uv pip compile -q pyproject.toml - --universal --python-version 3.11 --generate-hashes \
           --only-binary :all: --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help demo test check unit crash sim bench lint lock clean
.NOTPARALLEL:

help:
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.demo ## Teams and Matrix side by side, on this machine alone (ARGS=--script plays a conversation, --double-puppets)
	@$(BIN)/teams-bridge demo $(ARGS)

test: lint ## everything that must hold, as CI runs it
	@$(PYTEST) $(ARGS)

check: lint ## the fast half of it: lint, types, import contracts, unit, contract and documentation tests
	@$(PYTEST) tests/unit tests/contract tests/docs $(ARGS)

unit: .venv/.dev ## unit tests alone, in seconds
	@$(BIN)/pytest -q tests/unit $(ARGS)

crash: .venv/.dev ## real servers killed again and again under traffic: what was lost, doubled, out of order?
	@$(BIN)/python -m tests.crash $(ARGS)

sim: .venv/.dev ## the relay under simulated faults, by seed (SEEDS=20000, ARGS="--seed 7 --trace")
	@$(BIN)/python -m tests.sim --seeds $(SEEDS) $(ARGS)

bench: .venv/.dev ## throughput, latency and scale, as ratios measured in one run
	@$(BIN)/python -m tests.bench $(ARGS)

lint: .venv/.dev ## ruff, formatting, mypy --strict, import contracts
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet && $(BIN)/mypy && $(BIN)/lint-imports

lock: .venv/.dev ## resolve the dependencies of pyproject.toml again (ARGS=--upgrade takes newer ones)
	@$(BACKEND) | $(COMPILE) --extra dev -o deploy/requirements-dev.txt
	@$(BACKEND) | $(COMPILE) --extra demo -c deploy/requirements-dev.txt -o deploy/requirements-demo.txt
	@$(BACKEND) | $(COMPILE) --extra embedded -c deploy/requirements-dev.txt -o deploy/requirements-run.txt

clean: ## remove what was installed and what demo, tests and tools have left
	rm -rf .venv .demo dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.demo .venv/.dev: .venv/.%: deploy/requirements-%.txt pyproject.toml deploy/bootstrap.sh
	@sh deploy/bootstrap.sh $*
