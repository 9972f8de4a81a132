"""Tests, and the servers that they and the benchmarks start."""
