# Every target does its own set-up: nothing is needed but Python 3.11 or newer, git and make.

PYTHON ?= python3
UV_VERSION := 0.13.8

TOOLS := .tools/uv-$(UV_VERSION)
UV := $(TOOLS)/bin/uv
BIN := .venv/bin
READY := .venv/.synced

# A deployment that does not exist: the checks read its settings, nothing connects to it.
DEPLOYMENT := \
	DATABASE_URL=postgresql://mlc_app@127.0.0.1:1/mlc \
	DATABASE_OWNER_URL=postgresql://mlc_owner@127.0.0.1:1/mlc \
	SECRET_KEY=read-by-checks-only-0123456789-0123456789-0123456789-0123456789 \
	FERNET_KEYS=read-by-checks-only-0123456789-0123456789-0 \
	ALLOWED_HOSTS=connector.example

.DEFAULT_GOAL := help
.PHONY: help test coverage demo run lint style types imports deployment format bench clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: $(READY) ## All tests on a real PostgreSQL, or some: make test ARGS="-k name"
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

coverage: $(READY) ## All tests, and how much of the product they run
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov

demo: $(READY) ## The whole product against simulators; make demo ONCE=1 SUMMARY=summary.json stops after the proof
	$(BIN)/python -m demo $(if $(ONCE),--once) $(if $(SUMMARY),--summary "$(SUMMARY)")

run: $(READY) ## Web at http://127.0.0.1:8000 and the workers, on the embedded database
	$(BIN)/python manage.py migrate
	$(BIN)/python manage.py workers & workers=$$!; trap "kill $$workers" EXIT; $(BIN)/python manage.py runserver

lint: style types imports deployment ## Everything that can be checked without running a test

style: $(READY) ## Style and formatting
	$(BIN)/ruff check --no-cache
	$(BIN)/ruff format --check
	git ls-files -z -- '*.html' | xargs -0 -r $(BIN)/djade --check --target-version 5.2

types: $(READY) ## Types
	$(DEPLOYMENT) $(BIN)/mypy .

imports: $(READY) ## Who may import whom
	$(BIN)/lint-imports --no-logo

deployment: $(READY) ## Settings fit for a deployment, no migration forgotten, lock file up to date
	$(DEPLOYMENT) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(DEPLOYMENT) $(BIN)/python -W "ignore:Got an error checking" manage.py makemigrations --check --dry-run
	$(UV) lock --check --offline --quiet

format: $(READY) ## Put the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	git ls-files -z -- '*.html' | xargs -0 -r $(BIN)/djade --target-version 5.2

bench: $(READY) ## Speed and memory against the floor: make bench ARGS="…"
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove the environment and the tools, keep the data
	rm -rf .venv .tools

$(READY): pyproject.toml uv.lock | $(UV)
	UV_PYTHON_DOWNLOADS=never $(UV) sync --frozen --quiet --python $(PYTHON)
	@touch $@

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
