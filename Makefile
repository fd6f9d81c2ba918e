# Two commands do everything on a fresh machine: `make demo` and `make test`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(shell cat requirements/dev.txt requirements/aws.txt | sha256sum | cut -c1-16)
export PYTHONPATH := operator
# Where nothing that is compiled may be kept, every one of some hundred processes compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# What a test needs is one of its marks; those without any run anywhere, at once.
NEEDS_NOTHING := not (registry or modelserver or watch or integration or cluster)
NEEDS_SERVERS := (registry or modelserver or watch or integration) and not cluster
# Where none of them is (tests/conftest.py says so), they need not be looked for.
ELSEWHERE := $(patsubst %,--ignore=tests/%,contract golden scenario unit)
# Programs in Go, the servers of a world above all, spend a quarter on using all processors and little memory.
FRUGAL := GOMAXPROCS=1 GOGC=300
# Those that start servers mostly wait, so more of them run at a time than there are processors. Each
# waits with a deadline, which a busy machine may miss: it is tried once more, and named if it needed that.
JOBS ?= 5
UNSTEADY ?= --reruns 1 --reruns-delay 2 -raR

.PHONY: help
help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

.PHONY: env
env: $(STAMP) ## The Python environment, hash-locked, in .venv

$(STAMP):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is missing: install it (Debian: apt-get install python3 python3-venv)"; exit 1; }
	@echo "environment: installing hash-locked packages into $(VENV) (about half a minute)"
	@if ! $(PYTHON) -m venv --clear $(VENV) 2>/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "environment: python3-venv is missing, installing it"; \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; \
			$(PYTHON) -m venv --clear $(VENV); \
		else echo "python3-venv is missing: run apt-get install python3-venv"; exit 1; fi; fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/aws.txt
	@touch $@

.PHONY: demo
demo: env ## A registry alias moves and a real model follows, on a real cluster
	@$(BIN)/python -m lockgate_sandbox.demo

.PHONY: demo-backends
demo-backends: env ## One alias moves, and a model as Deployments, on KServe and on Ray follows (builds both first)
	@$(BIN)/python -m lockgate_sandbox.demo.backends

.PHONY: test
test: check build cluster-build ## Everything that must hold; what CI runs
	@# What waits for servers leaves the processors idle for part of the time: that is for what only counts.
	@nice -n 19 $(MAKE) other-python histories > .beside.log 2>&1 & beside=$$!; failed=0; \
		trap "kill $$beside 2>/dev/null || true" EXIT; trap "exit 130" INT TERM; \
		$(MAKE) integration oldest-client signals cluster || failed=$$?; \
		wait $$beside || failed=$$?; sed 's/^/beside: /' .beside.log; exit $$failed

.PHONY: check
check: lint ## What needs neither network nor cluster nor a server
	@$(MAKE) -j 3 types imports unit

.PHONY: lint
lint: env ## Style and common mistakes
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet . && echo "lint: ok"

.PHONY: types
types: env ## mypy, strict
	@$(BIN)/mypy --no-error-summary && echo "types: ok"

.PHONY: imports
imports: env ## Layers and doors
	@$(BIN)/lint-imports > .import-linter.log || { cat .import-linter.log; exit 1; }; sed -n '/KEPT$$/p; /KEPT (/p' .import-linter.log

.PHONY: unit
unit: env ## Unit, property, golden, scenario and contract tests; they start no server
	@$(BIN)/python -m pytest -q -n auto -m "$(NEEDS_NOTHING)"

.PHONY: other-python
other-python: env ## The unit tests once more, on another Python if there is one
	@# What is random or swept is lived through on one Python; another may do otherwise what is written down.
	@LOCKGATE_EXAMPLES=25 LOCKGATE_SIMULATION_EPISODES=10 LOCKGATE_TRAFFIC_WRITES=1000 \
		$(BIN)/python -m tests.other_python -q -n auto $(UNSTEADY) -m "$(NEEDS_NOTHING) and not signals" \
		-k "not meant_to_meet and not test_a_kill_at"

.PHONY: signals
signals: env build ## The tests of signals once more, on another Python if there is one
	@$(FRUGAL) $(BIN)/python -m tests.other_python -q -n 2 $(UNSTEADY) -m "signals and not cluster" \
		$$(grep -rl 'mark\.signals' tests --include='test_*.py')

.PHONY: oldest-client
oldest-client: env ## The registry's door once more, with the oldest W&B client that is supported
	@$(FRUGAL) $(BIN)/python -m tests.oldest_client -q -n 2 $(UNSTEADY) -m "$(NEEDS_SERVERS)" tests/registry_door

.PHONY: build
build: env ## The programs of the local cluster, built once and cached
	@$(BIN)/python -m lockgate_sandbox build

