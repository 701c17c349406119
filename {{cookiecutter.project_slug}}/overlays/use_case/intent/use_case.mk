# SESSIONS and FORMAT of `make data`: of the sample (parquet, csv), or of files (coveo, otto, rees46, retailrocket).
WRITTEN = $(filter csv parquet,$(FORMAT))
setting = $(if $(filter $2,$(TYPED)),--set "$1=$$$2")
DATA_OPTIONS = $(call setting,sessions,SESSIONS) $(call setting,$(if $(WRITTEN),written,format),FORMAT)

.PHONY: pipeline
pipeline: .venv/.ready ## data, dbt, training and release, run by Prefect: [ENV=local] [SOURCE=sample|files] [DIR=path] [CRON="17 4 * * 1" to stay]
	@mkdir -p .cache
	@$(CLEANLY) .venv/bin/python orchestration/pipeline.py --env="$$ENV" $(call option,source,SOURCE) $(call option,dir,DIR) $(call option,cron,CRON)
