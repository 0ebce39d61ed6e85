# Every target sets up what it needs: a fresh clone with Python >= 3.11 is enough.
#
#   make demo      run the quickstart end to end against simulated providers, and stop
#   make test      the fast tests          make test-all  all of them (slow, e2e, docker)
#   make check     format, lint, types, import rules, docs up to date
#   make bench     measure compile time, save-to-live time, CPU per request, pushes to 1,000 streams
#   make docs      write the generated pages again
#   make stubs     write the type stubs of the Envoy messages (typings/, not committed)
#   make lock      resolve the pinned versions again (constraints.txt)
#   make clean     remove what these targets made

PYTHON ?= python3
# A file's tests stay on one worker: they share the Envoys that its fixtures start. There is one
# worker more than cores of a small machine, because tests of processes mostly wait.
PYTEST_WORKERS ?= 3
PYTEST := .venv/bin/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile

BIN := .venv/bin
STAMP := .venv/.installed
PACKAGES := cli compiler ext_authz policies simulator xds
# What exists of the folders that hold Python; linted alike.
SOURCES := $(wildcard $(PACKAGES) tests bench docs examples)

# The tests start hundreds of processes: each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all check format bench docs stubs lock clean

demo: $(STAMP)
	$(BIN)/python examples/quickstart/demo.py

test: $(STAMP)
	$(PYTEST) -m "not slow and not docker"

test-all: $(STAMP)
	$(PYTEST)

check: $(STAMP) stubs
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/python -m docs.generate --check

format: $(STAMP)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(STAMP)
	$(BIN)/python -m bench

docs: $(STAMP)
	$(BIN)/python -m docs.generate

stubs: $(STAMP)
	$(BIN)/python -m xds.stubs

# No hashes, no addresses: the file pins versions for whatever index the machine uses.
lock: $(STAMP)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-header \
	  --no-emit-index-url --no-emit-find-links --all-extras --group dev pyproject.toml \
	  --output-file constraints.txt

clean:
	rm -rf .venv dist typings .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

# pip brings uv; where uv cannot be had, a newer pip (dependency groups need 25.1) does the same.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Gatewright needs Python 3.11 or newer: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	if $(BIN)/python -m pip install --quiet --constraint constraints.txt uv; then \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt \
	    --build-constraint constraints.txt \
	    --editable '.[envoy,parquet,postgres]' --group dev; \
	else \
	  $(BIN)/python -m pip install --quiet --constraint constraints.txt 'pip>=25.1' && \
	  $(BIN)/python -m pip install --quiet --constraint constraints.txt \
	    --editable '.[envoy,parquet,postgres]' --group dev; \
	fi
	touch $@
