# `make demo` and `make test` do everything on a fresh Debian machine with Swift 6.3; see README.md.
SWIFT ?= swift
# Imports that a target does not declare are errors: the layers of ARCHITECTURE.md hold.
CHECK = --explicit-target-dependency-import-check error
PROGRAMS = beryl beryl-local beryl-domain beryl-enterprise
# The Swift runtime goes into the programs, where the toolchain has it for that: they run where no Swift
# is installed, and references are counted without a detour: 3 % of a local monitor's time.
RUNTIME = $(wildcard $(dir $(realpath $(shell command -v $(SWIFT))))../lib/swift_static)
RELEASE = -c release $(if $(RUNTIME),--static-swift-stdlib)

.PHONY: all demo test bench flood floor fuzz lint format install-dependencies build build-debug clean proto

all: build

install-dependencies:
	@scripts/install-dependencies

# Product by product: a bare `swift build` would also compile unused targets of the dependencies.
build: install-dependencies
	@for program in $(PROGRAMS); do $(SWIFT) build $(RELEASE) --product $$program || exit 1; done

build-debug: install-dependencies
	@for program in $(PROGRAMS); do $(SWIFT) build $(CHECK) --product $$program || exit 1; done

demo: build
	@scripts/demo

test: build-debug
	$(SWIFT) build $(CHECK) --product berylPackageTests
	$(SWIFT) test $(CHECK) --skip-build

bench: install-dependencies
	$(SWIFT) build $(RELEASE) --product beryl-bench
	@.build/release/beryl-bench hot
	@.build/release/beryl-bench engines
	@.build/release/beryl-bench links
	@.build/release/beryl-bench correlation
	@.build/release/beryl-bench tree

# One child's five million reports, and what its siblings notice; a minute or two, 200 MB in /tmp.
flood: install-dependencies
	$(SWIFT) build $(RELEASE) --product beryl-bench
	$(SWIFT) build $(RELEASE) --product beryl-enterprise
	@.build/release/beryl-bench flood

# The weakest attacks that are still found: docs/detection-floor.md and its figure; RUNS per point.
RUNS ?= 20
floor: install-dependencies
	$(SWIFT) build $(RELEASE) --product beryl-bench
	@scripts/floor --runs $(RUNS)

# INPUTS per target, e.g. 10000000; TARGETS="http tls" for some of them only; SEED for other inputs.
INPUTS ?= 100000
SEED ?= 1
fuzz: install-dependencies
	$(SWIFT) build $(RELEASE) --product beryl-bench
	@.build/release/beryl-bench fuzz --inputs $(INPUTS) --seed $(SEED) $(TARGETS)

lint:
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests

format:
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

proto:
	@scripts/generate-proto

clean:
	$(SWIFT) package clean
