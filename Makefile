# Sets up a virtual environment in .venv and works from there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Without what setuptools says to people who build packages.
INSTALL := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet
MODEL ?= smollm2:135m
PROMPT ?= Why is the sky blue?
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 600

.PHONY: run test golden mutations lint bench fuzz soak clean

run: $(VENV)/.installed
	$(BIN)/tampu run $(MODEL) "$(PROMPT)"

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

# Everything recorded from Ollama, and a table of what agrees; `make test` plays most of it.
golden: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'golden or not golden' --agreement

mutations: $(VENV)/.installed-test
	TAMPU_MUTATIONS=10000 $(BIN)/python -m pytest tests/robustness

lint: $(VENV)/.installed-test $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks

# Each reader of untrusted bytes; what is found is kept in tests/fuzz/cases and played again by `make test`.
fuzz: $(VENV)/.installed-test
	for target in gguf modelfile manifest name; do \
		$(BIN)/python -m tests.fuzz $$target --seconds $(FUZZ_SECONDS) || exit 1; \
	done

# A server under loads, evictions, cancels and killed engines at once; nothing may be left over.
soak: $(VENV)/.installed-test
	$(BIN)/python -m tests.soak $(SOAK_SECONDS)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip

$(VENV)/.installed: pyproject.toml $(VENV)/bin/python
	$(INSTALL) -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(INSTALL) -e '.[test]'
	touch $@

$(VENV)/.installed-lint: $(VENV)/.installed
	$(INSTALL) -e '.[lint]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
