# make demo   find action units in a rendered face; writes out/face_overlay.png
# make test   run the whole test suite, in as many processes as WORKERS says
# make check  style and types, and the Dockerfile
# make docs   build the documentation into out/site; a dead link is an error
# make lowest the core's tests with the lowest versions that pyproject.toml declares
# make wheel  build wheel and sdist, install both away from this folder, and see what the core costs
# make fuzz   read 20,000 damaged files of every kind; CASES and FIRST choose fewer, failures go to out/fuzz
# make mutants  see whether tests notice the changes of tests/mutants/named.toml and 300 drawn ones; FIRST and COUNT
#             choose fewer of these; what was tried before is kept in out/mutants.jsonl and not tried again (hours)
# make kill   kill -9 and full disks at 40 places of a folder run, a video and a training (hours)
# make nodes  two machines in network namespaces, one of which is killed: a Ray run, and a training (root, minutes)
# make notebooks  those of docs/notebooks and, where R is installed, docs/study.R, on rendered faces, in out/notebooks
# make browsers  the review page in Chromium, with axe-core of npm in a temporary folder; screenshots in out/review
# make full   all of these
# They make their own environment in .venv; PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
CASES ?= 20000
FIRST ?= 0
COUNT ?= 300
WORKERS ?= 2
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check docs lowest wheel fuzz mutants kill nodes notebooks browsers full clean

$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) --editable '.[test,train,baselines,synthesis]'
	touch $@

demo: $(VENV)/.core
	@mkdir -p out
	$(VENV)/bin/duchenne detect src/duchenne/samples/face.jpg --overlay out/face_overlay.png --overwrite
	@echo "The overlay is in out/face_overlay.png"

test: $(VENV)/.test
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(VENV)/.test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/hadolint Dockerfile

$(VENV)/.docs: $(VENV)/.core
	$(PIP) --editable '.[docs]'
	touch $@

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict --quiet
	$(VENV)/bin/python scripts/check_site.py out/site
	@echo "The documentation is in out/site/index.html"

# What detection rests on; these need no training library.
CORE_TESTS := tests/test_geometry.py tests/test_media.py tests/test_tracking.py tests/test_detection.py \
	tests/test_results.py tests/test_commands_help.py

lowest: $(VENV)/.core
	rm -rf $(VENV)-lowest
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)/bin/python scripts/lowest_versions.py parquet pandas synthesis > $(VENV)-lowest/lowest.txt
	$(VENV)-lowest/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(VENV)-lowest/lowest.txt \
		'.[parquet,pandas,synthesis]' pytest hypothesis beartype scikit-image
	$(VENV)-lowest/bin/python -m pytest $(CORE_TESTS)

wheel: $(VENV)/.core
	rm -rf dist $(VENV)-sdist
	$(PIP) build
	$(VENV)/bin/python -m build --outdir dist .
	$(VENV)/bin/python scripts/check_wheel.py dist/*.whl
	$(PYTHON) -m venv $(VENV)-sdist
	$(VENV)-sdist/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		"$$(ls dist/*.tar.gz)[test,synthesis]"
	tar -xzf dist/*.tar.gz -C $(VENV)-sdist
	cd $(VENV)-sdist/duchenne-* && rm -rf src && ../bin/python -m pytest $(CORE_TESTS)

fuzz: $(VENV)/.test
	PYTHONPATH=tests $(VENV)/bin/python -m fuzz --cases $(CASES) --first $(FIRST) --seed 1

$(VENV)/.mutants: $(VENV)/.test
	$(PIP) --editable '.[mutants]'
	touch $@

mutants: $(VENV)/.mutants
	$(VENV)/bin/python scripts/mutants.py --named
	$(VENV)/bin/python scripts/mutants.py --first $(FIRST) --count $(COUNT)

kill: $(VENV)/.test
	$(VENV)/bin/python scripts/kill_and_fill.py

nodes: $(VENV)/.test
	$(PIP) --editable '.[cluster]'
	$(VENV)/bin/python scripts/two_nodes.py
	$(VENV)/bin/python scripts/two_trainers.py

$(VENV)/.notebooks: $(VENV)/.core
	$(PIP) --editable '.[study,train,synthesis,notebooks]'
	touch $@

notebooks: $(VENV)/.notebooks
	@mkdir -p out/notebooks
	cp docs/notebooks/*.ipynb docs/study.R out/notebooks/
	cd out/notebooks && $(abspath $(VENV))/bin/jupyter execute --inplace --timeout=-1 study.ipynb dyads.ipynb fine_tuning.ipynb
	cd out/notebooks && if command -v Rscript; then Rscript study.R; else echo "R is not installed: study.R was not run."; fi

browsers: $(VENV)/.test
	$(PIP) playwright
	@mkdir -p out
	axe=$$(mktemp -d) && npm install --silent --no-save --prefix "$$axe" axe-core && \
		AXE="$$axe/node_modules/axe-core/axe.min.js" $(VENV)/bin/python -m pytest -m browser tests/test_review_browser.py; \
		code=$$?; rm -rf "$$axe"; exit $$code

full: demo check docs test wheel lowest fuzz mutants kill notebooks browsers

clean:
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-sdist out build dist
