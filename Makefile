# Everything a user needs: make exp400, make test. Go is the only requirement.
GO      ?= go
PROFILE ?= quick
JOBS    ?= 0
# How often a cell is run again that the audit calls disturbed. The quick profile
# is to be quick on a busy machine, too: there such cells just stay marked.
RERUNS  ?= $(if $(filter quick,$(PROFILE)),0,2)

BIN     := bin/edgebed
VIRTUAL := bin/edgebed-virtual
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null)$(shell git diff --quiet HEAD 2>/dev/null || echo +dirty)
LDFLAGS := -X edgebed/harness/record.commit=$(COMMIT)
SOURCES := $(shell find harness nodes topologies scenarios -name '*.go' -o -name '*.yaml' -o -name schema.json -o -path '*/page/*')

.PHONY: all exp400 exp401 exp402 alibaba-mix test lint bench gate-rates vmtest regress regress-baseline regress-emulated regress-grid regress-vm regress-vm-grid clean generate

all: $(BIN) $(VIRTUAL)

$(BIN): $(SOURCES) go.mod go.sum
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./harness/cmd/edgebed

# The worker for virtual time: the runtime's clock is chosen at build time, and
# stands still for good where cgo is on.
$(VIRTUAL): $(SOURCES) go.mod go.sum
	CGO_ENABLED=0 $(GO) build -trimpath -tags faketime -ldflags '$(LDFLAGS)' -o $@ ./harness/cmd/edgebed-virtual

# Each runs an experiment from scratch: results of an earlier run are moved
# aside. VARIANT=text runs 400 and 401 as the paper's words say instead of as the
# published scripts do.
exp400 exp401 exp402 alibaba-mix: OUT = results/$@$(VARIANT:%=-%)
exp400 exp401 exp402 alibaba-mix: $(BIN)
	@scripts/fresh $(OUT)
	$(BIN) run $@ --profile $(PROFILE) --jobs $(JOBS) --reruns $(RERUNS) --out $(OUT) $(VARIANT:%=--set variant=%)

FORMAT  ?= text

# The whole quick grids of experiments 400 and 401, both variants, in virtual time,
# against the committed baseline: some two minutes on two cores, without privileges.
# A new baseline, from the present code: make regress-baseline REASON='...'
regress: $(BIN) $(VIRTUAL)
	scripts/regress-virtual check $(FORMAT)

regress-baseline: $(BIN) $(VIRTUAL)
	scripts/regress-virtual update '$(REASON)'

# A small grid on emulated links against the committed baseline. A new baseline:
# make regress-grid && bin/edgebed baseline update results/regress --reason '...'
REGRESS := --where 'argument=10 kB' --where 'panel=S=3,L=6' --where 'rate=5 Mb/s' --where 'rate=20 Mb/s' \
	--where 'rate=50 Mb/s' --where 'rate=100 Mb/s'
regress-emulated:
	scripts/ci-regress regress $(FORMAT)

regress-grid: $(BIN)
	@scripts/fresh results/regress
	$(BIN) run exp400 $(REGRESS) --jobs $(JOBS) --out results/regress

# The gate's error rates: unchanged runs against each other and against runs with
# slow-downs built in; see scripts/gate-rates. 15 runs of some 3 minutes each.
UNCHANGED ?= 11
INJECTED  ?= 1
gate-rates:
	$(GO) run ./scripts/gate-rates -unchanged $(UNCHANGED) -injected $(INJECTED) -- exp400 --profile $(PROFILE) --jobs $(JOBS) --reruns $(RERUNS)

test:
	$(GO) test -race ./...

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	$(GO) mod verify

# Truth of links and counters, set-up times, cost of the delay line.
bench:
	$(GO) test -run '^$$' -bench . -benchtime 1x ./harness/emu/...

# The network's tests, the way without root, and both delay back ends side by
# side, in a virtual machine with the distribution's kernel; see scripts/vm.
vmtest:
	$(GO) run ./scripts/vm test

# The same with a grid in such a machine, whose clock counts instructions: delays
# hardly depend on the load of this one.
regress-vm:
	scripts/ci-regress regress-vm $(FORMAT)

regress-vm-grid: $(BIN)
	@scripts/fresh results/regress-vm
	$(GO) run ./scripts/vm -out results/regress-vm run -- exp400 --reruns 0 --where 'panel=S=3,L=6' --where 'argument=10 kB' \
		--where 'rate=1 Mb/s' --where 'rate=10 Mb/s' --where 'rate=100 Mb/s'

# Regenerates nodes/wire/*.pb.go; needs protoc.
generate:
	$(GO) generate ./nodes/wire

clean:
	rm -rf bin
	find results -mindepth 1 -maxdepth 1 ! -name baseline ! -name README.md -exec rm -rf {} +
