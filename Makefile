# Every target makes .venv first if it is not there; only python3 and make are needed.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
# Of the tests, many wait for other processes.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test lint types imports english docs row torture fuzz soak bench \
	payloads inbox screenshots chromium pgbouncer promtool servers release

help:  ## this list
	@awk -F ':.*## ' '/^##@/ {print "\n" substr($$0, 5)} \
		/^[a-z]+:.*## / {printf "  %-12s%s\n", $$1, $$2}' Makefile

PIP_INSTALL = python -m pip install -qq --disable-pip-version-check
# What users may install, and what developing needs besides.
DEVELOPING = -e '.[api,celery,encryption,metrics,otel,postgresql]' --group dev

# Older pips do not know --group.
$(INSTALLED): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP_INSTALL) 'pip>=25.1'
	$(BIN)/$(PIP_INSTALL) $(DEVELOPING)
	@touch $@

##@ Every day

demo: $(INSTALLED)  ## start the example app, send it every event type, show the results
	$(BIN)/python scripts/demo.py

test: $(INSTALLED)  ## all tests, which must cover every branch; or ARGS=tests/web
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report $(if $(ARGS),--fail-under=0)

lint: $(INSTALLED)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)  ## mypy, strict; and pyright on the package
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python flask_ycloud

imports: $(INSTALLED)  ## import-linter: each module imports only from those below it
	$(BIN)/lint-imports

english: $(INSTALLED)  ## plain English: words and phrases that were hard to read before
	$(BIN)/python -m scripts.plain_english

docs: $(INSTALLED)  ## the documentation, in docs/_build/html
	$(BIN)/sphinx-build --quiet -W -b html docs docs/_build/html

##@ Tests that take longer

# One row of the matrix, in a venv of its own: the tests that start no other programs.
QUICK = --ignore=tests/test_crash.py --ignore=tests/cli/test_documented_commands.py \
	--ignore=tests/test_faults.py \
	--ignore=tests/inspector/test_browser.py --ignore=tests/test_payloads.py \
	--ignore=tests/test_promises.py --ignore=tests/dispatch/test_recipes.py \
	--ignore=tests/test_packaging.py --ignore=tests/test_tutorial.py \
	--ignore=tests/test_tenants_example.py --ignore=tests/examples \
	--ignore=tests/test_servers.py --ignore=tests/test_gevent.py \
	--ignore=tests/web/test_rotation.py
# The folders and files of tests to run, all by default.
TESTS ?= tests
row:  ## tests on other versions: ROW=py312 PYTHON=python3.12 TESTS=tests/web
	$(PYTHON) -m venv .venv-$(ROW)
	.venv-$(ROW)/bin/$(PIP_INSTALL) 'pip>=25.1'
	.venv-$(ROW)/bin/$(PIP_INSTALL) $(PIP) $(DEVELOPING)
	test -z '$(PRE)' || .venv-$(ROW)/bin/$(PIP_INSTALL) --pre --upgrade $(PRE)
	.venv-$(ROW)/bin/python -m pytest -n auto --dist worksteal -q $(QUICK) \
		-k 'not broker_that and not processes and not gunicorn and not worker and not type_checkers' $(TESTS)

torture: $(INSTALLED)  ## kill -9 a server 200 times under load, on each store
	$(BIN)/python -m scripts.torture $(ARGS)

fuzz: $(INSTALLED)  ## a million hostile requests, pages, commands and parsers; timing
	$(BIN)/pip install -qq --disable-pip-version-check atheris
	$(BIN)/python -m scripts.timing
	$(BIN)/python -m scripts.fuzz_parsers -max_total_time=120
	$(BIN)/python -m scripts.fuzz_pages
	$(BIN)/python -m scripts.fuzz $(ARGS)

soak: $(INSTALLED)  ## memory and backlog over ten minutes at full rate
	$(BIN)/python -m benchmarks.soak $(ARGS)

bench: $(INSTALLED)  ## all benchmarks side by side, into docs/performance.rst; an hour
	$(BIN)/$(PIP_INSTALL) --group bench
	rm -rf benchmarks/results
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
	$(BIN)/python -m benchmarks.encryption
	$(BIN)/python -m benchmarks.celery
	$(BIN)/python -m benchmarks.commands
	$(BIN)/python -m benchmarks.report

##@ Files that are made

payloads: $(INSTALLED)  ## make flask_ycloud/payloads.py from the schema
	$(BIN)/python -m scripts.make_payloads

inbox: $(INSTALLED)  ## a database of this version in tests/data, for later versions to read
	$(BIN)/python -m scripts.keep_inbox $(ARGS)

screenshots: $(INSTALLED)  ## the pictures of the inspector in docs/_static
	$(BIN)/python -m scripts.screenshots

##@ Programs that tests need

chromium:  ## Debian's Chromium, for the tests of the inspector, if it is not there
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium)

pgbouncer:  ## Debian's PgBouncer, for the tests of the inbox, if it is not there
	@command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || \
		(apt-get update -qq && apt-get install -y -qq pgbouncer)

promtool: $(INSTALLED)  ## Debian's promtool, a download of 19 MB, for the tests of the alerts
	-@command -v promtool >/dev/null || test -x $(BIN)/promtool || (apt-get update -qq && \
		folder=$$(mktemp -d) && cd $$folder && apt-get download -qq prometheus && \
		dpkg -x prometheus_*.deb . && cp usr/bin/promtool $(CURDIR)/$(BIN)/ && \
		rm -r $$folder)

servers: $(INSTALLED)  ## the servers and programs that docs/deploying.rst and examples name
	$(BIN)/$(PIP_INSTALL) --group servers
	-$(BIN)/$(PIP_INSTALL) --only-binary :all: pyuwsgi
	@command -v nginx >/dev/null || test -x /usr/sbin/nginx || \
		(apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx-light)
	@command -v systemd-analyze >/dev/null || \
		(apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd)
	-@command -v apache2 >/dev/null || test -x /usr/sbin/apache2 || \
		(apt-get update -qq && apt-get install -y -qq --no-install-recommends \
		apache2 libapache2-mod-wsgi-py3)

##@ Publishing

# What is tested in the unpacked sdist.
RELEASE_TESTS = tests/protocol tests/handlers tests/web tests/test_settings.py tests/test_docs.py

release: $(INSTALLED)  ## build and check dist/: demo from the wheel, tests from the sdist
	$(BIN)/$(PIP_INSTALL) --group release
	rm -rf dist build .venv-release
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/$(PIP_INSTALL) 'pip>=25.1'
	.venv-release/bin/$(PIP_INSTALL) dist/*.whl gunicorn rich
	cp -r example_app.py scripts .venv-release/
	cd .venv-release && bin/python scripts/demo.py
	.venv-release/bin/$(PIP_INSTALL) "$$(ls dist/*.whl)[api,celery,encryption,metrics,otel,postgresql]" --group dev
	mkdir .venv-release/sdist
	tar -xzf dist/*.tar.gz -C .venv-release/sdist --strip-components 1
	cd .venv-release/sdist && ../bin/python -m pytest -q $(RELEASE_TESTS)
	@echo "dist/ is ready."
