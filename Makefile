# Commands of the project; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCANNER := .venv-scanner
PLOTS := .venv-plots
export PYTHONPATH := functions

.DEFAULT_GOAL := help
.PHONY: help run serve standin plan deploy destroy test test-infra acceptance check bench bench-plots format readme lock clean

help: #! show this list
	@grep -hE '^[a-z-]+:.*#! ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*#! (.*)/\1|\2/' \
	  | awk -F'|' '{printf "  make %-11s %s\n", $$1, $$2}'

run: $(VENV)/local.done #! run a scenario on this machine, from events to effects
	@$(BIN)/python -m infra.local run

serve: $(VENV)/local.done #! run the bridge on this machine until Ctrl-C; addresses in build/endpoints.json
	@$(BIN)/python -m infra.local serve

standin: $(VENV)/local.done #! run only the stand-in VideoVector API
	@$(BIN)/python -m infra.standin

# Make passes variables of its command line to these commands; infra/README.md lists the variables.
plan: $(VENV)/deploy.done #! show the changes of a deployment: PROJECT=... REGION=...
	@$(BIN)/python -m infra.deploy plan

deploy: $(VENV)/deploy.done #! deploy the bridge to a Google Cloud project: PROJECT=... REGION=...
	@$(BIN)/python -m infra.deploy deploy

destroy: $(VENV)/deploy.done #! delete the bridge from the project: PROJECT=... REGION=...
	@$(BIN)/python -m infra.deploy destroy

test: $(VENV)/dev.done #! run every test, on every supported Python that is installed
	@$(BIN)/nox $(if $(SESSION),-s $(SESSION)) $(if $(TESTS),-- $(TESTS))

test-infra: $(VENV)/dev.done $(SCANNER)/done #! test the Terraform files: format, validity, plans over mocked providers, a scan
	@$(BIN)/python -m pytest tests/infra -v --no-header

acceptance: $(VENV)/dev.done #! apply, change, break and destroy with real Terraform; see CONTRIBUTING.md
	@$(BIN)/python -m tests.acceptance $(ACCEPTANCE)

check: $(VENV)/dev.done #! check format, lint, types, imports, dependencies, secrets, locks
	@$(BIN)/python -m tests.checks

bench: $(VENV)/dev.done #! measure throughput, scale and latency beside other ways to do the same
	@$(BIN)/python -m tests.bench $(BENCH)

bench-plots: $(PLOTS)/done $(VENV)/dev.done #! draw the last `make bench`, and costs, into docs/performance/
	@mkdir -p build
	@$(BIN)/videovector-bridge cost --events-per-month 10M --plot --json >build/cost.json
	@$(PLOTS)/bin/python -m tests.bench.plots

format: $(VENV)/dev.done #! format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

readme: $(VENV)/dev.done #! generate the picture and tables of infra/README.md
	@$(BIN)/python -m infra.readme

# With hashes and without registry addresses, so that a lock installs from any mirror.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --no-header
lock: $(VENV)/dev.done #! update the pins of every dependency, with hashes
	$(LOCK) pyproject.toml --upgrade --output-file functions/requirements.txt
	$(LOCK) pyproject.toml --constraint functions/requirements.txt --group local \
	  --output-file infra/local/requirements.txt
	$(LOCK) --constraint infra/local/requirements.txt --group deploy \
	  --output-file infra/deploy/requirements.txt
	$(LOCK) pyproject.toml --constraint infra/local/requirements.txt --group dev \
	  --output-file tests/requirements.txt
	$(LOCK) --group scan --output-file tests/infra/requirements.txt
	$(LOCK) --group plots --output-file tests/bench/requirements.txt

clean: #! remove everything that was installed and built
	rm -rf $(VENV) .venv-* .nox build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "This needs Python 3.11 or newer; set PYTHON=... (now: $$($(PYTHON) --version))"; exit 1; }
	@echo "Creating $(VENV)..."
	@$(PYTHON) -m venv $(VENV)

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The command line, from the sources; nothing is downloaded.
SELF := $(PIP) --no-deps --no-build-isolation -e .

# What was installed for `make run` or the tests has all of this.
$(VENV)/deploy.done: infra/deploy/requirements.txt | $(VENV)/bin/python
	@if ! [ $(VENV)/local.done -nt infra/local/requirements.txt ]; then \
	  echo "Installing (hashed requirements, into $(VENV))..."; \
	  $(PIP) --require-hashes -r $< && $(SELF); \
	fi
	@touch $@

$(VENV)/local.done: infra/local/requirements.txt | $(VENV)/bin/python
	@echo "Installing (hashed requirements, into $(VENV))..."
	@$(PIP) --require-hashes -r $<
	@$(SELF)
	@touch $@

$(SCANNER)/done: tests/infra/requirements.txt
	@echo "Installing the scanner of Terraform files (hashed requirements, into $(SCANNER))..."
	@$(PYTHON) -m venv --clear $(SCANNER)
	@$(SCANNER)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(PLOTS)/done: tests/bench/requirements.txt
	@echo "Installing what draws plots (hashed requirements, into $(PLOTS))..."
	@$(PYTHON) -m venv --clear $(PLOTS)
	@$(PLOTS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/dev.done: tests/requirements.txt | $(VENV)/bin/python
	@echo "Installing with tools for tests and checks (hashed requirements, into $(VENV))..."
	@$(PIP) --require-hashes -r $<
	@$(SELF)
	@touch $@ $(VENV)/local.done
