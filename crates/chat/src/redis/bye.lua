-- This process stops.
sweep(ARGV[1])
