"""Frames out of a machine, whoever hands them over: QEMU's D-Bus display, VNC, screendumps, shared memory."""
