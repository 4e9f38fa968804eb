"""The fixtures of the guests layer: those of the archive that its guests come from."""

from tests.archive.fixtures import archive, cache, keyring, no_space_beyond, read_only_folder

__all__ = ["archive", "cache", "keyring", "no_space_beyond", "read_only_folder"]
