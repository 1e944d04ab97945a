# Everything one does with this checkout. `make` alone lists it; the work is in scripts/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run run-sql stop build release test e2e check fmt audit bench faults bless proto bpf dev screenshots

# `make run DATA=… HTTP=… LISTEN=…` for a second instance; see scripts/lib/pair.sh.
export DATA HTTP LISTEN PAGE SQL

help: ## this list
	@echo "Tacho: make TARGET"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build and start server and agent here, until Ctrl-C; ARGS=--detach leaves them running
	@scripts/run $(ARGS)

run-sql: ## build and start tacho-sql beside `make run`: SQL over HTTP and for psql, until Ctrl-C
	@scripts/run-sql $(ARGS)

stop: ## stop what `make run` and `make run-sql` started
	@scripts/stop

dev: ## the pair in the background and the page from its sources, reloading as they change
	@scripts/dev

build: ## both daemons with the page inside, quick to build (target/quick)
	@scripts/build quick

release: ## both daemons with the page inside, quick to run (target/release)
	@scripts/build release

test: ## every test: Rust, page, and the page in a browser against a real pair
	@scripts/test

e2e: ## only the browser tests
	@scripts/test browser

check: ## format, lints, documentation, shell scripts, page lint and types
	@scripts/check

fmt: ## format Rust and page
	@cargo fmt --all
	@cd web && npm run --silent format

audit: ## licences, advisories, duplicate versions (cargo-deny)
	@scripts/audit

bench: ## measure agent, its accuracy, history on disk, queries, page; ARGS=agent or ARGS=page picks
	@bench/run $(ARGS)

screenshots: ## take the pictures of docs/images anew, with a real incident in them (some minutes)
	@scripts/screenshots

faults: ## real daemons under all that goes wrong, every frame counted (root); ARGS="--help" for more
	@cargo run --quiet -p tacho-testkit --bin tacho-faults -- $(ARGS)

bless: ## rewrite the committed files that tests compare with; look at the diff
	@BLESS=1 cargo test --workspace --quiet

proto: ## regenerate the committed code of the .proto files
	@BLESS=1 cargo test --quiet -p tacho-wire --test it generated

bpf: ## rebuild the committed object of the BPF programs (installs clang)
	@scripts/bpf
