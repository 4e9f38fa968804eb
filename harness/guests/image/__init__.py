"""From files to what a VMM boots: the newc archive and the initramfs."""
