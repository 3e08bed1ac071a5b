# make run                     build and train U-Net in a notebook, and leave the page in build/
# make run NB=01_start_here    another notebook
# make run DATA=camvid         on photographs; NBHELPERS_DATA=folder says where they lie
# make run FULL=1              the long schedule, the default on a GPU; FULL=0 is quick
# make lab                     open the notebooks in JupyterLab
# make test                    the tests, and every notebook from top to bottom
# make notebooks [NB=...]      execute the committed notebooks in place, all or those named
# make lint                    check and format by ruff
# make badges [REPO=...]       write badges and setup cells anew, REPO=owner/name for a fork
# make platforms [ON=...]      every notebook as on Colab and Kaggle, and the tests on the lowest versions; an hour
# make kaggle                  the starter and all it needs on Kaggle with the internet off, in build/kaggle
# make site                    the lessons as a web site with networks that run in it, in build/site; needs Python 3.11 and Node
# make site-test               look at every page of it in a headless Chromium
# make classroom               for teachers: student edition, slides, quiz, assignments, in build/classroom; needs Node
# make clean                   remove what was built; `rm -rf .venv .venv-site docs/node_modules` removes the packages too
#
# Every target sets up .venv by itself when it has to. Works with GNU make 3.81 (macOS) and later.

FITS = import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
# The first that fits; trying them also passes over pyenv's and Windows' stand-ins, which only print an error.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.10 python3 python; do \
	$$p -c "$(FITS)" 2>/dev/null && echo $$p && break; done)
# Exact versions. CONSTRAINTS=requirements.txt takes the newest that exist instead.
CONSTRAINTS ?= constraints.txt

VENV ?= .venv

ifeq ($(OS),Windows_NT)
VENV_PYTHON = $(VENV)/Scripts/python.exe
else
VENV_PYTHON = $(VENV)/bin/python
endif
PIP = $(VENV_PYTHON) -m pip --disable-pip-version-check
READY = $(VENV)/.ready

.PHONY: help run lab test notebooks lint badges platforms kaggle site site-test classroom clean

help:
	@sed -n 's/^# \(make \)/\1/p' Makefile

$(READY): requirements.txt $(CONSTRAINTS)
	@$(or $(PYTHON),false) -c "$(FITS)" || { \
		echo "Python 3.10 to 3.13 is needed, and $(or $(PYTHON),python3) is not: install one," >&2; \
		echo "or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing the packages of requirements.txt into $(VENV), once ..."
	@$(PIP) install --requirement requirements.txt --constraint $(CONSTRAINTS)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: $(READY)
	@$(VENV_PYTHON) -m tools.notebooks --out build $(or $(NB),02_unet_from_scratch)

lab: $(READY)
	@$(VENV_PYTHON) -m jupyter lab notebooks

# a process a core, each with one thread, since a notebook keeps one core busy more than a half of the time
test: $(READY)
	@OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest --quiet --numprocesses=logical --maxprocesses=4 --dist=loadfile \
		--nbval-lax --nbval-current-env tests notebooks

notebooks: $(READY)
	@$(VENV_PYTHON) -m tools.notebooks --in-place $(NB)
	@$(VENV_PYTHON) -m tools.lesson_map

lint: $(READY)
	@$(VENV_PYTHON) -m ruff check --fix .
	@$(VENV_PYTHON) -m ruff format .

badges: $(READY)
	@$(VENV_PYTHON) -m tools.badges $(REPO)

# ON='colab kaggle oldest', or some of these
platforms: $(READY)
	@$(VENV_PYTHON) -m tools.platforms $(ON) $(if $(NB),--notebooks $(NB))

# OWNER=name is yours on Kaggle; WEIGHTS='a.safetensors ...' go along; WHEELS='name ...' says which packages are fetched
kaggle: $(READY)
	@$(VENV_PYTHON) -m tools.kaggle_bundle --owner $(or $(OWNER),your-name) --weights $(WEIGHTS) \
		$(if $(filter-out undefined,$(origin WHEELS)),--wheels $(WHEELS))

# Sphinx has an environment of its own, which sees the packages of $(VENV) behind it.
SITE = .venv-site
PACKAGES = import sysconfig; print(sysconfig.get_path('purelib'))
SITE_PYTHON = $(subst $(VENV)/,$(SITE)/,$(VENV_PYTHON))

$(SITE)/.ready: docs/requirements.txt $(READY)
	@$(VENV_PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
		echo "Sphinx 9 needs Python 3.11 or later: make site VENV=.venv311 PYTHON=python3.11" >&2; exit 1; }
	@$(VENV_PYTHON) -m venv --clear $(SITE)
	@$(VENV_PYTHON) -c "$(PACKAGES)" > "$$($(SITE_PYTHON) -c "$(PACKAGES)")/behind.pth"
	@$(SITE_PYTHON) -m pip --disable-pip-version-check install --quiet --requirement docs/requirements.txt
	@touch $@

docs/node_modules/.ready: docs/package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed: install Node 20 or later, https://nodejs.org" >&2; exit 1; }
	@cd docs && npm ci --loglevel=error
	@touch $@

site: $(SITE)/.ready docs/node_modules/.ready
	@$(SITE_PYTHON) -m tools.site

site-test: site
	@JUPYTER_PATH=$(VENV)/share/jupyter $(SITE_PYTHON) -m pytest --quiet -o faulthandler_timeout=0 docs/tests

classroom: $(READY) docs/node_modules/.ready
	@$(VENV_PYTHON) -m tools.classroom

clean:
	rm -rf build .pytest_cache .ruff_cache .hypothesis
	find . -name .venv -prune -o -name .venv-site -prune -o -name node_modules -prune -o -name __pycache__ -exec rm -rf {} +
