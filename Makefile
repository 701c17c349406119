# The template's own commands; `make demo` and `make test` need Python 3.11 to 3.13, make and git, nothing else.
PYTHON ?= python3
VENV ?= .venv
USE_CASE ?= f1
CODE = hooks tools tests benchmarks
LIBRARY = {{cookiecutter.project_slug}}/vendor/smallboat
UV := $(or $(shell command -v uv),$(VENV)/bin/uv)
export UV_PROJECT_ENVIRONMENT = $(VENV)
export RUFF_CACHE_DIR = $(CURDIR)/.ruff_cache
export PATH := $(abspath $(VENV)/bin):$(PATH)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.PHONY: setup
setup: $(VENV)/.ready ## install what the template's maintainers need into .venv

$(VENV)/.ready: pyproject.toml
	@[ -x "$(UV)" ] || { $(PYTHON) -m venv $(VENV) && $(VENV)/bin/pip install --quiet 'uv>=0.9,<1'; }
	@$(UV) sync --quiet --python $(PYTHON)
	@touch $@

$(VENV)/.library: $(VENV)/.ready $(LIBRARY)/pyproject.toml # what checks the library, which `make demo` does without
	@$(UV) sync --quiet --python $(PYTHON) --group library
	@touch $@

MADE_f1 = demo/f1_predictor
MADE_intent = demo/purchase_intent
MADE = $(MADE_$(USE_CASE))
DEMO = $(MAKE) --no-print-directory -C $(MADE) VENV=.venv PYTHON=$(abspath $(VENV)/bin/python)

.PHONY: demo
demo: $(VENV)/.ready ## generate a project in demo/, train it on the sample and serve it: [USE_CASE=f1|intent] [PORT=8000]
	@cookiecutter . --no-input --overwrite-if-exists --output-dir demo use_case=$(USE_CASE)
	@$(DEMO) stop
	@$(DEMO) train
	@$(DEMO) deploy
	@$(DEMO) serve BACKGROUND=1
	@$(DEMO) predict
	@for report in $(MADE)/store/runs/*/report.html; do :; done; echo "report  $$report"
	@echo "page    http://127.0.0.1:$(or $(PORT),8000)"
	@echo "stop    make -C $(MADE) stop"

.PHONY: test
test: $(VENV)/.ready ## run all tests: the template's, and those of a generated project
	@pytest

.PHONY: lint
lint: $(VENV)/.library ## check style, types, workflows and generated documents; the library's rooms, too
	@ruff check $(CODE) $(LIBRARY)
	@ruff format --check $(CODE) $(LIBRARY)
	@mypy
	@mypy --config-file $(LIBRARY)/pyproject.toml $(LIBRARY)/smallboat
	@lint-imports --no-cache --config $(LIBRARY)/pyproject.toml
	@zizmor --offline --quiet .github/workflows
	@python tools/options.py --check

.PHONY: docs
docs: $(VENV)/.ready ## write docs/options.md from cookiecutter.json
	@python tools/options.py

.PHONY: bench
bench: $(VENV)/.ready ## measure the numbers in the README
	@python benchmarks/run.py

.PHONY: open
open: $(VENV)/.ready ## lay a use case over the shared tree for editing: [USE_CASE=f1|intent]
	@python tools/workbench.py open $(USE_CASE)

.PHONY: save
save: $(VENV)/.ready ## copy the workbench's edits back into the template: [USE_CASE=f1|intent]
	@python tools/workbench.py save $(USE_CASE)
