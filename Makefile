# make book                    the book from the shipped records          -> _build/html/index.html
# make book PROFILE=quick      everything trained afresh, in minutes
# make pdf                     the book as one PDF too, through Chromium            -> _build/book.pdf
# make test                    ruff, unit tests, the pages under `smoke`, the built site in a browser
# make bench                   speed and memory against a plain baseline, as ratios; PARTS="floor sweep" selects
#                              `python -m benchmarks.faults` prints what kills, full disks, flipped bytes and nonsense cost
# make records                 trains what the declared sweeps lack, and packs what is done whenever it is stopped; WORKERS=1,
#                              STUDY="coordbias coordinet.rotation" selects
# make clean                   removes what was built, and the environment
#
# PYTHON=python3.12   the interpreter that .venv is made with (3.11 or newer)
# TORCH=cpu           PyTorch's small CPU wheels; cu126 and the like select a CUDA build. Without it: the registry's own
# JOBS=2              processes for the unit tests

PROFILE ?= paper
PYTHON ?= python3
TORCH ?=
JOBS ?= 2
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# One stamp a PyTorch build: another build means another environment.
STAMP := $(VENV)/.installed-$(or $(TORCH),default)
# An environment belongs to one folder: one that was copied along runs the other folder's code. It is made anew, and so is
# one whose making was broken off.
FOLDER := $(shell sed -n 's/^command = .* -m venv \(.*\)$$/\1/p' $(VENV)/pyvenv.cfg 2>/dev/null)
COPIED := $(if $(filter-out $(CURDIR)/$(VENV),$(FOLDER)),copied)
TORCH_INDEX := $(if $(TORCH),--index-url https://download.pytorch.org/whl/$(TORCH))

.PHONY: help book pdf test bench records clean copied
.DELETE_ON_ERROR:

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

book: $(STAMP)
	$(BIN)/python -m spatialbias book --profile $(PROFILE)

pdf: $(STAMP)
	$(BIN)/python -m spatialbias book --profile $(PROFILE) --pdf

# The browser tests come last: pytest's closing line is the last line.
test: $(STAMP)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n $(JOBS) --ignore tests/book --ignore tests/browser
	$(BIN)/python -m pytest tests/book tests/browser

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(PARTS)

records: $(STAMP)
	$(BIN)/python -m spatialbias sweep $(STUDY) --profile paper --workers $(WORKERS) --pack

clean:
	rm -rf _build build src/*.egg-info .pytest_cache .ruff_cache .hypothesis $(VENV)

# Made once, brought up to date when the requirements change, made anew for another PyTorch build. torch and torchvision are
# resolved together and from one index.
$(STAMP): requirements.txt pyproject.toml $(COPIED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try make PYTHON=python3.12" >&2; exit 1; }
	@for other in $(filter-out $(STAMP),$(wildcard $(VENV)/.installed-*)); do \
	  echo "making $(VENV) anew: it holds another PyTorch build ($$other)"; rm -rf $(VENV); done
	@if test -e $(VENV) && ! $(PIP) --version >/dev/null 2>&1; then echo "making $(VENV) anew: it is not whole"; rm -rf $(VENV); fi
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install $(TORCH_INDEX) $$(grep -E '^(torch|torchvision)==' requirements.txt)
	$(PIP) install -r requirements.txt
	$(PIP) install --no-deps -e .
	$(PIP) check
	touch $@

copied:
	@echo "making $(VENV) anew: it belongs to $(FOLDER)"; rm -rf $(VENV)
