"""Sampling and statistics."""
