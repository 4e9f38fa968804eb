"""The backend ``vz``: Apple's Virtualization.framework, driven through vfkit."""
