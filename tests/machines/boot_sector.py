"""Guests of 512 bytes: a boot sector that speaks on the serial port, then hangs or floods. Ready in a second."""

from pathlib import Path

ORIGIN = 0x7C00
SERIAL = 0x3F8


def boot_sector(says: bytes, *, then: str) -> bytes:
    """An image that prints ``says``, and then: ``halt`` for ever, or ``again`` without end.

    ``halt once``: after a reset, it halts without a word; the clock's memory tells it.
    """
    prologue = bytes.fromhex("31c0 8ed8 fc")  # xor ax, ax; mov ds, ax; cld
    port = b"\xba" + SERIAL.to_bytes(2, "little")  # mov dx, SERIAL
    asks = b""
    if then == "halt once":
        # mov al, 50h; out 70h, al; in al, 71h; test al, al; jz +3; hlt; jmp hlt; then the same byte is set to 1
        asks = bytes.fromhex("b050 e670 e471 84c0 7403 f4 ebfd b050 e670 b001 e671")
        then = "halt"
    start = len(prologue) + len(port) + len(asks)
    loop = bytes.fromhex("ac 84c0 7403 ee ebf8")  # lodsb; test al, al; jz +3; out dx, al; jmp lodsb
    length = 3 + len(loop) + 3
    again = bytes([0xEB, (-(3 + len(loop) + 2)) & 0xFF, 0x90])  # jmp to mov si; nop
    halt = bytes.fromhex("f4 ebfd")  # hlt; jmp hlt
    text = ORIGIN + start + length
    code = prologue + asks + port + b"\xbe" + text.to_bytes(2, "little") + loop  # mov si, text
    code += {"halt": halt, "again": again}[then] + says + b"\0"
    return code.ljust(510, b"\0") + b"\x55\xaa"


def write_boot_sector(path: Path, says: bytes, *, then: str = "halt") -> Path:
    """The image as a raw disk of 1 MiB: SeaBIOS reads none of less than a cylinder."""
    path.write_bytes(boot_sector(says, then=then).ljust(1 << 20, b"\0"))
    return path
