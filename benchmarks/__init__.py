"""Measures what docs/performance.md states; `python -m benchmarks --help` says how."""
