# Python 3.11 or newer, git and make are enough: each target makes .venv first and keeps it in step.

BIN := .venv/bin
STAMP = .venv/.installed-$(EXTRAS)
PIP := $(BIN)/pip install --disable-pip-version-check
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
    "$$python" -c '$(RECENT)' 2>/dev/null && { echo "$$python"; break; }; done)

EXTRAS ?= test,docs
TORCH = torch==$(shell sed -n 's/^torch==\([0-9.]*\).*/\1/p' constraints.txt)+cpu
WORKERS ?= --numprocesses auto --dist worksteal
COVER ?= --cov --cov-report=term-missing:skip-covered

export PATH := $(CURDIR)/$(BIN):$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1
unexport OMP_NUM_THREADS # params.yaml says how many threads

# What `make smoke` turns down in a pipeline of each shape, so that each stage is through in moments. It is a DVC
# experiment, so it runs on a copy of what git tracks: `git add` a new file first.
PIPELINES = $(shell $(BIN)/python -c "import yaml; print(*yaml.safe_load(open('params.yaml'))['pipelines'])")
PIPELINE ?= translate
APART := activity films forecast pronounce scene spoken stories summarise tags tunes
GRID = $(filter-out $(APART),$(PIPELINES))
SMOKED := letter name frames classify translate sentiment speaker stories
SMALL := prepare.max_rows=1000 embed.epochs=1 train.updates=60 train.warmup=10 train.validate_every=30 \
    train.validation_rows=20 evaluate.pictures=2 register.resamples=100

.PHONY: help repro grid register test coverage faults bench lint docs ui smoke install lock wheel clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target what; do \
	    printf '  make %-8s %s\n' "$$target" "$$what"; done

# Training keeps the memory it has asked for once: a few per cent faster with glibc, no effect elsewhere.
repro grid smoke: export MALLOC_MMAP_MAX_ := 0
repro grid smoke: export MALLOC_TRIM_THRESHOLD_ := 17179869184
repro grid smoke: export MALLOC_TOP_PAD_ := 268435456

repro: $(STAMP) ## the translator, from raw text to a registered model (PIPELINE=tags: another one; FLAGS=--pull: for dvc repro)
	@$(BIN)/unroll check $(PIPELINE) # before DVC removes what a wrong parameter would not make again
	$(BIN)/dvc repro $(FLAGS) register@$(PIPELINE)
	@echo
	@echo 'You now have:'
	@printf '  %-24s %s\n' \
	    data/$(PIPELINE)/model 'the trained model: weights, tokenizers, parameters, hashes' \
	    reports/$(PIPELINE) 'scores, learning curves and pictures' \
	    mlflow.db 'the run to look at and the registry of models'
	@echo 'Try:'
	@$(if $(filter translate,$(PIPELINE)),echo '  $(BIN)/unroll translate "I drink milk."')
	@echo '  make ui'
	@echo '  make grid'

grid: $(STAMP) ## every shape of the lecture: the pipelines of params.yaml but for those that make repro PIPELINE=... alone runs
	@$(BIN)/unroll check
	$(BIN)/dvc repro $(FLAGS) $(GRID:%=register@%)
	@echo
	@echo 'You now have a model, reports and a registered version for each of: $(GRID)'
	@echo 'Try:'
	@echo '  $(BIN)/unroll classify "who wrote hamlet" --n-best 3 --scores'
	@echo '  $(BIN)/unroll generate --model models:/name@champion Italian --n-best 5'
	@echo '  make ui'
	@for pipeline in $(APART); do echo "  make repro PIPELINE=$$pipeline"; done

register: $(STAMP) ## runs and versions of all pipelines made again from their files, as after dvc pull
	@for pipeline in $(PIPELINES); do \
	    test ! -e data/$$pipeline/evaluation || $(BIN)/python -m stages.register $$pipeline || exit $$?; done

test: lint ## linters, types, then the tests
	$(BIN)/pytest $(WORKERS)

# Not in `make test`, which it would slow by a third.
coverage: $(STAMP) ## the tests alone, with what they do not reach
	$(BIN)/pytest $(WORKERS) $(COVER)

