"""Kernels as distributions ship them: taken out of disk images, and unpacked until a VMM takes them."""
