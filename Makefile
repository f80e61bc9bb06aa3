# refnet: `make demo` shows what it does, `make test` proves it. Each makes its own .venv.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
JOBS   ?= auto
# One worker a core: a BLAS with threads of its own in each would have them wait for one another.
TEST   := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

.PHONY: help demo test test-all book live pdf runtime chapters class-edition release lint clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

demo: $(VENV)/.demo ## name what is in a photo, with V1 and with V2 (writes demo.png)
	@photo=$$($(BIN)/python -c 'from matplotlib import cbook; \
	  print(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))') && \
	$(BIN)/refnet classify "$$photo" --plot demo.png

test: $(VENV)/.test lint ## all that must hold: lint, types, floors, doctests, tests
	@$(TEST)

test-all: $(VENV)/.test-all lint ## the slow and the heavy as well: PyTorch, downloads
	@$(TEST) -m 'slow or not slow'

book: $(VENV)/.book ## the textbook as pages in build/book, to read in a browser
	@$(BIN)/python -m chapters.site

live: $(VENV)/.book ## the same, served to this machine: its cells run in the browser
	-@$(BIN)/python -m chapters.site.runtime --wheels
	@$(BIN)/python -m chapters.site --serve

pdf: $(VENV)/.book ## the same, and as one PDF in build/book; a Chromium prints it
	@$(BIN)/python -m chapters.site --pdf

runtime: $(VENV)/.book ## the Python of the book's live pages, so that they ask no other host
	@$(BIN)/python -m chapters.site.runtime

chapters: $(VENV)/.test ## run every chapter again and write its notebook
	@$(BIN)/python -m chapters.make

class-edition: $(VENV)/.demo ## the chapters without their solutions, in build/class
	@$(BIN)/python -m refnet.exercises.class_edition chapters build/class

release: $(VENV)/.release ## the site, the PDF, the wheel and the sdist in build/release; publishes nothing
	@$(BIN)/python -m chapters.release $(if $(TAG),--tag $(TAG))

lint: $(VENV)/.test ## style, types, floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean: ## remove what these commands made
	rm -rf $(VENV) build demo.png .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.made: # one line for each reason why a .venv cannot be made
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON): not found; make PYTHON=... names another" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), expected 3.11 or later; make PYTHON=... names another" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing refnet into $(VENV) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing refnet and its tests' tools into $(VENV) ..."
	@$(PIP) -e '.[test]'
	@touch $@ $(VENV)/.demo

$(VENV)/.book: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing what builds the book into $(VENV) ..."
	@$(PIP) -e '.[book]'
	@touch $@ $(VENV)/.demo

$(VENV)/.release: $(VENV)/.book pyproject.toml constraints.txt
	@$(PIP) -e '.[release]'
	@touch $@

$(VENV)/.test-all: $(VENV)/.test $(VENV)/.book pyproject.toml constraints.txt
	@echo "Installing the heavy engines into $(VENV) ..."
	@$(PIP) -e '.[test,book,browser,release,backends,counters,cluster]'
	@touch $@
