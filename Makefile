# Everything a person does here has one word. Programs are built with Swift's library inside, so that they run where no Swift is.
.POSIX:
.PHONY: build run test bench check format programs

RELEASE = swift build -c release --static-swift-stdlib

build:
	@scripts/bootstrap build
	@$(MAKE) --no-print-directory programs

programs:
	$(RELEASE) --product sluice
	$(RELEASE) --product sluice-scan
	$(RELEASE) --product sluice-jail
	@mkdir -p bin
	@ln -sf ../.build/release/sluice ../.build/release/sluice-scan ../.build/release/sluice-jail bin/

# exec: the server is make's own child, and what make is told to end with reaches it.
run: build
	@exec bin/sluice serve

# The tests of whole paths start the release programs, so those come first.
test:
	@scripts/bootstrap test
	@$(MAKE) --no-print-directory programs
	@scripts/test

bench:
	@scripts/bootstrap bench
	@$(MAKE) --no-print-directory programs
	@scripts/bench

# Form, and that every target names what it imports. A folder of its own, or the next ordinary build would start anew.
check:
	swift format lint --strict --recursive Package.swift Sources Tests
	swift build --scratch-path .build/check --explicit-target-dependency-import-check error

format:
	swift format format --in-place --recursive Package.swift Sources Tests
