# Every target sets up what it needs; `make help` lists them.
SHELL := /bin/bash
# The newest Python here that hw4 supports; a name alone may be a shim that leads nowhere.
PYTHONS := python3.14 python3.13 python3.12 python3.11 python3.10 python3
FOUND_PYTHON = $(shell for p in $(PYTHONS); do \
	$$p -c 'import sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 15))' 2>/dev/null \
	&& { echo $$p; break; }; done)
# Looked for once, and only where an environment is made.
PYTHON ?= $(eval PYTHON := $(FOUND_PYTHON))$(PYTHON)
UV := $(shell command -v uv)
# Keyed by the dependency file, so that a change of it makes a new environment and the old one stays whole.
KEY := $(shell sha256sum pyproject.toml | cut -c1-12)
VENV ?= .venv
EXTRAS ?= all,dev,docs,gpu,cluster,workspace
STAMP := $(VENV)/.installed-$(KEY)
BIN := $(VENV)/bin
# `?=`: the caller's own setting wins.
export MPLBACKEND ?= Agg

.PHONY: help setup demo test test-fast lint docs bench bench-table gpu-check torture screenshots web clean-env

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## the environment, in .venv, and upstream's sources
	@$(BIN)/python -m hw4.models.fetch

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || command -v "$(PYTHON)" >/dev/null \
		|| { echo "no Python from 3.10 to 3.14 is here; install one, or give its path with PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time; torch is large)"
ifeq ($(UV),)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=23"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[$(EXTRAS)]"
else
	$(UV) pip install --quiet --python $(BIN)/python -e ".[$(EXTRAS)]"
endif
	@rm -f $(VENV)/.installed-*
	@echo "compiling the rasterizer's kernels (once)"
	-@$(BIN)/python -m hw4.splat.compile_kernels
	@touch $@

demo: setup  ## both models on the generated sample, and the report that compares them
	$(BIN)/python -m hw4 -m task=all splat.init.source=model model=dust3r,vggt input=pair,interpolated

# Hundreds of tests start hw4 in a process of its own: compiled once, whatever the caller has.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test: setup  ## every test, some minutes
	$(PYTEST)

test-fast: setup  ## the tests that are not marked slow, under a minute on 2 cores
	$(PYTEST) -m "not slow"

lint: setup  ## ruff, mypy, and the order of the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: setup  ## the pages, into site/; a broken link or reference is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

BENCHMARKS := dust3r alignment views vggt precision rasterize training sample samples sfm pipeline earlier endtoend

bench: setup  ## the benchmarks at their smallest size
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name --quick || exit 1; done

bench-table: setup  ## the benchmarks at every size, and the table in benchmarks/README.md
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done
	$(BIN)/python -m benchmarks.table

gpu-check:  ## where there is a GPU and a torch for it: gsplat built, tests, CPU against CUDA, times, in ten minutes
	@VENV=$(VENV) scripts/gpu_check.sh

torture: setup  ## kills, bad inputs, hostile files, a full disk: the table of docs/reliability.md; under ten minutes
	$(BIN)/python scripts/torture.py --write docs/reliability.md

SHOTS := outputs/screenshots
HW4 := $(BIN)/python -m hw4
SHOOT := $(BIN)/python scripts/screenshots.py
screenshots: setup  ## the pictures of docs/, of real runs; needs a Chromium
	$(HW4) -m task=all splat.init.source=model model=dust3r,vggt input=pair,interpolated hydra.sweep.dir=$(SHOTS)/demo
	$(HW4) -m '+experiment=glob(p2_setting_*)' splat/recipe=3dgs,instantsplat splat.iterations=300 \
		splat.init.max_points=4000 data.width=96 data.height=72 splat.densify.start=50 splat.densify.stop=250 splat.densify.every=50 hydra.sweep.dir=$(SHOTS)/recipes
	$(HW4) -m task=splat splat.iterations=150 splat.lr=1.6e-4,3.2e-4 splat.camera_lr=1e-4,1e-3 splat.seed=0,1,2 \
		splat.init.max_points=2000 data.width=64 data.height=48 hydra.sweep.dir=$(SHOTS)/seeds
	$(HW4) -m task=pose model=sfm data.width=160 data.height=120 data.pairs=16 model.max_error=0.5,1,2,4,8 \
		model.max_features=100,150,200,300,400,600,800,1200,1600,2400 hydra.sweep.dir=$(SHOTS)/fifty
	$(SHOOT) $(SHOTS)/demo/report.html --widths 1280 --themes light --screen 940
	$(SHOOT) $(SHOTS)/demo/report.html --widths 1280 --themes light --name report_samples \
		--at 'h2:has-text("Pose: samples")' --until 'h2:has-text("worst and best")'
	$(SHOOT) $(SHOTS)/demo/report.html --widths 1280 --themes light --name report_cards \
		--open 'details.cards >> nth=0' --at 'h2:has-text("worst and best")' --until 'details.cards >> nth=1'
	$(SHOOT) $(SHOTS)/demo/report.html --widths 375 --themes dark --screen 1100
	for name in recipes seeds fifty; do \
		$(SHOOT) $(SHOTS)/$$name/report.html --widths 1280 --themes light --name report_$$name --screen 940 || exit 1; done
	$(SHOOT) $(SHOTS)/recipes/report.html --widths 1280 --themes dark --name report_settings --screen 940
	$(BIN)/python scripts/screenshot_viewer.py $(SHOTS)/demo --out docs/images/viewer_pose.png --choose 68
	$(BIN)/python scripts/screenshot_viewer.py $(SHOTS)/demo --out docs/images/viewer_splats.png --choose 40
	$(BIN)/python scripts/screenshot_viewer.py $(SHOTS)/demo --out docs/images/viewer_beside.png --choose 28 --beside 3

WEB := hw4/output/web
web:  ## the libraries that report.html has inlined, into hw4/output/web/; needs npm
	cd scripts/web && npm install --ignore-scripts --no-audit --no-fund
	for name in page scene; do scripts/web/node_modules/.bin/esbuild scripts/web/$$name.mjs --bundle --minify \
		--legal-comments=none --format=iife --outfile=$(WEB)/$$name.min.js || exit 1; done

clean-env:  ## removes .venv
	rm -rf $(VENV)
