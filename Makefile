# Every target makes its own .venv and installs what it needs, once. Needs only Python >= 3.11 and make;
# what is about the extension for VS Code needs Node.js >= 20, too.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo studies test lint types tests client vsix e2e e2e-vscode bench-vscode pictures test-vllm test-llama fuzz soak fix clean

help:  ## Show this list.
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.runtime  ## Fix a real mistake in a real file through the real server, and show how.
	@$(BIN)/copydecode demo

studies: $(VENV)/.dev  ## Measure the paper's tables and ours; takes a while. OUT=DIR, DATA=DIR, MODEL=M.
	@$(BIN)/python -m copydecode.studies.all $(if $(OUT),--out $(OUT)) $(if $(DATA),--data $(DATA)) \
	  $(if $(MODEL),--model $(MODEL))

test: lint types tests client  ## All checks: lint, types, import directions, tests; the extension's, too.

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

tests: $(VENV)/.dev
	$(BIN)/pytest

client: vscode-client/node_modules/.made  ## The checks of the extension for VS Code that need no editor.
	cd vscode-client && npm run --silent check

vsix: vscode-client/node_modules/.made  ## Package the extension: vscode-client/dist/copydecode.vsix. PICTURES=URL.
	cd vscode-client && PICTURES=$(PICTURES) npm run --silent package

fuzz: $(VENV)/.dev  ## Ten thousand random interleavings; FIRST=SEED, COUNT=N.
	$(BIN)/python -m tests.server.interleavings $(if $(FIRST),--first $(FIRST)) $(if $(COUNT),--count $(COUNT))

soak: $(VENV)/.dev  ## Eight editors at once for ten minutes: no error, and memory stays flat.
	$(BIN)/python -m tests.e2e.soak

e2e: $(VENV)/.dev e2e-vscode  ## Drive real editors, by the configurations of docs/editors.md. Debian: unpacks them into .e2e.
	@tests/e2e/install-editors.sh .e2e
	COPYDECODE_E2E=1 $(BIN)/pytest tests/e2e

# VSCODE is empty for the oldest VS Code that the extension is for, or "newest".
VSCODE ?=
VSCODE_AT = .e2e/vscode$(if $(VSCODE),-$(VSCODE))
IN_VSCODE = cd vscode-client && COPYDECODE_VSCODE=$(abspath $(VSCODE_AT)) COPYDECODE_PYTHON=$(abspath $(BIN)/python)

e2e-vscode: $(VENV)/.dev client vsix  ## Use the extension in a real VS Code, from npm into .e2e. VSCODE=newest, ONLY=NAME.
	@vscode-client/e2e/install.sh $(VSCODE_AT) $(VSCODE)
	$(IN_VSCODE) npm run --silent e2e -- $(ONLY)

bench-vscode: $(VENV)/.dev vsix  ## Measure there how long it is from a key to the changed text. VSCODE=newest.
	@vscode-client/e2e/install.sh $(VSCODE_AT) $(VSCODE)
	$(IN_VSCODE) npm run --silent bench

pictures: VSCODE = newest
pictures: $(VENV)/.dev vsix  ## Take the READMEs' pictures anew in a real VS Code, the newest: vscode-client/media.
	@vscode-client/e2e/install.sh $(VSCODE_AT) $(VSCODE)
	$(IN_VSCODE) npm run --silent pictures

test-vllm: $(VENV)/.dev  ## Hold edits by a real vLLM against local ones. Installs it into .vllm (3 GB).
	@PYTHON=$(PYTHON) tests/vllm/install.sh .vllm
	COPYDECODE_VLLM=$(CURDIR)/.vllm $(BIN)/pytest tests/vllm

test-llama: $(VENV)/.dev  ## Hold edits by a real llama-server against local ones. Debian: unpacks it into .llama (75 MB).
	@tests/llama/install.sh .llama
	COPYDECODE_LLAMA=$(CURDIR)/.llama $(BIN)/pytest tests/llama

fix: $(VENV)/.dev  ## Format, and fix what ruff can fix.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## Remove the virtual environment, the editors, vLLM, llama-server and the caches.
	rm -rf vscode-client/node_modules vscode-client/dist $(VENV) .e2e .vllm .llama .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "copydecode needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module (on Debian: apt install python3-venv)." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing into $(VENV); the first time takes a minute or more."
	@$(PIP) install --quiet -c constraints.txt -e . pyflakes
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing into $(VENV); the first time takes a minute or more."
	@$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.runtime

# --ignore-scripts: no package runs code of its own when it is installed.
vscode-client/node_modules/.made: vscode-client/package-lock.json
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null || { \
	  echo "The extension for VS Code needs Node.js 20 or newer, with npm; found $$(node --version 2>&1)." >&2; exit 1; }
	@echo "Installing into vscode-client/node_modules; the first time takes half a minute."
	@cd vscode-client && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@
