"""Runs: their models, their store, the folder each writes."""
