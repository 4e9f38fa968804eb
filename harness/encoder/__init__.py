"""Surfaces to H.264: the library of ``native/encoder``, built on this host and called through cffi."""
