"""Facts about the host, its accelerators and QEMU binaries, and the processes the harness owns."""
