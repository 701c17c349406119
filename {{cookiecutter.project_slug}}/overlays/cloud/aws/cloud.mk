# The targets that need AWS, or stand for it on this machine.

.PHONY: bootstrap
bootstrap: .venv/.ready ## create an environment's base stacks on AWS, and print their cost: ENV=staging|prod
	@$(DO) bootstrap --env="$$ENV"

.PHONY: destroy
destroy: .venv/.ready ## remove everything an environment has on AWS: ENV=staging|prod [CONFIRM=name] [FORCE=1]
	@$(DO) destroy --env="$$ENV" $(call option,confirm,CONFIRM) $(call option,force,FORCE)

.PHONY: image
image: .venv/.ready ## build the images that run on AWS, and push them: ENV=staging|prod [BRANCH=name for a preview]
	@$(DO) image --env="$$ENV" $(call option,branch,BRANCH)

LOCK = serving/model/requirements.lock
MINOR = $(shell sed -n 's/^ARG BASE=python:\([0-9]*\.[0-9]*\).*/\1/p' serving/model/Dockerfile)
.PHONY: lock
lock: .venv/.ready ## pin what the model server's image installs, after a change of its requirements.txt
	@PATH="$$PATH:.venv/bin" $(CLEANLY) uv pip compile --quiet --no-annotate --generate-hashes --only-binary :all: \
		--no-emit-index-url --no-emit-find-links --upgrade --python-version $(MINOR) \
		--python-platform x86_64-manylinux_2_28 --custom-compile-command "make lock" \
		--output-file $(LOCK) serving/model/requirements.txt

.PHONY: flow-deploy
flow-deploy: .venv/.ready ## deploy the training flow to Step Functions: ENV=staging|prod [BRANCH=name for a preview]
	@$(DO) flow-deploy --env="$$ENV" $(call option,branch,BRANCH)

.PHONY: flow-remove
flow-remove: .venv/.ready ## remove it from Step Functions, or the preview [BRANCH=name]
	@$(DO) flow-remove --env="$$ENV" $(call option,branch,BRANCH)

.PHONY: plan
plan: .venv/.ready ## print the roles and the region for GitHub's workflows: [ENV=staging|prod]
	@$(DO) plan --env="$$ENV"

.PHONY: schedule
schedule: .venv/.ready ## write the configured crons into the workflows
	@$(DO) schedule --env="$$ENV"

.PHONY: prices
prices: .venv/.ready ## refresh infra/prices.toml from AWS's price list, which needs no account
	@$(DO) prices --env="$$ENV"

.PHONY: cloud-local
cloud-local: .venv/.ready ## emulate AWS on this machine until Ctrl-C: [PORT=5000]
	@$(CLEANLY) .venv/bin/python -m smallboat.emulator --problem {{ cookiecutter.project_slug }} --instructions $(call option,port,PORT) --folder .cache/cloud

lint: lint-cloud
.PHONY: lint-cloud
lint-cloud: .venv/.ready
	@$(CLEANLY) .venv/bin/hadolint serving/model/Dockerfile infra/train/Dockerfile
	@$(DO) schedule --env="$$ENV" --check
