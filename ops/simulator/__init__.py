"""A stand-in for Claude's Messages API, for tests, benchmarks and a first try without a key. No model is called."""
