"""The host itself as a backend: the baseline of every comparison."""
