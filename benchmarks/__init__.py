"""Measures the client beside others, for the tables of docs/performance.md."""
