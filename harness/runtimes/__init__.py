"""Managed runtimes: programs newer than the host's, as a pinned tree of packages out of a signed archive.

Nothing is installed on the host and nobody has to be root: a tree is unpacked into the cache, no maintainer script
is run, and its programs are started by wrappers that give them the tree's own libraries
(:mod:`harness.runtimes.launchers`).
"""
