"""Guests under QEMU, whatever the accelerator: command line, control, machine."""
