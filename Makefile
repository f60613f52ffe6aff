# Needs Python 3.11 or later and make; everything else goes into .venv. `make` alone lists what can be made.

VENV := .venv
BIN := $(VENV)/bin

# stamp -> the extras it stands for; pip's own settings (index, cache, certificates) are the user's
EXTRAS_run := all
EXTRAS_test := all,test
EXTRAS_bench := bench

.DEFAULT_GOAL := help
.PHONY: help demo test test-elasticsearch9 test-cluster-faults lint bench bench-quick bench-growth bench-hurtful bench-licences bench-decontamination api-cases load reference chromium clamav git-lfs validators elasticsearch elasticsearch-zip bench-near-duplicates bench-cluster deploy-checks capacity capacity-measure bench-search bench-curation search-cases

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/installed-run ## index the packages installed here, serve API and page (ARGS="--port 8080")
	@exec $(BIN)/wherefrom demo $(ARGS)

test: $(VENV)/installed-test chromium clamav git-lfs validators elasticsearch-zip ## lint, then all tests; names at the end what could not run (ARGS="tests/ui")
	@failed=; \
	$(MAKE) --no-print-directory lint || failed=yes; \
	$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0 --durations=15 --durations-min=1 $(ARGS) || failed=yes; \
	if [ "$$failed" ]; then echo "make test: lint or tests failed, see above" >&2; exit 1; fi

test-elasticsearch9: ELASTICSEARCH := 9.2.0
test-elasticsearch9: $(VENV)/installed-test elasticsearch-zip ## the tests of the cluster against server 9, which needs Java 21 (ARGS="-k alike")
	@WHEREFROM_TEST_ELASTICSEARCH_VERSION=$(ELASTICSEARCH) $(BIN)/python -m pytest --durations=5 --durations-min=1 \
	  $$(grep -rlw --include='test_*.py' elasticsearch: tests) $(ARGS)

test-cluster-faults: $(VENV)/installed-test elasticsearch-zip ## users and certificates of a cluster; nodes killed while it is loaded and asked; 8 GB, ten minutes
	@$(BIN)/python -m pytest --durations=5 --durations-min=1 tests/cluster_faults/access.py tests/cluster_faults/deaths.py $(ARGS)

lint: $(VENV)/installed-test ## ruff, its formatter, mypy
	@failed=; \
	$(BIN)/ruff check --quiet --output-format concise . || failed=yes; \
	$(BIN)/ruff format --quiet --check . || { echo "not as ruff formats it; run: $(BIN)/ruff format ." >&2; failed=yes; }; \
	$(BIN)/mypy --no-error-summary || failed=yes; \
	$(BIN)/mypy --no-error-summary --explicit-package-bases --ignore-missing-imports -p tests.bench || failed=yes; \
	if [ "$$failed" ]; then echo "make lint: see above" >&2; exit 1; fi; \
	echo "lint: nothing to say"

bench: $(VENV)/installed-bench ## the whole workload on two seeds, about 450 MB of real code (ARGS="--only wherefrom tantivy")
	@$(BIN)/python -m tests.bench $(ARGS)

bench-quick: $(VENV)/installed-bench ## a tenth of it, about two minutes once downloaded
	@$(BIN)/python -m tests.bench --quick $(ARGS)

api-cases: $(VENV)/installed-test ## 20,000 requests made of the API's description, good and bad; about twenty minutes (ARGS="--cases 1000")
	@$(BIN)/python -m tests.api_cases $(ARGS)

load: $(VENV)/installed-test ## membership at 500 a second beside a bare FastAPI, and with attribution alongside (ARGS="--rounds 1")
	@$(BIN)/python -m tests.load $(ARGS)

bench-growth: $(VENV)/installed-bench ## time, memory and size from 0.2 to 2 GB of real code (ARGS="--sizes 0.2 0.5")
	@$(BIN)/python -m tests.bench.growth $(ARGS)

bench-hurtful: $(VENV)/installed-bench ## time and memory for texts that hurt: megabytes on a line, noise, depth
	@$(BIN)/python -m tests.bench.hurtful $(ARGS)

SCANCODE := $(VENV)/scancode/bin/python
bench-licences: $(VENV)/installed-bench ## real licence texts and file headers, beside ScanCode's answers; about fifteen minutes once downloaded, most of them ScanCode's
	@if [ ! -e $(SCANCODE) ]; then \
	  echo "installing scancode-toolkit into an environment of its own" >&2; \
	  { $(BIN)/python -m venv $(VENV)/scancode && $(SCANCODE) -m pip install --quiet scancode-toolkit==32.5.0 'pluggy<1.7'; } || rm -rf $(VENV)/scancode; \
	fi
	@$(BIN)/python -m tests.bench.licences --scancode $(SCANCODE) $(ARGS)

bench-decontamination: $(VENV)/installed-bench ## planted problems found, innocent files dropped (BENCHMARK=HumanEval.jsonl.gz)
	@test -n "$(BENCHMARK)" || { echo "name a benchmark: make bench-decontamination BENCHMARK=HumanEval.jsonl.gz" >&2; exit 2; }
	@$(BIN)/python -m tests.bench.decontamination $(BENCHMARK) $(ARGS)

bench-curation: $(VENV)/installed-bench ## real packages to a release and the next one, 3 GB; 8 minutes of 2 cores once downloaded (BENCHMARK=HumanEval.jsonl.gz)
	@$(BIN)/python -m tests.bench.curation $(if $(BENCHMARK),--decontaminate $(BENCHMARK)) $(ARGS)

bench-search: $(VENV)/installed-bench elasticsearch-zip ## 300 files that somebody remembers, in a folder, in Elasticsearch and by StarCoder's search scheme (ARGS="--full")
	@$(BIN)/python -m tests.bench.search_quality $(ARGS)

search-cases: $(VENV)/installed-test ## 10,000 bad queries over HTTP: each answered or explained in time (INDEX=LOCATION)
	@$(BIN)/python -m tests.search_cases $(if $(INDEX),--index $(INDEX)) $(ARGS)

bench-near-duplicates: $(VENV)/installed-bench ## near-duplicates among 20,000 real files against every pair; memory at a million files
	@$(BIN)/python -m tests.bench.near_duplicates $(ARGS)

bench-cluster: $(VENV)/installed-bench elasticsearch-zip ## a cluster beside a folder: equal answers, times, loading, disk (ARGS="--full")
	@$(BIN)/python -m tests.bench.cluster $(ARGS)

capacity: $(VENV)/installed-test ## write docs/CAPACITY.md from the measurements in tests/bench/results/capacity.json
	@$(BIN)/python -m tests.bench.capacity > docs/CAPACITY.md.part && mv docs/CAPACITY.md.part docs/CAPACITY.md

capacity-measure: $(VENV)/installed-bench elasticsearch-zip ## measure them: 0.1, 0.5 and 2 GB in a folder and in a cluster of one node (ARGS="--sizes 0.1")
	@$(BIN)/python -m tests.bench.capacity_measure $(ARGS)

deploy-checks: $(VENV)/installed-test ## the files of deploy/ by the tools that read them; Go, kubectl and Docker where they are
	@$(BIN)/python -m pytest tests/deploy
	@$(BIN)/python -m tests.deploy_checks

elasticsearch: $(VENV)/installed-test elasticsearch-zip ## run a single Elasticsearch node, print its location, until Ctrl-C
	@exec $(BIN)/python -m tests.elasticsearch_node

reference: $(VENV)/installed-test ## write REFERENCE.md anew from the commands, settings and routes
	@$(BIN)/python -m tests.reference_docs > REFERENCE.md.part && mv REFERENCE.md.part REFERENCE.md
	@$(BIN)/python -m search_api.audit.reports.json_report > docs/audit.schema.json.part && mv docs/audit.schema.json.part docs/audit.schema.json

# Installed once for each change of what is needed. A .venv whose Python has gone is made anew.
$(VENV)/installed-%: pyproject.toml constraints.txt
	@$(BIN)/python -c '' 2>/dev/null || { \
	  for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	  done; \
	  if [ -z "$$python" ]; then echo "no Python 3.11 or later found on the PATH; install one (Debian: apt-get install python3 python3-venv)" >&2; exit 1; fi; \
	  rm -rf $(VENV); $$python -m venv $(VENV) || { echo "$$python cannot make virtual environments (Debian: apt-get install python3-venv)" >&2; exit 1; }; \
	}
	@echo "installing wherefrom[$(EXTRAS_$*)] into $(VENV): a minute or two the first time" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS_$*)]'
	@touch $@

# The page's tests drive Debian's Chromium. Without root nothing is tried: the tests then say what is missing.
chromium:
	@if ! command -v chromium >/dev/null && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "installing Debian's Chromium for the tests of the page" >&2; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; } >/dev/null || true; \
	fi

# The tests of the malware step ask a real ClamAV daemon, with a signature of their own.
clamav:
	@if ! command -v clamd >/dev/null && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "installing ClamAV's daemon for the tests of curation" >&2; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends clamav-daemon; } >/dev/null || true; \
	fi

# Releases are pushed to a git hub by Git LFS's own client.
git-lfs:
	@if ! command -v git-lfs >/dev/null && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "installing Git LFS for the tests of curation" >&2; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends git-lfs; } >/dev/null || true; \
	fi

# The tests of reports ask the formats' own validators: Microsoft's for SARIF (npm), SPDX's schema of 3.0.1 (in a jar, by Maven).
SARIF_VALIDATOR := $(VENV)/validators/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool
SPDX_SCHEMA := $(VENV)/validators/spdx-v3jsonld-store-1.0.1.jar
validators: ## validators that the tests of audit reports use; without npm or Maven the tests say what is missing
	@if [ ! -e $(SARIF_VALIDATOR) ] && command -v npm >/dev/null; then \
	  echo "fetching the SARIF validator for the tests of reports" >&2; \
	  npm install --silent --no-audit --no-fund --prefix $(VENV)/validators @microsoft/sarif-multitool-linux@5.7.0 >/dev/null || true; \
	fi
	@if [ ! -e $(SPDX_SCHEMA) ] && command -v mvn >/dev/null; then \
	  echo "fetching the SPDX 3.0.1 schema for the tests of reports" >&2; \
	  mvn -q dependency:copy -Dartifact=org.spdx:spdx-v3jsonld-store:1.0.1 -Dtransitive=false -DoutputDirectory=$(CURDIR)/$(VENV)/validators >/dev/null || true; \
	fi

# The tests of the cluster start a real node, from the distribution that Elastic publishes for tests, by Maven.
ELASTICSEARCH := 8.19.7
elasticsearch-zip: ## fetch Elasticsearch for its tests; without Maven the tests say what is missing
	@if [ ! -e $(VENV)/elasticsearch/elasticsearch-$(ELASTICSEARCH).zip ] && command -v mvn >/dev/null; then \
	  echo "fetching Elasticsearch $(ELASTICSEARCH) for the tests of the cluster" >&2; \
	  mvn -q dependency:copy -Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:$(ELASTICSEARCH):zip -Dtransitive=false -DoutputDirectory=$(CURDIR)/$(VENV)/elasticsearch >/dev/null || true; \
	fi
