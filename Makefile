# make demo   find action units in a rendered face; writes out/face_overlay.png
# make test   run the whole test suite
# make check  style and types
# make full   kill -9 and full disks at 40 places of a folder run, a video and a training (hours)
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

full: $(VENV)/.test
	$(VENV)/bin/python scripts/kill_and_fill.py

clean:
	rm -rf $(VENV) out build dist
