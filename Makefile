# The template's own commands; `make demo` and `make test` need Python 3.11 to 3.13, make and git, nothing else.
PYTHON = python3
USE_CASE = f1
CODE = hooks tools tests benchmarks
LIBRARY = {{cookiecutter.project_slug}}/vendor/smallboat
export RUFF_CACHE_DIR = $(CURDIR)/.ruff_cache
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Values typed behind a target reach the shell as variables: their text is never run.
TYPED := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
$(foreach name,$(TYPED),$(eval override $(name) := $$(value $(name))))
export $(TYPED) PYTHON USE_CASE

# Each command runs without the caller's variables that would change other tools.
CLEANLY = "$$PYTHON" -I '$(LIBRARY)/smallboat/process_environment.py'

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: .venv/.ready ## install into .venv what you need to work on the template

.venv/.ready: pyproject.toml
	@command -v uv >/dev/null || { $(CLEANLY) "$$PYTHON" -m venv .venv && \
		$(CLEANLY) .venv/bin/python -m pip install --quiet 'uv>=0.9,<1'; }
	@$(CLEANLY) uv sync --quiet --inexact --python "$$PYTHON"
	@touch $@

.venv/.library: .venv/.ready $(LIBRARY)/pyproject.toml # for the library's checks; `make demo` does not need it
	@$(CLEANLY) uv sync --quiet --inexact --python "$$PYTHON" --group library
	@touch $@

.venv/.docs: .venv/.ready
	@$(CLEANLY) uv sync --quiet --inexact --python "$$PYTHON" --group docs
	@touch $@

MADE_f1 = demo/f1_predictor
MADE_intent = demo/purchase_intent
MADE_tabular = demo/table_predictor
MADE = $(MADE_$(USE_CASE))
DEMO = $(MAKE) --no-print-directory -C $(MADE)
SERVED = $(if $(filter PORT,$(TYPED)),$$PORT,8000)

.PHONY: demo
demo: .venv/.ready ## generate a project in demo/, train it on the sample, release and serve it: [USE_CASE=f1|intent|tabular] [PORT=8000]
	@$(CLEANLY) cookiecutter . --no-input --overwrite-if-exists --output-dir demo use_case="$$USE_CASE"
	@$(DEMO) stop
	@$(DEMO) train
	@$(DEMO) deploy
	@$(DEMO) serve BACKGROUND=1
	@$(DEMO) predict
	@for report in $(MADE)/store/runs/*/report.html; do :; done; echo "report  $$report"
	@echo "page    http://127.0.0.1:$(SERVED)"
	@echo "stop    make -C $(MADE) stop"

# The library's tests share a toy project in each process, the template's a generated project for each use case.
# Some tests wait for a process or for time to pass: three share two cores.
TESTERS = --no-loadscope-reorder -n $$(( $$(getconf _NPROCESSORS_ONLN) * 3 / 2 ))
.PHONY: test
test: .venv/.library .venv/.docs ## run the tests: the library's on a toy project, the template's on generated projects
	@$(CLEANLY) pytest "$(CURDIR)/tests/smallboat" $(TESTERS) --dist loadfile $(EVERY)
	@$(CLEANLY) pytest tests --ignore tests/smallboat $(TESTERS) --dist loadgroup $(EVERY)

.PHONY: test-all
EVERY = $(if $(filter test-all,$(MAKECMDGOALS)),-m '')
test-all: test ## run the nightly tests, too: every point of interruption, images

.PHONY: lint
lint: .venv/.library ## check style, types, imports between the library's packages, workflows and docs/options.md
	@$(CLEANLY) ruff check $(CODE) $(LIBRARY)
	@$(CLEANLY) ruff format --check $(CODE) $(LIBRARY)
	@$(CLEANLY) mypy
	@$(CLEANLY) mypy --config-file $(LIBRARY)/pyproject.toml $(LIBRARY)/smallboat
	@$(CLEANLY) lint-imports --no-cache --config $(LIBRARY)/pyproject.toml
	@$(CLEANLY) zizmor --offline --quiet .github
	@$(CLEANLY) python tools/options.py --check

.PHONY: docs
docs: .venv/.ready ## write docs/options.md from cookiecutter.json
	@$(CLEANLY) python tools/options.py

.PHONY: site
site: .venv/.docs ## build the documentation site in .cache/site; a broken link fails: [SERVE=1 to look at it while you write]
	@$(CLEANLY) env NO_MKDOCS_2_WARNING=1 mkdocs $(if $(filter SERVE,$(TYPED)),serve,build)

.PHONY: screenshots
screenshots: demo ## take docs/images/*.png of the demo's page and report, with chromium: [USE_CASE=f1|intent|tabular] [PORT=8000]
	@$(CLEANLY) $(MADE)/.venv/bin/python tools/screenshots.py "$$USE_CASE" $(MADE) "http://127.0.0.1:$(SERVED)"
	@$(DEMO) stop

.PHONY: bench
bench: .venv/.ready ## measure the numbers in docs/measurements.md
	@$(CLEANLY) python benchmarks/run.py

.PHONY: update-deps
update-deps: .venv/.ready ## move the date of packages, if projects train with newer ones: [DATE=yyyy-mm-dd]
	@$(CLEANLY) python tools/update_deps.py $(if $(filter DATE,$(TYPED)),"$$DATE")

.PHONY: open
open: .venv/.ready ## lay a use case over the shared files in workbench/, to edit it like a project: [USE_CASE=f1|intent|tabular]
	@$(CLEANLY) python tools/workbench.py open "$$USE_CASE"

.PHONY: save
save: .venv/.ready ## copy the edits in workbench/ back into the template: [USE_CASE=f1|intent|tabular]
	@$(CLEANLY) python tools/workbench.py save "$$USE_CASE"
