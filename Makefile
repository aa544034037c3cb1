# Python 3.11 or newer, git and make are enough: each target makes .venv first and keeps it in step.

BIN := .venv/bin
STAMP := .venv/.installed
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
    "$$python" -c '$(RECENT)' 2>/dev/null && { echo "$$python"; break; }; done)

EXTRAS ?= test

export PATH := $(CURDIR)/$(BIN):$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1
unexport OMP_NUM_THREADS # params.yaml says how many threads

# What `make smoke` turns down in every pipeline, so that each stage is through in moments. It is a DVC experiment, so it
# runs on a copy of what git tracks: `git add` a new file first.
PIPELINES = $(shell $(BIN)/python -c "import yaml; print(*yaml.safe_load(open('params.yaml'))['pipelines'])")
SMALL := prepare.max_rows=1000 tokenize.vocab_size=500 embed.epochs=1 embed.dimensions=32 model.hidden=64 \
    train.sampled_softmax=100 train.updates=60 train.warmup=10 train.validate_every=30 train.validation_rows=20 \
    train.threads=1 evaluate.search.beam=2 evaluate.pictures=2 evaluate.threads=1 register.resamples=100

.PHONY: help repro test lint ui smoke install clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target what; do \
	    printf '  make %-7s %s\n' "$$target" "$$what"; done

# Training keeps the memory it has asked for once: a few per cent faster with glibc, no effect elsewhere.
repro smoke: export MALLOC_MMAP_MAX_ := 0
repro smoke: export MALLOC_TRIM_THRESHOLD_ := 17179869184
repro smoke: export MALLOC_TOP_PAD_ := 268435456

repro: $(STAMP) ## every pipeline of params.yaml, from raw text to a registered model (FLAGS=--pull: for dvc repro)
	$(BIN)/dvc repro $(FLAGS)
	@echo
	@echo 'You now have, for each of: $(PIPELINES)'
	@echo '  data/PIPELINE/model      the trained model: weights, tokenizers, parameters, hashes'
	@echo '  reports/PIPELINE         scores, learning curves and pictures'
	@echo '  mlflow.db                runs to compare and the registry of models'
	@echo 'Try:'
	@echo '  echo "I drink milk." | $(BIN)/unroll translate'
	@echo '  make ui'

test: lint ## linters, types, then the tests
	$(BIN)/pytest

lint: $(STAMP) ## ruff and mypy alone
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

ui: $(STAMP) ## compare runs and models in the browser
	$(BIN)/unroll ui

smoke: $(STAMP) ## every stage on a thousand rows, in a throw-away folder (KEEP=x keeps it as the DVC experiment x)
	@away=$$(mktemp -d) && trap 'rm -rf "$$away"' EXIT && \
	MLFLOW_TRACKING_URI="sqlite:///$$away/mlflow.db" $(BIN)/dvc exp run --temp --force --name $(or $(KEEP),smoke) \
	    $(foreach pipeline,$(PIPELINES),$(SMALL:%=--set-param $(pipeline).%))
	@$(if $(KEEP),,$(BIN)/dvc exp remove --quiet smoke)

install: $(STAMP) ## .venv alone, as every target does first (EXTRAS=test,s3 or test,ssh: DVC remotes)

clean: ## caches and .venv; data, models and runs stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find pipelines stages tests unroll -name __pycache__ -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@"$(PYTHON)" -c '$(RECENT)' 2>/dev/null || { \
	    echo 'unroll: needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3' >&2; exit 2; }
	"$(PYTHON)" -m venv .venv
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]' --constraint constraints.txt
	@touch $(STAMP)