.PHONY: integration
integration: env build ## On the real control plane, the registry stand-in and the model server; no root needed
	@$(FRUGAL) $(BIN)/python -m pytest -q -n $(JOBS) --dist loadscope --no-loadscope-reorder $(UNSTEADY) \
		-m "$(NEEDS_SERVERS)" $(ELSEWHERE)

.PHONY: histories
histories: env ## A million simulated writes in random histories of rollouts, each of them checked
	@LOCKGATE_REACH_WRITES=800000 LOCKGATE_SIMULATION_EPISODES=1500 LOCKGATE_TRAFFIC_WRITES=200000 \
		$(BIN)/python -m pytest -q -n auto tests/unit/test_reach.py tests/unit/test_simulation.py \
		tests/unit/test_simulated_traffic.py -k "not meant_to_meet"

# Whether this machine can have one.
CLUSTERS := [ "$$(id -u) $$(uname)" = "0 Linux" ]

.PHONY: cluster-build
cluster-build: env build ## The programs and images of the real cluster, built once and cached
	@if $(CLUSTERS); then \
		$(BIN)/python -m lockgate_sandbox build --level cluster \
			--with gateway_envoy,gateway_traefik,crowd,lockgate,prometheus,kserve,kuberay; fi

LARGE := tests/e2e/test_demo.py tests/e2e/test_kserve.py tests/e2e/test_ray.py
.PHONY: cluster
cluster: env cluster-build ## On the real one-node cluster; needs Linux and root, else it says so and passes
	@# What brings large parts has a cluster of its own, after that of all others.
	@if ! $(CLUSTERS); then echo "cluster: skipped, it needs Linux and root"; else failed=0; \
		$(FRUGAL) $(BIN)/python -m pytest -q $(UNSTEADY) -m cluster $(ELSEWHERE) \
			$(patsubst %,--ignore=%,$(LARGE)) || failed=$$?; \
		$(FRUGAL) $(BIN)/python -m pytest -q $(UNSTEADY) -m cluster $(LARGE) || failed=$$?; exit $$failed; fi

SIZES ?= 20,100
.PHONY: bench
bench: env build ## What the operator costs as deployments grow in number, SIZES=20,100 (four minutes)
	@PYTHONPATH=operator:. $(BIN)/python -m tests.benchmarks.scale --sizes $(SIZES)
	@PYTHONPATH=operator:. $(BIN)/python -m tests.benchmarks.cold --sizes $(SIZES)

SEED ?= 1
MINUTES ?= 10
.PHONY: faults
faults: env build ## Random faults for MINUTES=10 from SEED=1; invariants are checked after every write
	@PYTHONPATH=operator:. $(BIN)/python -m tests.faults --seed $(SEED) --minutes $(MINUTES)

.PHONY: outages
outages: env build ## The API server away, refusing, cutting, for MINUTES=10 from SEED=1; all is seen 15 s after
	@PYTHONPATH=operator:. $(BIN)/python -m tests.faults --outages --seed $(SEED) --minutes $(MINUTES)

ROLLOUTS ?= 50
.PHONY: rollouts
rollouts: env build ## ROLLOUTS=50 drawn from SEED=1 under load through Envoy, on the real cluster; needs root
	@$(BIN)/python -m lockgate_sandbox build --level cluster --with gateway_envoy,crowd
	@PYTHONPATH=operator:. $(BIN)/python -m tests.rollouts --seed $(SEED) --rollouts $(ROLLOUTS)

.PHONY: mutants
mutants: env ## plan/ and apply/ changed in two thousand small ways: what does no test notice? (ten minutes)
	@$(BIN)/python -m tests.mutants

.PHONY: golden
golden: env ## Write the reviewed files anew; read the diff
	@LOCKGATE_WRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests/golden

.PHONY: dashboards
dashboards: env ## Write the chart's dashboards anew from their source, helm/dashboards
	@PYTHONPATH=operator:. $(BIN)/python -m helm.dashboards

.PHONY: pictures
pictures: env ## Draw the dashboards into docs/pictures, from a fleet that is played to a real Prometheus
	@PYTHONPATH=operator:. $(BIN)/python -m tests.pictures

.PHONY: crds
crds: ## Copy the CRDs into the chart
	@mkdir -p helm/lockgate/crds && cp crds/*.yaml helm/lockgate/crds/

.PHONY: lock
lock: env ## Resolve and lock the requirements anew (needs uv)
	@for group in operator modelserver rayserver registry envoy traefik dev; do \
		case $$group in operator) from="pyproject.toml";; dev) from="--group dev pyproject.toml";; *) from="--group $$group";; esac; \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-header --no-annotate $$from -o requirements/$$group.txt; done
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --group aws --constraint requirements/dev.txt \
		--override <(echo "python-dateutil>=3") -o requirements/aws.txt

.PHONY: fmt
fmt: env ## Format and fix what can be fixed
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .

.PHONY: clean
clean: ## Remove what was made in this directory; the user cache stays
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist build
	@find operator tests -name __pycache__ -type d -prune -exec rm -rf {} +
