"""The fixtures of the archive layer."""

from tests.archive.fixtures import archive, cache, keyring, no_space_beyond, read_only_folder

__all__ = ["archive", "cache", "keyring", "no_space_beyond", "read_only_folder"]
