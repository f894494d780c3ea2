# Every target makes .venv first if it is not there; only python3 and make are needed.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
# Of the tests, many wait for other processes.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test chromium pgbouncer promtool screenshots torture payloads servers bench fuzz row soak release lint types imports docs

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(INSTALLED): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## start the example app, send it everything, show what became of it
	$(BIN)/python scripts/demo.py

test: $(INSTALLED)  ## the whole test suite, with full branch coverage enforced
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

chromium:  ## Debian's Chromium, for the tests of the inspector, if it is not there
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium)

pgbouncer:  ## Debian's PgBouncer, for the tests of the inbox, if it is not there
	@command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || \
		(apt-get update -qq && apt-get install -y -qq pgbouncer)

promtool: $(INSTALLED)  ## Debian's promtool (a download of 19 MB), for the tests of the alerts, if it is not there
	-@command -v promtool >/dev/null || test -x $(BIN)/promtool || (apt-get update -qq && \
		folder=$$(mktemp -d) && cd $$folder && apt-get download -qq prometheus && \
		dpkg -x prometheus_*.deb . && cp usr/bin/promtool $(CURDIR)/$(BIN)/ && \
		rm -r $$folder)

servers: $(INSTALLED)  ## the servers of docs/deploying.rst, for their tests, as far as they can be had
	$(BIN)/pip install -qq --disable-pip-version-check a2wsgi cheroot gevent granian hypercorn \
		packaging uvicorn waitress
	-$(BIN)/pip install -qq --disable-pip-version-check --only-binary :all: pyuwsgi
	-command -v apache2 >/dev/null || (apt-get update -qq && apt-get install -y -qq \
		--no-install-recommends apache2 libapache2-mod-wsgi-py3)

screenshots: $(INSTALLED)  ## the pictures of the inspector in docs/_static
	$(BIN)/python -m scripts.screenshots

torture: $(INSTALLED)  ## kill -9 a server 200 times under load, over each store
	$(BIN)/python -m scripts.torture $(ARGS)

payloads: $(INSTALLED)  ## make flask_ycloud/payloads.py from the schema
	$(BIN)/python -m scripts.make_payloads

bench: $(INSTALLED)  ## everything side by side, into docs/performance.rst; an hour
	$(BIN)/pip install -qq --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m benchmarks.verify
	$(BIN)/python -m benchmarks.request
	$(BIN)/python -m benchmarks.dispatch
	$(BIN)/python -m benchmarks.served
	$(BIN)/python -m benchmarks.inbox
	$(BIN)/python -m benchmarks.inbox --store postgresql
	$(BIN)/python -m benchmarks.draining
	$(BIN)/python -m benchmarks.steady
	$(BIN)/python -m benchmarks.blocked
	$(BIN)/python -m benchmarks.retries
	$(BIN)/python -m benchmarks.idle
	$(BIN)/python -m benchmarks.lone
	$(BIN)/python -m benchmarks.starting
	$(BIN)/python -m benchmarks.tenants
	$(BIN)/python -m benchmarks.sharing
	$(BIN)/python -m benchmarks.celery
	$(BIN)/python -m benchmarks.report

fuzz: $(INSTALLED)  ## a million hostile requests, pages and commands, the parsers with atheris, timing
	$(BIN)/pip install -qq --disable-pip-version-check atheris
	$(BIN)/python -m scripts.timing
	$(BIN)/python -m scripts.fuzz_parsers -max_total_time=120
	$(BIN)/python -m scripts.fuzz_pages
	$(BIN)/python -m scripts.fuzz $(ARGS)

# One row of the matrix, in a venv of its own: the tests that start no other programs.
QUICK = --ignore=tests/test_crash.py --ignore=tests/cli/test_documented_commands.py \
	--ignore=tests/test_faults.py \
	--ignore=tests/inspector/test_browser.py --ignore=tests/test_payloads.py \
	--ignore=tests/test_promises.py --ignore=tests/dispatch/test_recipes.py \
	--ignore=tests/test_tenants_example.py \
	--ignore=tests/web/test_rotation.py
row:  ## tests with other versions: ROW=oldest PIP='-c constraints/oldest.txt' PRE= PYTHON=
	$(PYTHON) -m venv .venv-$(ROW)
	.venv-$(ROW)/bin/pip install -qq --disable-pip-version-check $(PIP) -e '.[dev]'
	test -z '$(PRE)' || .venv-$(ROW)/bin/pip install -qq --pre --upgrade $(PRE)
	.venv-$(ROW)/bin/python -m pytest -n auto --dist worksteal -q $(QUICK) \
		-k 'not broker_that and not processes and not gunicorn and not worker and not type_checkers' tests

soak: $(INSTALLED)  ## memory and backlog of ten minutes at full rate
	$(BIN)/python -m benchmarks.soak $(ARGS)

lint: $(INSTALLED)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)  ## mypy, strict; and pyright on the package
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python flask_ycloud

imports: $(INSTALLED)  ## import-linter: each room knows only those below it
	$(BIN)/lint-imports

release: $(INSTALLED)  ## build sdist and wheel, check them, run the demo from the wheel
	$(BIN)/pip install -qq --disable-pip-version-check build twine check-wheel-contents
	rm -rf dist build .venv-release
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/pip install -qq --disable-pip-version-check dist/*.whl gunicorn rich
	cp -r example_app.py scripts .venv-release/
	cd .venv-release && bin/python scripts/demo.py
	@echo "dist/ is ready."

docs: $(INSTALLED)  ## the documentation, in docs/_build/html
	$(BIN)/sphinx-build --quiet -W -b html docs docs/_build/html
