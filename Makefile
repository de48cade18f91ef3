# Everything sets itself up in .venv, which is used again next time.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo run test lint audit bench docs ha-check soak

demo: .venv/.ready
	@exec $(BIN)/shelly-bridge demo

run: .venv/.ready
	@exec $(BIN)/shelly-bridge run -c config.yaml

# Most tests wait rather than compute, so a few at a time, and then one by one those that need a quiet
# machine, after what failed beside others: a busy machine may stall for longer than a test waits, but
# not three times over, and what fails alone as well has failed. Both failures are shown.
# Files of their own, so that two suites can run at once.
test: .venv/.ready-dev
	@set -e; work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; export COVERAGE_FILE="$$work/coverage"; \
	$(BIN)/pytest -m 'not quiet' --numprocesses=3 --dist=worksteal --basetemp="$$work/tests" \
	    -o cache_dir="$$work/cache" --cov=bridge --cov-report= || \
	    { case "$$(grep -c '": true' "$$work/cache/v/cache/lastfailed")" in [1-3]) ;; *) exit 1 ;; esac; \
	    echo "Alone, once more:"; \
	    $(BIN)/pytest --last-failed --basetemp="$$work/again" -o cache_dir="$$work/cache" \
	        --cov=bridge --cov-append --cov-report=; }; \
	$(BIN)/pytest -m quiet --basetemp="$$work/tests" -o cache_dir="$$work/cache" \
	    --cov=bridge --cov-append --cov-report=term:skip-covered; \
	$(BIN)/coverage report --include='bridge/core/*' --fail-under=95 --skip-covered

lint: .venv/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Known vulnerabilities of what constraints/tested.txt pins; says so where there is nobody to ask.
audit: .venv/.ready-dev
	@$(BIN)/python -m tests.packages.audit

# Every fault with its full figures, one by one, and then half an hour (SOAK_SECONDS) of load with
# faults at random; takes hours, and stays in a directory that is named at the end.
soak: .venv/.ready-dev
	@set -e; work=$$(mktemp -d); export FAULTS=long; trap 'echo "The samples are below $$work"' EXIT; \
	$(BIN)/pytest -p no:randomly --basetemp="$$work/faults" -o cache_dir="$$work/cache" -rP \
	    --ignore=tests/faults/test_soak.py tests/faults; \
	$(BIN)/pytest -s --basetemp="$$work/soak" -o cache_dir="$$work/cache" tests/faults/test_soak.py

bench: .venv/.ready-dev
	$(BIN)/python -m benchmarks $(OPTIONS)

# What the code says of kinds, keys and units, and what the bridge says of captured devices.
docs: .venv/.ready-dev
	$(BIN)/python -m tests.frames.golden --write
	$(BIN)/python -m tests.documentation.devices --write

# Home Assistant's own code judges what the bridge publishes for captured and simulated devices.
ha-check: .venv/.ready-dev
	@set -e; work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	$(BIN)/python -m tests.frames.messages "$$work"; \
	$(BIN)/python -m tests.homeassistant.ha_check --self-test "$$work"

.venv/.ready: setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/.ready-dev: .venv/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
