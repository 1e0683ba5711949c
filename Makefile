# `make demo` and `make test` set up everything they need.
SHELL := /bin/bash
PYTHON ?= python3.11
# Keyed by the dependency file, so that a change of it makes a new environment and the old one stays whole.
KEY := $(shell sha256sum pyproject.toml | cut -c1-12)
VENV ?= .venv
STAMP := $(VENV)/.installed-$(KEY)
BIN := $(VENV)/bin
# `?=`: the caller's own setting wins.
export MPLBACKEND ?= Agg

.PHONY: screenshots setup demo test lint docs bench bench-table clean-env

setup: $(STAMP)

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; give another with PYTHON=python3.10"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time; torch is large)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=23"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,docs,cluster,workspace]"
	@rm -f $(VENV)/.installed-*
	@touch $@

demo: setup
	$(BIN)/python -m hw4 -m task=all splat.init.source=model model=dust3r,vggt input=pair,interpolated

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Into site/; a broken link or reference is an error, and nothing is fetched.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

BENCHMARKS := dust3r alignment vggt rasterize training pipeline cuda

bench: setup
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name --quick || exit 1; done

# All cells, then the table in benchmarks/README.md.
bench-table: setup
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done
	$(BIN)/python -m benchmarks.table

# The pictures of docs/images/, of real runs: the demo, and the report's five settings at 96x72. Needs a Chromium.
SHOTS := outputs/screenshots
HW4 := $(BIN)/python -m hw4
SHOOT := $(BIN)/python scripts/screenshots.py
screenshots: setup
	$(HW4) -m task=all splat.init.source=model model=dust3r,vggt input=pair,interpolated hydra.sweep.dir=$(SHOTS)/demo
	$(HW4) -m '+experiment=glob(p2_setting_*)' data.width=96 data.height=72 hydra.sweep.dir=$(SHOTS)/settings
	$(SHOOT) $(SHOTS)/demo/report.html --widths 1280 --themes light --until 'h2:has-text("comparisons")'
	$(SHOOT) $(SHOTS)/demo/report.html --widths 1280 --themes light --name report_samples \
		--at 'h2:has-text("error by sample")' --until 'h2:has-text("Splatting")'
	$(SHOOT) $(SHOTS)/demo/report.html --widths 375 --themes dark --until 'h2:has-text("summaries")'
	$(SHOOT) $(SHOTS)/settings/report.html --widths 1280 --themes dark --name report_settings \
		--until 'h3:has-text("Training loss")'
	$(BIN)/python scripts/screenshot_viewer.py $(SHOTS)/demo --out docs/images/viewer_pose.png --choose 68
	$(BIN)/python scripts/screenshot_viewer.py $(SHOTS)/demo --out docs/images/viewer_splats.png --choose 40

clean-env:
	rm -rf $(VENV)
