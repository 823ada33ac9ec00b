# Two commands do all the set-up: `make run` and `make test`.

.PHONY: run build test test-tools lint doc bench bench-review clean

# Everything in one process: SQLite, nothing to install but Rust and a C compiler.
run: build
	./target/release/moderato serve

build:
	cargo build --release --locked --package moderato

# Real brokers, databases and processes; each test starts its own.
test: test-tools
	cargo build --locked --package moderato
	cargo test --locked --workspace --all-targets
	cargo test --locked --workspace --doc

# What the tests need beyond Rust, from Debian's packages and the npm registry, if it is missing.
test-tools:
	./tests/install-tools

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

# Throughput, latency and CPU of the whole pipeline beside the limits it lives under.
bench: build test-tools
	cargo run --release --locked --package moderato-tests --bin bench_stack -- --all

# The console's pages and moderators' decisions beside their bars, with a million stored comments.
bench-review: build test-tools
	cargo run --release --locked --package moderato-tests --bin bench_review

clean:
	cargo clean
