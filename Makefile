# Everything a user needs: make exp400, make test. Go is the only requirement;
# make help lists the targets that have a line of ## above them.
GO      ?= go
PROFILE ?= quick
JOBS    ?= 0
# How often a cell is run again that the audit calls disturbed. The quick profile
# is to be quick on a busy machine, too: there such cells just stay marked.
RERUNS  ?= $(if $(filter quick,$(PROFILE)),0,2)

BIN     := bin/edgebed
VIRTUAL := bin/edgebed-virtual
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null)$(shell git diff --quiet HEAD 2>/dev/null || echo +dirty)
DATE    := $(shell git show -s --format=%cI HEAD 2>/dev/null)
# A tag, and how far beyond it; empty without tags: then the go command's version stands.
VERSION := $(shell git describe --tags --dirty=+dirty 2>/dev/null)
LDFLAGS := -X edgebed/harness/record.commit=$(COMMIT) -X edgebed/harness/record.date=$(DATE) \
	$(if $(VERSION),-X edgebed/harness/record.version=$(VERSION))
SOURCES := $(shell find harness nodes topologies scenarios -name '*.go' -o -name '*.yaml' -o -name schema.json -o -path '*/page/*')

# The largest share of long functions without a blank line, in percent, and the
# largest number of lines over 120 columns; see scripts/paragraphs.
WALLS   := 0
WIDE    := 0
# The race detector needs the C compiler that go would call.
RACE    := $(if $(shell command -v "$$($(GO) env CC)" 2>/dev/null),-race)

.PHONY: all help exp400 exp401 exp402 alibaba-mix examples test test-long mutants chaos longrun fuzz fuzz-long release vulncheck lint lint-shell bench gate-rates vmtest regress regress-baseline \
	regress-emulated regress-grid \
	regress-vm regress-vm-grid calibrate replay sensitivity rooms docs generate clean

## build bin/edgebed and bin/edgebed-virtual
all: $(BIN) $(VIRTUAL)

$(BIN): $(SOURCES) go.mod go.sum
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./harness/cmd/edgebed

# The worker for virtual time: the runtime's clock is chosen at build time, stands still
# for good where cgo is on, and is moved by harness/virtual/jump.go, which the linker
# must let at it.
$(VIRTUAL): $(SOURCES) go.mod go.sum
	CGO_ENABLED=0 $(GO) build -trimpath -tags faketime -ldflags '$(LDFLAGS) -checklinkname=0' -o $@ ./harness/cmd/edgebed-virtual

## say what the targets do
help:
	@awk '/^## / { text = substr($$0, 4); next } \
		text != "" && /^[a-z0-9 -]+:/ { sub(/:.*/, ""); printf "  %-42s %s\n", "make " $$0, text } { text = "" }' $(MAKEFILE_LIST)
	@echo
	@echo '  PROFILE=paper runs as many executions as the paper; JOBS=1 one cell at a time;'
	@echo '  VARIANT=text 400 and 401 as the words of the paper say; RERUNS=2 disturbed cells again.'

# Each runs an experiment from scratch: results of an earlier run are moved
# aside. VARIANT=text runs 400 and 401 as the paper's words say instead of as the
# published scripts do.
exp400 exp401 exp402 alibaba-mix: OUT = results/$@$(VARIANT:%=-%)
## run an experiment, write results/NAME
exp400 exp401 exp402 alibaba-mix: $(BIN)
	@scripts/fresh $(OUT)
	$(BIN) run $@ --profile $(PROFILE) --jobs $(JOBS) --reruns $(RERUNS) --out $(OUT) $(VARIANT:%=--set variant=%)

