# SESSIONS and FORMAT of `make data`: of the sample (parquet, csv), or of files (coveo, otto, rees46, retailrocket).
WRITTEN = $(filter csv parquet,$(FORMAT))
DATA_OPTIONS = $(if $(SESSIONS),--set "sessions=$(SESSIONS)") $(if $(FORMAT),--set "$(if $(WRITTEN),written,format)=$(FORMAT)")

.PHONY: pipeline
pipeline: $(VENV)/.ready ## data, dbt, training and release by Prefect: [ENV=local] [SOURCE=sample|files] [DIR=path] [CRON="17 4 * * 1" to stay]
	@mkdir -p .cache
	@PYTHONPATH=. $(VENV)/bin/python orchestration/pipeline.py --env $(ENV) $(if $(SOURCE),--source $(SOURCE)) $(if $(DIR),--dir "$(DIR)") $(if $(CRON),--cron "$(CRON)")
