# What people run every day. `just check` is what a change must pass; CI runs `.ci/run`.

# everything that a change must pass, quickest first
check: format lint test filter

format:
    cargo fmt --check

lint:
    cargo clippy --locked --all-targets -- -D warnings

test:
    cargo test --locked

# rebuilds the default filter and compares its bytes
filter:
    wasm-filters/build --check

# rewrites tests/golden from what the program says now; read the difference before committing it
golden:
    UPDATE_GOLDEN=1 cargo test --locked

# what takes too long for every change: licenses, bans, injected faults
full:
    .ci/full

demo:
    cargo run --locked --release -- demo
