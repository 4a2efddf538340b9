# Needs Python 3.10 or newer and make; everything else goes into .venv. `make` alone lists the targets.

PYTHON ?= python3
BIN := .venv/bin
SETUP := $(PYTHON) scripts/setup_venv.py
# At once, more than cores: many tests wait. Tests marked `system` run file by file, each process has an Airflow.
TEST_PROCESSES ?= 4
SYSTEM_PROCESSES ?= 3
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help install install-run test explore matrix audit lint format demo demo-remote ui bench schema docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

install: ## Set up .venv with everything that tests and checks need
	@$(SETUP) dev

install-run:
	@$(SETUP) run

test: install ## Run all tests (TESTS=tests/unit for some)
	@failed=0; \
	if [ "$(TESTS)" = tests ]; then \
	  $(BIN)/python -m pytest -n $(TEST_PROCESSES) -m "not system" tests || failed=1; \
	  if [ -d tests/system ]; then $(BIN)/python -m pytest -n $(SYSTEM_PROCESSES) --dist loadfile -m system tests/system || failed=1; fi; \
	else \
	  $(BIN)/python -m pytest $(TESTS) || failed=1; \
	fi; \
	exit $$failed

explore: install ## Run the property tests with examples that no run before has had
	@HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -n $(TEST_PROCESSES) -m "hypothesis and not system" tests

matrix: ## Run the tests with a real Airflow on each supported Airflow and Python (MATRIX="3.2/3.10 3.3/3.13" for some)
	@$(PYTHON) scripts/matrix.py $(MATRIX)

audit: install ## Look up known holes in the lowest versions that are allowed; before a release, needs the index's list
	@$(BIN)/python -m pip install -q pip-audit
	@$(BIN)/python scripts/lower_bounds.py > .venv/lower-bounds.txt
	@$(BIN)/python -m pip_audit --strict --disable-pip --no-deps -r .venv/lower-bounds.txt

lint: install ## Check style, types and the arrows between the folders
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m mypy --strict
	@$(BIN)/lint-imports

format: install ## Format the code and apply the safe fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

demo: install-run ## Run the campaign workflow in a real local Airflow and show what happened
	@$(BIN)/python -m scripts.demo

demo-remote: install-run ## The examples for Integrate.io and Aperture Data Studio, on stand-ins: no account needed
	@$(BIN)/python -m scripts.demo_remote

ui: install-run ## The same Airflow, left up to look at
	@$(BIN)/python -m scripts.demo --ui

bench: ## Measure the speed, side by side with dag-factory and airflow-blueprint
	@$(SETUP) bench
	@.venv-bench/bin/python -m scripts.bench

schema: install-run ## Write the JSON Schemas of the definition language anew
	@for kind in workflow package; do $(BIN)/python -m airflow_workflow_provider schema $$kind \
	  > airflow_workflow_provider/definitions/schemas/$$kind.schema.json; done

docs: install-run ## Write the generated reference of the definition language anew
	@$(BIN)/python scripts/reference.py

clean: ## Remove the environments and everything generated
	rm -rf .venv .venv-bench .venv-matrix .venv.lock .venv-bench.lock .airflow .mypy_cache .ruff_cache .pytest_cache
	rm -rf .import_linter_cache .hypothesis build dist
	find airflow_workflow_provider scripts tests dags_example -name __pycache__ -type d -prune -exec rm -rf {} +
