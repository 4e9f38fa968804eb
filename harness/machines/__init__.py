"""Backends: one folder per control protocol, and native."""
