"""A client for a Debian package archive: mirrors, the signed Release, its indexes, packages and their contents.

Nothing is believed but the keyring: the Release file by its signature, an index by the hash that the Release
states, a package by the hash that the index states.
"""
