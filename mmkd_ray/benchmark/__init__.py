"""Benchmarks: ratios measured side by side in one run, medians with their spread; `jobs/benchmark.py` runs them."""
