# Python 3.11 or newer, git and make are enough: each target makes .venv first and keeps it in step.

BIN := .venv/bin
STAMP := .venv/.installed
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
    "$$python" -c '$(RECENT)' 2>/dev/null && { echo "$$python"; break; }; done)

EXTRAS ?= test
WORKERS ?= --numprocesses auto --dist worksteal

export PATH := $(CURDIR)/$(BIN):$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1
unexport OMP_NUM_THREADS # params.yaml says how many threads

# What `make smoke` turns down in a pipeline of each shape, so that each stage is through in moments. It is a DVC
# experiment, so it runs on a copy of what git tracks: `git add` a new file first.
PIPELINES = $(shell $(BIN)/python -c "import yaml; print(*yaml.safe_load(open('params.yaml'))['pipelines'])")
SMOKED := letter name frames classify translate
SMALL := prepare.max_rows=1000 embed.epochs=1 train.updates=60 train.warmup=10 train.validate_every=30 \
    train.validation_rows=20 train.threads=1 evaluate.pictures=2 evaluate.threads=1 register.resamples=100

.PHONY: help repro grid register test faults bench lint ui smoke install clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target what; do \
	    printf '  make %-8s %s\n' "$$target" "$$what"; done

# Training keeps the memory it has asked for once: a few per cent faster with glibc, no effect elsewhere.
repro grid smoke: export MALLOC_MMAP_MAX_ := 0
repro grid smoke: export MALLOC_TRIM_THRESHOLD_ := 17179869184
repro grid smoke: export MALLOC_TOP_PAD_ := 268435456

repro: $(STAMP) ## the translator, from raw text to a registered model (FLAGS=--pull: for dvc repro)
	$(BIN)/dvc repro $(FLAGS) register@translate
	@echo
	@echo 'You now have:'
	@echo '  data/translate/model     the trained model: weights, tokenizers, parameters, hashes'
	@echo '  reports/translate        scores, learning curves and pictures'
	@echo '  mlflow.db                the run to look at and the registry of models'
	@echo 'Try:'
	@echo '  $(BIN)/unroll translate "I drink milk."'
	@echo '  make ui'
	@echo '  make grid'

grid: $(STAMP) ## every pipeline of params.yaml: all five shapes
	$(BIN)/dvc repro $(FLAGS)
	@echo
	@echo 'You now have a model, reports and a registered version for each of: $(PIPELINES)'
	@echo 'Try:'
	@echo '  $(BIN)/unroll classify "Who wrote Hamlet ?" --n-best 3 --scores'
	@echo '  $(BIN)/unroll generate --model models:/name@champion Italian --n-best 5'
	@echo '  make ui'

register: $(STAMP) ## runs and versions of all pipelines made anew from their files, as after dvc pull
	@for pipeline in $(PIPELINES); do $(BIN)/python -m stages.register $$pipeline || exit $$?; done

test: lint ## linters, types, then the tests
	$(BIN)/pytest $(WORKERS)

faults: $(STAMP) ## what goes wrong on real machines, done on purpose (KILLS=200: so many more at random moments)
	$(BIN)/pytest $(WORKERS) tests/faults tests/unroll/test_serving.py --durations 5

lint: $(STAMP) ## ruff and mypy alone
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(STAMP) ## speed and quality beside OpenNMT-py, Joey NMT and a tutorial's loop, each in an environment of its own
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.decoding
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python benchmarks/libraries.py
	$(BIN)/python benchmarks/shortcuts.py

ui: $(STAMP) ## compare runs and models in the browser
	$(BIN)/unroll ui

smoke: $(STAMP) ## every stage of a pipeline of each shape on a thousand rows, in a throw-away folder (KEEP=x keeps it as the DVC experiment x)
	@away=$$(mktemp -d) && trap 'rm -rf "$$away"' EXIT && \
	MLFLOW_TRACKING_URI="sqlite:///$$away/mlflow.db" $(BIN)/dvc exp run --temp --force --name $(or $(KEEP),smoke) \
	    $(foreach pipeline,$(SMOKED),$(SMALL:%=--set-param $(pipeline).%)) $(SMOKED:%=register@%)
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
