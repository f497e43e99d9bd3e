# Everything that a developer or CI does with the project. `make` alone lists the targets.
# Works with GNU make 3.81 and later and with any POSIX shell.

BIN     := bin/casebook
VERSION := $(shell git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo devel)

# The version is stamped by the linker alone: with -buildvcs=false and -trimpath the binary depends on the sources, the toolchain and this
# string, not on where or from what kind of checkout it was built.
LDFLAGS := -X main.version=$(VERSION)
GOBUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false

# Writes the sample bundles into the folder that follows.
SAMPLES := go run ./internal/samples -o

GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# The corpus of real files beside the checkout, if it is there; an empty value says that there is none. Tests get an absolute
# path because they run in the folder of their package.
CASEBOOK_CORPUS ?= $(abspath $(wildcard ../shared/corpus))
export CASEBOOK_CORPUS

FUZZTIME  ?= 30s # for each target
FUZZTOTAL ?=     # for all together, e.g. 180s: as many targets as fit, chosen by the commit; empty: every target

PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: help build generate axe test race lint fuzz bench golden demo new-check verify dist
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/casebook, one static binary
	$(GOBUILD) -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/casebook

generate: ## write the generated files anew: pages' code, docs/checks.md, docs/search.md, go:generate
	go tool templ generate -log-level warn
	go generate ./...
	mkdir -p build
	go run ./cmd/casebook checks list --markdown >build/checks.md
	mv build/checks.md docs/checks.md
	go test ./index/query -run TestGuide -update

axe: ## get axe-core, for the tests of the pages (needs npm)
	sh scripts/axe.sh

test: ## run all tests
	@sh scripts/axe.sh 2>/dev/null || true
	@sh scripts/skipped.sh
	go test -timeout 20m ./...

race: ## run the tests with the race detector, the heavy ones shortened
	CGO_ENABLED=1 go test -race -short -timeout 30m ./...

lint: ## run the linters, the import rules among them
	$(GOLANGCI) run ./...

fuzz: ## fuzz every parser for FUZZTIME (30s) each, or a share of them within FUZZTOTAL
	FUZZTIME=$(FUZZTIME) FUZZTOTAL=$(FUZZTOTAL) sh scripts/fuzz.sh

bench: build ## measure speed and memory (BENCHMARK_BUNDLE=path, BENCHMARK_MB=100, BENCHMARK_HIVE=path, BENCHMARK_CASES=100)
	go test -run '^$$' -bench . -benchmem $$(sh scripts/packages.sh '^func Benchmark')
	sh scripts/bench.sh $(BIN)
	sh scripts/bench-archive.sh $(BIN)

golden: ## rewrite the tests' expected files and show what changed
	go test $$(sh scripts/packages.sh 'flag\.Bool("update"') -update
	git diff --stat

demo: build ## analyse the sample bundles and say where the reports are
	rm -rf build/samples build/demo
	$(SAMPLES) build/samples
	$(BIN) analyze build/samples/*.zip -o build/demo
	@echo; echo 'Open in a browser:'; ls "$(CURDIR)"/build/demo/*/index.html

windows: build ## vet and build for Windows, and try that build under Wine
	GOOS=windows CGO_ENABLED=0 go vet ./...
	$(SAMPLES) build/samples
	sh scripts/wine.sh $(BIN) build/samples

new-check: ## begin a check: make new-check ID=vendor-bad-state
	@if [ -z '$(ID)' ]; then echo 'usage: make new-check ID=vendor-bad-state' >&2; exit 2; fi
	go run ./internal/newcheck '$(ID)'

verify: ## run what CI runs
	sh scripts/nodiff.sh $(MAKE) generate
	go mod tidy -diff
	$(MAKE) lint
	$(MAKE) test
	$(MAKE) race
	$(MAKE) fuzz FUZZTIME=10s FUZZTOTAL=60s
	$(MAKE) demo
	$(MAKE) windows

dist: ## build the release files for Linux, macOS and Windows into dist/
	VERSION='$(VERSION)' LDFLAGS='-s -w $(LDFLAGS)' GOBUILD='$(GOBUILD)' sh scripts/dist.sh $(PLATFORMS)
