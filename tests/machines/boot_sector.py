"""Guests of 512 bytes: a boot sector that speaks on the serial port, then does one thing. Ready in a second."""

from pathlib import Path

ORIGIN = 0x7C00
SERIAL = 0x3F8
HALT = bytes.fromhex("f4 ebfd")  # hlt; jmp hlt
CLUSTER = 128
"""In sectors: every access is to another cluster of a qcow2 image."""


def boot_sector(says: bytes, *, then: str) -> bytes:
    """An image that prints ``says``, and then: ``halt`` for ever, or ``again`` without end.

    ``halt once``: after a reset, it halts without a word; the clock's memory tells it. ``reboot``. ``watchdog``: gives
    an ib700 no time at all. ``read`` or ``write``: a sector of each cluster of its disk, the second one's first.
    """
    prologue = bytes.fromhex("31c0 8ed8 fc")  # xor ax, ax; mov ds, ax; cld
    port = b"\xba" + SERIAL.to_bytes(2, "little")  # mov dx, SERIAL
    asks = b""
    if then == "halt once":
        # mov al, 50h; out 70h, al; in al, 71h; test al, al; jz +3; hlt; jmp hlt; then the same byte is set to 1
        asks = bytes.fromhex("b050 e670 e471 84c0 7403 f4 ebfd b050 e670 b001 e671")
        then = "halt"
    loop = bytes.fromhex("ac 84c0 7403 ee ebf8")  # lodsb; test al, al; jz +3; out dx, al; jmp lodsb
    start = len(prologue) + len(asks) + len(port) + 3 + len(loop)
    ends = {
        "halt": HALT,
        "again": bytes([0xEB, (-(3 + len(loop) + 2)) & 0xFF]),  # jmp to mov si
        "reboot": bytes.fromhex("b0fe e664")
        + HALT,  # mov al, feh; out 64h, al: the keyboard controller resets
        "watchdog": bytes.fromhex("ba4304 b00f ee") + HALT,  # mov dx, 443h; mov al, 0fh; out dx, al
        "read": _accesses(0x42, ORIGIN + start),
        "write": _accesses(0x43, ORIGIN + start),
    }
    end = ends[then]
    text = ORIGIN + start + len(end)
    code = prologue + asks + port + b"\xbe" + text.to_bytes(2, "little") + loop + end  # mov si, text
    return (code + says + b"\0").ljust(510, b"\0") + b"\x55\xaa"


def _accesses(command: int, at: int) -> bytes:
    """INT 13h's extended read or write, for ever; ``at``: where this code will be."""
    packet = bytes.fromhex("1000 0100 007e 0000") + CLUSTER.to_bytes(8, "little")  # one sector, at 7e00h
    code = b"\xb8\0" + bytes([command])  # mov ax, COMMAND
    code += bytes.fromhex("b280 cd13 814408")  # mov dl, 80h; int 13h; add word [si+8],
    code += CLUSTER.to_bytes(2, "little") + bytes.fromhex("83540a00")  # CLUSTER; adc word [si+10], 0
    code += bytes([0xEB, -(len(code) + 2) & 0xFF])  # jmp to mov ax
    return b"\xbe" + (at + 3 + len(code)).to_bytes(2, "little") + code + packet  # mov si, packet


def write_boot_sector(path: Path, says: bytes, *, then: str = "halt", size_bytes: int = 1 << 20) -> Path:
    """The image as a raw disk of at least 1 MiB: SeaBIOS reads none of less than a cylinder."""
    with path.open("wb") as file:
        file.write(boot_sector(says, then=then))
        file.truncate(size_bytes)
    return path
