"""What a stream is said to take at most is more than it takes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.encoder.model import Bitrate, EncoderConfig, Profile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")

ENCODE = """
import os, sys
from harness.encoder.encoder import Encoder
from harness.encoder.model import Bitrate, EncoderConfig, PixelFormat, Profile, Surface

def resident():
    status = open("/proc/self/status").read()
    return int(status.partition("RssAnon:")[2].split()[0]) << 10

def encode(width, height, threads, profile):
    pixels = os.urandom(4 * width * height)
    surface = Surface(width, height, 4 * width, PixelFormat.XRGB8888, pixels)
    before = resident()
    config = EncoderConfig(
        width, height, rate=Bitrate(1_000_000_000), threads=threads, profile=Profile(profile)
    )
    with Encoder(config) as encoder:
        for frame in range(3):
            encoder.encode(surface, frame)
        return resident() - before

encode(16, 16, 1, 66)  # what all streams share is loaded
print(encode(*map(int, sys.argv[1:])))
"""


@pytest.mark.parametrize(
    ("width", "height", "threads", "profile"),
    [(320, 96, 8, 66), (16, 4096, 1, 66), (1280, 720, 8, 66), (1920, 1080, 1, 66), (1920, 1080, 8, 100)],
)
def test_noise_at_a_gigabit_takes_no_more_than_is_said(width, height, threads, profile) -> None:
    arguments = [str(each) for each in (width, height, threads, profile)]
    # In a process of its own: what an encoder left is used by the next.
    ended = subprocess.run(
        [sys.executable, "-c", ENCODE, *arguments], capture_output=True, text=True, check=True, timeout=300
    )
    said = EncoderConfig(
        width, height, rate=Bitrate(1_000_000_000), threads=threads, profile=Profile(profile)
    ).memory_bytes
    assert 0 < int(ended.stdout) <= said
