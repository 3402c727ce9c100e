# Run `make help` for what there is. Every target installs what it needs first.
SHELL := /bin/sh
.DEFAULT_GOAL := help
BUN = "$$(sh cli/bootstrap.sh)"
BUF = node_modules/.bin/buf
# `gateway` and `im-gateway` name the same service.
service = $(patsubst im-%,%,$(SERVICE))
SERVICES := gateway logic repo task

.PHONY: run install-tools tidy fmt lint docs proto proto-check proto-breaking test test-fast test-live test-service conformance compose-check build build-service bench infra-up infra-down status up down config-sync config-sync-dev clean-infra clean help all

run: ## start all of GoChat on embedded defaults (PORT=8080, DATA=./data)
	@exec ./gochat serve $(if $(DATA),--data $(DATA))

install-tools: ## install Bun (when missing) and the pinned developer tools
	@$(BUN) --version >/dev/null && echo "Bun, dependencies and tools are installed."

tidy: ## install exactly what bun.lock names and drop the rest
	@bun=$(BUN) && rm -rf node_modules && "$$bun" install --frozen-lockfile && cp bun.lock node_modules/.gochat-bun.lock

fmt: ## format everything
	@$(BUN) x biome check --write --linter-enabled=false . && $(BUF) format -w

lint: ## formatter, linters, types, protobuf
	@$(BUN) x biome check --error-on-warnings . && $(BUN) x tsc --noEmit && $(BUN) x oxlint --type-aware --deny-warnings && $(BUF) lint && $(BUF) format --diff --exit-code

proto: ## generate proto/gen from proto/
	@$(BUN) --version >/dev/null && rm -rf proto/gen && $(BUF) generate

docs: ## write docs/api from the endpoints and frames in the code
	@$(BUN) cli/api-documents.ts

proto-check: proto ## fail when the committed proto/gen is not what proto/ generates
	@git diff --exit-code --stat -- proto/gen && test -z "$$(git status --porcelain -- proto/gen)"

AGAINST ?= HEAD~1
proto-breaking: ## fail when proto/ breaks its callers since a revision: make proto-breaking AGAINST=main
	@$(BUN) --version >/dev/null && $(BUF) breaking --against ".git#ref=$(AGAINST)"

test: ## every test, on embedded backends and on real servers, with coverage (coverage.html, coverage/lcov.info)
	@$(BUN) test/run.ts all

test-fast: ## the tests that start no servers
	@$(BUN) test/run.ts fast

test-live: ## the tests that need real servers, which it starts and stops
	@$(BUN) test/run.ts live

test-service: ## the tests of one service: make test-service SERVICE=gateway
	@test -n "$(filter $(service),$(SERVICES))" || { echo "SERVICE must be one of: $(SERVICES)"; exit 64; }
	@$(BUN) test/run.ts service $(service)

conformance: ## the Connect conformance suite on our RPC server and client (needs Go)
	@$(BUN) test/conformance/run.ts

compose-check: ## compose.yaml against the Compose specification (needs Go, no engine)
	@$(BUN) test/compose-check.ts

build: ## single-file executables in bin/: gochat and one per service
	@$(BUN) cli/build.ts all

build-service: ## the executable of one service: make build-service SERVICE=logic
	@test -n "$(filter $(service),$(SERVICES))" || { echo "SERVICE must be one of: $(SERVICES)"; exit 64; }
	@$(BUN) cli/build.ts $(service)

bench: ## five minutes of the bench and a page of it; one scenario: make bench ARGS="world --conns 1000 --rate 20"
	@./gochat bench $(or $(ARGS),all)

infra-up: ## start MySQL, PostgreSQL, Redis, Kafka … (ONLY=redis,kafka; KAFKA_VERSION=3.9)
	@./gochat infra up --only "$(ONLY)"

infra-down: ## stop the servers that infra-up started
	@./gochat infra down --only "$(ONLY)"

status: ## the servers of infra-up: state, port, log
	@./gochat infra status --only "$(ONLY)"

up: ## the four services as processes on the servers of infra-up (GATEWAYS=2 DB=postgres PORT=8080)
	@GATEWAYS="$(GATEWAYS)" DB="$(DB)" ./gochat up $(ARGS)

down: ## drain and stop them
	@./gochat down

config-sync: ## config/ENV/*/*.yaml into the configuration centre (ENV=production FORCE=1 ENDPOINTS=host:port)
	@./gochat config sync "$(or $(ENV),production)" $(if $(FORCE),--force) $(if $(ENDPOINTS),--endpoints "$(ENDPOINTS)")

config-sync-dev: ## the same for development
	@./gochat config sync development $(if $(FORCE),--force) $(if $(ENDPOINTS),--endpoints "$(ENDPOINTS)")

clean-infra: ## remove what the stopped servers stored
	@./gochat infra clean --only "$(ONLY)"

clean: ## remove what build and tests made; data stays
	@rm -rf bin coverage coverage.html test/.artifacts

all: fmt lint test ## format, lint, test

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile
