"""Ways to talk to a machine: console, virtio-serial, QMP, SSH."""
