# Two commands set everything up on a fresh machine with Python 3.11 and make:
#   make demo   the demo network in the browser          make test   every check
PYTHON ?= python3.11
VENV := .venv
SPARK ?= yes
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_TO_TEST := $(VENV)/.ready-to-test
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11
INSTALL := $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes
EDITABLE := $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .

# Python compiles each module once and keeps it, also where the machine's settings say otherwise: the tests start a thousand processes.
unexport PYTHONDONTWRITEBYTECODE

#   make soak   the long runs: a hundred thousand hostile requests, two hundred kills
#   make lock   the locked dependencies anew from pyproject.toml, keeping versions that still fit
.PHONY: release demo demo-reset test soak check benchmarks browser spark openid directory lock clean

$(READY): requirements.lock requirements-installer.lock pyproject.toml
	@echo "Installing what Baybridge needs into $(VENV) …"
	@command -v $(PYTHON) >/dev/null || { echo "make: expected $(PYTHON) on this machine; install Python 3.11 or name another with PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-installer.lock
	$(INSTALL) requirements.lock requirements-installer.lock
	$(EDITABLE)
	@touch $@

$(READY_TO_TEST): $(READY) requirements-dev.lock
	@echo "Installing what the tests need …"
	$(INSTALL) requirements-dev.lock
	$(EDITABLE)
	@touch $@

demo: $(READY)
	@$(BIN)/baybridge demo

demo-reset: $(READY)
	@$(BIN)/baybridge demo --reset

browser:
	@tests/browser.sh

spark: $(READY_TO_TEST)
	@SPARK=$(SPARK) tests/spark.sh $(BIN)

openid:
	@tests/openid.sh

directory:
	@tests/directory.sh

test: $(READY_TO_TEST) browser spark openid directory
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(READY_TO_TEST)
	$(BIN)/python -m pytest tests/unit tests/spec tests/property tests/contract tests/house -n 2

# The long runs, with their counts printed: requests right, spoilt and torn; kills at every step and at random instants, transfers among them.
soak: $(READY_TO_TEST)
	BAYBRIDGE_TEST_REQUESTS=100000 $(BIN)/python -m pytest tests/acceptance/test_hostile_requests.py -n 0 -s --timeout 0
	BAYBRIDGE_TEST_COURSES=10000 $(BIN)/python -m pytest tests/property/test_alarms.py tests/property/test_alarms_corrected.py -n 0 -s --timeout 0
	BAYBRIDGE_TEST_FEEDS=10000 $(BIN)/python -m pytest tests/property/test_feeds_against_plain.py -n 0 -s --timeout 0
	BAYBRIDGE_TEST_KILLS=200 $(BIN)/python -m pytest tests/acceptance/test_crashes.py tests/acceptance/test_claim_crashes.py -n 0 -s --timeout 0
	BAYBRIDGE_SOAK=1 $(BIN)/python -m pytest tests/property/test_series_against_plain.py tests/property/test_two_hospitals.py tests/property/test_missing_against_trying.py tests/property/test_missing_of_every_policy.py -n 0 -s --timeout 0
	BAYBRIDGE_SOAK=1 $(BIN)/python -m pytest tests/property/test_lysis_and_hyperinflammation_against_plain.py -n 0 -s --timeout 0
	BAYBRIDGE_SOAK=1 $(BIN)/python -m pytest tests/property/test_contracts_against_plain.py tests/property/test_recognition_against_plain.py tests/property/test_money_and_units_against_plain.py tests/property/test_schedule_against_plain.py -n 0 -s --timeout 0

benchmarks: $(READY_TO_TEST)
	$(BIN)/python -m benchmarks

lock: $(READY)
	$(LOCK) pyproject.toml --extra population --output-file requirements.lock
	$(LOCK) pyproject.toml --extra dev --extra postgresql --output-file requirements-dev.lock

# What is released, signed by an OpenSSH key: make release KEY=… RESULTS=… (results of the tests, for the validation pack)
release: $(READY_TO_TEST)
	PYTHON=$(BIN)/python tools/release.sh "$(KEY)" $(RESULTS)

clean:
	rm -rf $(VENV) demo-network
