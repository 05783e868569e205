"""The tests: they mirror the tree of the program; benchmarks are kept apart from them."""
