"""A reader with a fault, so that it is known that a fault is found."""

import sys

import atheris


@atheris.instrument_func
def read(data: bytes) -> None:
    """Two bytes in a row are wrong."""
    if data[:1] == b"F" and data[1:2] == b"A":
        raise IndexError("a fault")


atheris.Setup([sys.argv[0], *sys.argv[2:]], read)
atheris.Fuzz()