EXAMPLES := $(patsubst scenarios/examples/%.yaml,%,$(wildcard scenarios/examples/*.yaml))
## run the scenarios beyond the paper in virtual time: minutes; results/examples/NAME
examples: $(BIN) $(VIRTUAL)
	@for name in $(EXAMPLES); do \
		scripts/fresh results/examples/$$name && \
		$(BIN) run $$name --network virtual --out results/examples/$$name || exit 1; \
	done

FORMAT  ?= text

# The whole quick grids of experiments 400 and 401, both variants, in virtual time,
# against the committed baseline: some two minutes on two cores, without privileges.
# A new baseline, from the present code: make regress-baseline REASON='...'
## compare quick 400 and 401 in virtual time with the baseline: two minutes
regress: $(BIN) $(VIRTUAL)
	scripts/regress-virtual check $(FORMAT)

## make the present code's results in virtual time the baseline: REASON='...'
regress-baseline: $(BIN) $(VIRTUAL)
	scripts/regress-virtual update '$(REASON)'

# A small grid on emulated links against the committed baseline. A new baseline:
# make regress-grid && bin/edgebed baseline update results/regress --reason '...'
REGRESS := --where 'argument=10 kB' --where 'panel=S=3,L=6' --where 'rate=5 Mb/s' --where 'rate=20 Mb/s' \
	--where 'rate=50 Mb/s' --where 'rate=100 Mb/s'
## run a small grid on emulated links here and compare it with the baseline
regress-emulated:
	scripts/ci-regress regress $(FORMAT)

regress-grid: $(BIN)
	@scripts/fresh results/regress
	$(BIN) run exp400 $(REGRESS) --jobs $(JOBS) --out results/regress

# The gate's error rates: unchanged runs against each other and against runs with
# slow-downs built in; see scripts/gate-rates. 15 runs of some 3 minutes each; with
# NETWORK=virtual of half a minute, and slow-downs of a tenth of the size.
UNCHANGED ?= 11
INJECTED  ?= 1
## measure how often edgebed compare errs: 40 minutes
gate-rates:
	$(GO) run ./scripts/gate-rates -network $(NETWORK) -out results/gate-rates/$(NETWORK) -unchanged $(UNCHANGED) \
		-injected $(INJECTED) -- exp400 --profile $(PROFILE) --jobs $(JOBS) --reruns $(RERUNS)

# The detector makes what only computes several times slower, and programs start
# slowly: in the short form it runs where something runs at a time with something
# else (scripts/concurrent), and over one cell of each model. -short makes the
# properties' tests draw a fifth. What waits for emulated links runs side by side.
BESIDE := -parallel 4
CONCURRENT = $(shell scripts/concurrent)
PLAIN      = $(filter-out $(CONCURRENT:./%=edgebed/%),$(shell $(GO) list ./...))
## run all tests, the concurrent ones with the race detector where there is a C compiler
test:
ifeq ($(RACE),)
	@echo 'make test: no C compiler (gcc) found, which the race detector needs: testing without it'
	CGO_ENABLED=0 $(GO) test -short $(BESIDE) ./...
else
	CGO_ENABLED=1 $(GO) test -short $(RACE) $(CONCURRENT)
	CGO_ENABLED=1 $(GO) test -short $(RACE) $(BESIDE) -run 'TestModels|TestTrace' ./harness/testbed
	$(GO) test -short $(BESIDE) $(PLAIN)
endif

## the same in full: everything with the race detector, more of what is drawn at random
test-long: export EDGEBED_TEST_KILLS ?= 30
test-long: export EDGEBED_PROPERTY_RUNS ?= 3000
test-long:
	CGO_ENABLED=$(if $(RACE),1,0) $(GO) test $(RACE) $(BESIDE) -timeout 60m ./...

# Mutants of the rooms whose mistakes would go unseen: see scripts/mutants. Minutes for
# each; MUTANTS=harness/gate for one room, SAMPLE=20 for some of each.
MUTANTS ?= nodes/units nodes/workflow harness/stats harness/record harness/matrix harness/gate harness/scenario \
	harness/topology harness/audit harness/campaign harness/fate harness/topology/foreign nodes/workflow/foreign
SAMPLE  ?= 0
SEED    ?= 1
## ask whether tests notice mutants: 90 % of them, or this fails
mutants:
	$(GO) run ./scripts/mutants -sample $(SAMPLE) -seed $(SEED) $(MUTANTS)
ifeq ($(origin MUTANTS),file)
	$(GO) run ./scripts/mutants -sample $(SAMPLE) -seed $(SEED) -tags faketime harness/simnet
endif

FAULTS ?= 50
## harm small campaigns at random moments, and look at what is left: SEED=n FAULTS=k
chaos: $(BIN) $(VIRTUAL)
	$(GO) run ./scripts/chaos -seed $(SEED) -faults $(FAULTS)

NETWORKS   ?= 10000
EXECUTIONS ?= 100000
## build and drop networks, run executions in virtual time, and see that nothing grows: hours
longrun: $(VIRTUAL)
	$(GO) run ./scripts/longrun -networks $(NETWORKS) -executions $(EXECUTIONS)

FUZZTIME ?= 10s
## fuzz all parsers, and all calls of nodes, with 256 MB for an input: FUZZTIME=10s each
fuzz:
	scripts/fuzz $(FUZZTIME)

## the same for long: FUZZTIME=10m each, unless given; hours
fuzz-long: FUZZTIME = 10m
fuzz-long: fuzz

## write dist/: binaries, packages and bills of materials for amd64 and arm64, built twice
release:
	scripts/release

# VULNDB=file:///folder is a copy of the database, for machines that do not reach it.
VULNDB ?=
## look dependencies up in the database of the Go project's known vulnerabilities
vulncheck:
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.1.4 $(VULNDB:%=-db %) ./...

## check form, documentation, generated files, modules, scripts
lint: lint-shell
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) run ./scripts/paragraphs -walls $(WALLS) -wide $(WIDE) harness nodes scripts scenarios topologies
	$(GO) run ./scripts/docs -check
	scripts/protoc -check
	$(GO) mod tidy -diff
	$(GO) mod verify

# The shell scripts: those in scripts/ that begin with #!, and CI's.
SHELLS = $(shell grep -lE '^\#!/(bin/sh|usr/bin/env bash|bin/bash)' .ci/* scripts/* 2>/dev/null)
lint-shell:
	@if command -v shellcheck >/dev/null; then shellcheck $(SHELLS); \
	else echo 'make lint: no shellcheck (Debian: apt-get install shellcheck): scripts are not checked'; fi

## measure links and counters against their ideal, set-up times, the delay line, virtual time
bench: $(BIN) $(VIRTUAL)
	$(GO) test -run '^$$' -bench . -benchtime 1x ./harness/emu/...
	CGO_ENABLED=0 $(GO) test -tags faketime -ldflags -checklinkname=0 -timeout 0 -run '^$$' -bench Jump \
		-benchtime 1x ./harness/virtual
	$(GO) run ./scripts/scale

# The software cost that the experiments charge (docs/fidelity.md). 3 to 4 minutes
# each on an idle machine with the quick profile; CALIBRATION=full repeats more often.
CALIBRATION ?= quick
NETWORK ?= emulated
## fit the software cost to the runs of the prototype: writes nodes/cost/fit.yaml
calibrate: $(BIN) $(VIRTUAL)
	$(GO) run ./scripts/calibrate -profile $(CALIBRATION) -network $(NETWORK)
	$(MAKE) all
	$(GO) run ./scripts/calibrate -refine -profile $(CALIBRATION) -network $(NETWORK)

## hold our nodes with that cost against the runs of the prototype
replay: $(BIN) $(VIRTUAL)
	$(GO) run ./scripts/calibrate -replay -profile $(CALIBRATION) -network $(NETWORK)

# Which claims of EXPERIMENT change their verdict with the software cost: three
# campaigns, with none, the fit and twice the fit.
EXPERIMENT ?= exp400
## say which claims of EXPERIMENT depend on the software cost
sensitivity: $(BIN)
	@for cost in none fit '2x fit'; do \
		out="results/sensitivity/$(EXPERIMENT)$(VARIANT:%=-%)/$$(echo "$$cost" | tr -d ' ')"; \
		scripts/fresh "$$out" && \
		$(BIN) run $(EXPERIMENT) --profile $(PROFILE) --jobs $(JOBS) --reruns $(RERUNS) --out "$$out" \
			--set "software-cost=$$cost" $(VARIANT:%=--set variant=%) || exit 1; \
	done
	$(BIN) check --sensitivity --format $(FORMAT) $(patsubst %,results/sensitivity/$(EXPERIMENT)$(VARIANT:%=-%)/%,none fit 2xfit)

# The network's tests, the way without root, and both delay back ends side by
# side, in a virtual machine with the distribution's kernel; see scripts/vm. Another one
# of the distribution's: make vmtest KERNEL=linux-image-6.12-cloud-amd64.
## test in a virtual machine with the kernel of the distribution: 4 minutes; KERNEL=package
vmtest:
	$(GO) run ./scripts/vm $(KERNEL:%=-package %) test

# The same with a grid in such a machine, whose clock counts instructions: delays
# hardly depend on the load of this one.
## run a small grid in a virtual machine and compare it with its baseline
regress-vm:
	scripts/ci-regress regress-vm $(FORMAT)

regress-vm-grid: $(BIN)
	@scripts/fresh results/regress-vm
	$(GO) run ./scripts/vm -out results/regress-vm run -- exp400 --reruns 0 --where 'panel=S=3,L=6' --where 'argument=10 kB' \
		--where 'rate=1 Mb/s' --where 'rate=10 Mb/s' --where 'rate=100 Mb/s'

## list the packages with their lines
rooms:
	$(GO) run ./scripts/rooms

## write docs/scenarios.md and docs/topologies.md from the types
docs:
	$(GO) generate ./scripts/docs

## write the pages of make docs, and nodes/wire/*.pb.go (needs protoc)
generate: docs
	$(GO) generate ./nodes/wire

## remove bin/ and all results but the committed ones
clean:
	rm -rf bin
	find results -mindepth 1 -maxdepth 1 ! -name baseline ! -name README.md -exec rm -rf {} +
