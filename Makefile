# Every verb sets up what it needs: a machine with Python >= 3.11 (and make) can start with any of them.

VENV := .venv
# On a Windows shell with make (Git Bash, MSYS2) a virtual environment keeps its programs elsewhere.
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
# Two workers: each test process uses one thread, and the suite is meant for two cores.
PYTEST ?= -n 2 --dist worksteal -m "not slow"
ARGS ?=

.PHONY: help app test slow reliability lint format clean
.DELETE_ON_ERROR:

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

app: $(VENV)/.app  ## set up, then serve the page; open http://127.0.0.1:7860 in a browser
	$(BIN)/python app.py

test: lint  ## set up, then ruff, mypy and the tests; PYTEST="-k unet" narrows them
	$(BIN)/python -m pytest $(PYTEST) $(ARGS)

slow: $(VENV)/.dev  ## the tests that take more than ten seconds each: killed trainings, large photos, rings of modes
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow $(ARGS)

reliability: $(VENV)/.dev  ## every promise of docs/reliability.md in full, half an hour; makes that page anew
	rm -f .reliability.tmp
	export RELIABILITY=full RELIABILITY_REPORT="$(CURDIR)/.reliability.tmp"; code=0; \
		$(BIN)/python -m pytest -n 2 --dist worksteal --timeout 3600 -m "not alone" $(ARGS) || code=$$?; \
		$(BIN)/python -m pytest --timeout 3600 -m alone $(ARGS) || code=$$?; \
		$(BIN)/python -m tests.reliability.report .reliability.tmp docs/reliability.md && rm .reliability.tmp && exit $$code

lint: $(VENV)/.dev  ## ruff (rules and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev  ## let ruff sort the imports and lay out the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the virtual environment and every cache; data and runs stay
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './runs/*' -not -path './datasets/*' -prune -exec rm -rf {} +

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python" >&2; exit 2; }
	@# Debian's Python without python3-venv can't put pip into an environment, but its own pip can.
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install pip; }
	@touch $@

$(VENV)/.app: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --editable ".[dev]"
	@touch $@ $(VENV)/.app
