"""Small real versions of the benchmarks that look for faults."""