faults: $(STAMP) ## what goes wrong on real machines, done on purpose (KILLS=200: so many more at random moments; FAULTS=all: every operation of every stage fails in turn)
	FAULTS=$(or $(FAULTS),some) $(BIN)/pytest $(WORKERS) tests/faults tests/unroll/serve --durations 5

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
	$(BIN)/python -m benchmarks.company

docs: $(STAMP) ## the site, in build/docs (UNROLL_MODEL=FOLDER: with the notebook's answers)
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --fresh-env -d build/doctrees docs build/docs

ui: $(STAMP) ## compare runs and models in the browser
	$(BIN)/unroll ui

smoke: $(STAMP) ## every stage of a pipeline of each shape on a thousand rows, in a throw-away folder (KEEP=x keeps it as the DVC experiment x)
	@away=$$(mktemp -d) && trap 'rm -rf "$$away"' EXIT && \
	MLFLOW_TRACKING_URI="sqlite:///$$away/mlflow.db" $(BIN)/dvc exp run --temp --force --name $(or $(KEEP),smoke) \
	    --set-param machine.threads=1 \
	    $(foreach pipeline,$(SMOKED),$(SMALL:%=--set-param pipelines/$(pipeline).yaml:%)) $(SMOKED:%=register@%)
	@$(if $(KEEP),,$(BIN)/dvc exp remove --quiet smoke)

install: $(STAMP) ## .venv alone, as every target does first (EXTRAS=serve or test,s3: other extras of pyproject.toml)

# Hashes in constraints.txt stay while their version does. Those of torch's CPU builds, which come from an index of their
# own, are added by hand when torch moves: pip hash FILE.
lock: ## constraints.txt made again from pyproject.toml, versions kept where they can be (FLAGS=--upgrade: all moved)
	@away=$$(mktemp -d) && trap 'rm -rf "$$away"' EXIT && "$(PYTHON)" -m venv "$$away" && \
	"$$away/bin/pip" install --quiet --disable-pip-version-check uv && \
	"$$away/bin/uv" pip compile pyproject.toml --quiet --all-extras --group install --universal --python-version 3.11 \
	    --fork-strategy fewest --generate-hashes --no-annotate --custom-compile-command 'make lock' $(FLAGS) \
	    --output-file constraints.txt

wheel: $(STAMP) ## the package as a wheel, in dist
	rm -rf build/lib # setuptools would pack what was removed since
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean: ## caches, what was built and .venv; data, models and runs stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* *.egg-info build dist docs/api
	find stages tests unroll -name __pycache__ -prune -exec rm -rf {} +

# pip itself comes first: the ones that Python brings take no hashes from constraints. Then unroll, so that its extras
# can be named, and last what they ask for. Of what pip tells, the large downloads are shown.
.venv/.installed-%: pyproject.toml constraints.txt
	@"$(PYTHON)" -c '$(RECENT)' 2>/dev/null || { \
	    echo 'unroll: needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3' >&2; exit 2; }
	@rm -f $@
	@echo "unroll: .venv for [$*]: up to 0.5 GB to download, a minute or two; the large files as they come:"
	"$(PYTHON)" -m venv .venv
	@sed -nE '/^(pip|setuptools)==/,/[^\\]$$/p' constraints.txt > .venv/install.txt
	@$(PIP) --quiet --require-hashes --requirement .venv/install.txt
	@PYTHONWARNINGS=ignore $(PIP) --quiet --no-deps --no-build-isolation --editable . # setuptools warns of every one
	@torch=$(TORCH); \
	if [ "$$(uname)" != Linux ]; then torch=; \
	elif ! $(PIP) --quiet --dry-run --no-deps --constraint constraints.txt "$$torch" >/dev/null 2>&1; then torch=; \
	    echo "unroll: no index that pip knows has $(TORCH), 0.2 GB (0.8 on disk): torch comes with CUDA, 2.7 GB (4.8); to" \
	        "spare them, set PIP_EXTRA_INDEX_URL to the index that PyTorch's 'Get started' page names for CPU" >&2; fi; \
	{ $(PIP) --require-hashes --no-build-isolation --constraint constraints.txt 'unroll[$*]' $$torch && touch $@; } | \
	    grep --line-buffered -oE '(Downloading|Using cached) .* [MG]B\)|^Installing collected packages'; test -e $@
