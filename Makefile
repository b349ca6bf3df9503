# make demo   find action units in a rendered face; writes out/face_overlay.png
# make test   run the whole test suite
# make check  style and types
# make full   the notebooks of docs/notebooks and, where R is installed, docs/study.R, on rendered faces, in out/notebooks
# Both make their own environment in .venv; PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check full clean

$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) --editable '.[test,train,synthesis]'
	touch $@

demo: $(VENV)/.core
	@mkdir -p out
	$(VENV)/bin/duchenne detect src/duchenne/samples/face.jpg --overlay out/face_overlay.png --overwrite
	@echo "The overlay is in out/face_overlay.png"

test: $(VENV)/.test
	$(VENV)/bin/python -m pytest

check: $(VENV)/.test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

$(VENV)/.full: $(VENV)/.core
	$(PIP) --editable '.[study,train,synthesis,notebooks]'
	touch $@

full: $(VENV)/.full
	@mkdir -p out/notebooks
	cp docs/notebooks/*.ipynb docs/study.R out/notebooks/
	cd out/notebooks && $(abspath $(VENV))/bin/jupyter execute --inplace --timeout=-1 study.ipynb dyads.ipynb fine_tuning.ipynb
	cd out/notebooks && if command -v Rscript; then Rscript study.R; else echo "R is not installed: study.R was not run."; fi

clean:
	rm -rf $(VENV) out build dist
