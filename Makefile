# Two commands for a bare machine with Python 3.11+: `make demo` and `make test`. The rest is for those who stay.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test check bench faults look reference lock clean

$(STAMP): requirements.lock pyproject.toml settings.py prefect.yaml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python {v.major}.{v.minor} was found, and 3.11 or newer is needed. Name one: make PYTHON=/path/to/python3.11")'
	@echo "Installing into .venv (once, one to two minutes) …"
	@start=$$(date +%s); \
	$(PYTHON) -m venv .venv && \
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock && \
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	echo "Installed in $$(( $$(date +%s) - start )) s."
	@touch $@

demo: $(STAMP)  ## simulate an agency, learn from it, publish, rescore, and write a report
	@$(BIN)/learnback demo

test: $(STAMP)  ## everything that needs neither Chromium nor more than ten minutes
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(STAMP)  ## style, types and the rules of the house
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/pytest tests/architecture

bench: $(STAMP)  ## every benchmark, each beside its peer or limit
	@for name in who_truth who_real truth conversion_real allocator api health weekly incremental prefect_cost growth; do $(BIN)/python -m benchmarks.$$name || exit 1; done

faults: $(STAMP)  ## kill -9 at a hundred moments of a run, and the same bytes every time (an hour and a half)
	@$(BIN)/python -m tests.faults --kills 100

look: $(STAMP)  ## pictures of the report and of the Prefect UI, through headless Chromium
	@$(BIN)/python -m tests.look

reference: $(STAMP)  ## renew the pages of docs/reference that are written from the code
	@$(BIN)/python -m tests.architecture.reference

lock: $(STAMP)  ## renew requirements.lock from the ranges in pyproject.toml (needs uv)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --no-annotate --group dev pyproject.toml -o requirements.lock --upgrade

clean:  ## forget everything local: environment, database, lake, reports
	@[ ! -x $(BIN)/learnback ] || $(BIN)/learnback down || true
	@rm -rf .venv .learnback
