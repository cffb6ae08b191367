# What one can do here: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCANNER := .venv-scanner
export PYTHONPATH := functions

.DEFAULT_GOAL := help
.PHONY: help run serve standin plan deploy destroy test test-infra check bench format readme lock clean

help: #! show this list
	@grep -hE '^[a-z-]+:.*#! ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*#! (.*)/\1|\2/' \
	  | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

run: $(VENV)/local.done #! the whole bridge on this machine: a scenario from events to effects
	@$(BIN)/python -m infra.local run

serve: $(VENV)/local.done #! the same, kept running; addresses in build/endpoints.json
	@$(BIN)/python -m infra.local serve

standin: $(VENV)/local.done #! the stand-in VideoVector API alone
	@$(BIN)/python -m infra.standin

# Make hands on what its command line sets: infra/README.md has all that these take.
plan: $(VENV)/local.done #! what Terraform would do: PROJECT=... REGION=...
	@$(BIN)/python -m infra.deploy plan

deploy: $(VENV)/local.done #! the bridge in a Google Cloud project: PROJECT=... REGION=...
	@$(BIN)/python -m infra.deploy deploy

destroy: $(VENV)/local.done #! takes it out of the project: PROJECT=... REGION=...
	@$(BIN)/python -m infra.deploy destroy

test: $(VENV)/dev.done #! every test, on every supported Python that is installed
	@$(BIN)/nox $(if $(TESTS),-- $(TESTS))

test-infra: $(VENV)/dev.done $(SCANNER)/done #! the Terraform files: form, validity, plans over mocked providers, a scan
	@$(BIN)/python -m pytest tests/infra -v --no-header

check: $(VENV)/dev.done #! format, lint, types, import direction, dependencies, secrets, locks
	@$(BIN)/python -m tests.checks

bench: $(VENV)/dev.done #! events/s from the stand-in's flood into the Pub/Sub emulator
	@$(BIN)/python -m tests.bench $(BENCH)

format: $(VENV)/dev.done #! put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

readme: $(VENV)/dev.done #! draw the picture and tables of infra/README.md anew
	@$(BIN)/python -m infra.readme

# Hashes, no registry: a lock must install from any mirror.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --no-header
lock: $(VENV)/dev.done #! pin every dependency anew, with hashes
	$(LOCK) pyproject.toml --upgrade --output-file functions/requirements.txt
	$(LOCK) pyproject.toml --constraint functions/requirements.txt --group local \
	  --output-file infra/local/requirements.txt
	$(LOCK) pyproject.toml --constraint infra/local/requirements.txt --group dev \
	  --output-file tests/requirements.txt
	$(LOCK) --group scan --output-file tests/infra/requirements.txt

clean: #! remove what was installed and built
	rm -rf $(VENV) .venv-* .nox build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "This needs Python 3.11 or newer; set PYTHON=... (now: $$($(PYTHON) --version))"; exit 1; }
	@echo "Making $(VENV)..."
	@$(PYTHON) -m venv $(VENV)

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The command line, from the sources as they are: nothing is fetched.
SELF := $(PIP) --no-deps --no-build-isolation -e .

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

$(VENV)/dev.done: tests/requirements.txt | $(VENV)/bin/python
	@echo "Installing with tools for tests and checks (hashed requirements, into $(VENV))..."
	@$(PIP) --require-hashes -r $<
	@$(SELF)
	@touch $@ $(VENV)/local.done
