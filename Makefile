# The two commands of the README are `make demo` and `make test`; each sets up what it needs.
SHELL := /usr/bin/env bash
.DELETE_ON_ERROR:
.PHONY: demo test lint unit e2e coverage generate lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Kubernetes binaries for tests, if they lie beside the checkout; else the sandbox finds its own.
ifeq ($(origin KUBEBUILDER_ASSETS),undefined)
ifneq ($(wildcard ../shared/kube/bin-dir),)
export KUBEBUILDER_ASSETS := $(shell ../shared/kube/bin-dir)
endif
endif

demo: $(READY)
	@$(BIN)/python docs/start/demo/demo.py $(ARGS)

test: lint unit coverage e2e

lint: $(READY)
	@.ci/timed "lint: ruff" $(BIN)/ruff check
	@.ci/timed "lint: format" $(BIN)/ruff format --check
	@.ci/timed "lint: types" $(BIN)/mypy
	@.ci/timed "lint: imports" $(BIN)/lint-imports
	@.ci/timed "lint: shape and contracts" $(BIN)/python -m pytest -q -p no:randomly tests/contract

unit: $(READY)
	@rm -f .coverage*
	@.ci/timed "unit tests" $(BIN)/coverage run -m pytest -q -m "not e2e and not cluster and not scale and not soak" --ignore tests/contract

# A connection whose server a test killed is collected later, in whichever test runs then: shown, not failed.
LATE := -W default::pytest.PytestUnraisableExceptionWarning

e2e: $(READY)
	@.ci/timed "end-to-end tests" $(BIN)/python -m pytest -q -m e2e -p no:randomly $(LATE) --durations 15

coverage: $(READY)
	@.ci/timed "coverage" .ci/coverage

generate: $(READY)
	@$(BIN)/python .ci/generate

lock: $(READY)
	@.ci/lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build

$(READY): pyproject.toml .ci/locks/dev.txt .ci/locks/uv.txt
	@.ci/setup "$(PYTHON)" "$(VENV)"
	@touch $@
