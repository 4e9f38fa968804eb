"""Kernels as distributions ship them: unpacked until a VMM takes them."""
