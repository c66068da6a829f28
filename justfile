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

# what takes too long for every change: licenses, bans, injected faults, hundreds of targets
full:
    .ci/full

# ten minutes on bad days, with the program as it is released (MINUTEBOOK_SOAK_SECONDS=60 for one); prints what it took
soak:
    cargo build --locked --release
    MINUTEBOOK_TEST_BINARY="${CARGO_TARGET_DIR:-$PWD/target}/release/minutebook" \
        cargo test --locked --test it -- --ignored --nocapture soak::

# a real Kubernetes cluster on loopback to try minutebook on: up, shell, status, down
cluster *arguments:
    tests/real/cluster {{arguments}}

demo:
    cargo run --locked --release -- demo
