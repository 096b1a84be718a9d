# Short names for long commands. Each is one command that works without just.

# List the recipes
default:
    @just --list

# Run a lesson: just run gather --timeline
run lesson *flags:
    cargo run --package {{lesson}} -- {{flags}}

# Test everything, as the README says
test:
    cargo test --workspace

# Say which claim of the chapters is no longer true
check:
    cargo xtask tutorials

# Rewrite what the chapters quote and draw
write:
    cargo xtask tutorials --write

# Compare each lesson with its Python twin
twins *names:
    cargo xtask twins {{names}}

# Lint as CI does
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The next exercise, checked on each save
exercises *command:
    cargo run --package exercises -- {{command}}

# Slides of the chapters, for a class
slides *chapters:
    cargo xtask slides {{chapters}}
