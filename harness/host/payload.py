"""The guests that prove an accelerator: a moment of a real guest's life in under 300 bytes each.

Each says ``+`` on the serial port when it has begun, does a moment's work as every real guest does it (64-bit code,
floating point with a checked answer, 33 million turns of a loop), says TOKEN, and powers its machine off. The work
tells a guest that runs from one that is only emulated instruction by instruction: a KVM without hardware behind it
opens, starts this guest, and then fails on the first floating-point instruction or takes minutes over the loop.

A listing has the bytes on the left and what they are assembled from on the right (GNU syntax; ``.org`` pads with zeroes
up to an offset); a test assembles the right side with clang and compares.
"""

from __future__ import annotations

TOKEN = b"visorbench: alive\n"
BEGUN = b"+"
POWERED_OFF = {"x86-64": 33, "arm64": 0}
"""QEMU's exit status after the payload's last instruction: isa-debug-exit makes 2 * 0x10 + 1 of the 0x10 it gets."""
ROM_SIZE = 0x10000
"""QEMU wants a PC's firmware in multiples of 64 KiB; its last byte is the last below 4 GiB."""

LISTINGS = {
    # The last 256 bytes below 4 GiB, entered in real mode at 0xfffffff0 (Intel SDM vol. 3, 11.1.4): page tables at
    # 0x1000 that map the last 2 MiB below 4 GiB, PAE and SSE on, EFER.LME, then protection and paging with caches
    # on at once, and a far jump into 64-bit code. COM1 is at 0x3f8, isa-debug-exit at 0xf4.
    "x86-64": r"""
                                         |         .set base, 0xffffff00
                                         |         .code16
                                         | start:
    66 c7 06 00 10 03 20 00 00           |         movl $0x2003, 0x1000
    66 c7 06 18 20 03 30 00 00           |         movl $0x3003, 0x2018
    66 c7 06 f8 3f 83 00 e0 ff           |         movl $0xffe00083, 0x3ff8
    66 b8 00 10 00 00                    |         movl $0x1000, %eax
    0f 22 d8                             |         movl %eax, %cr3
    66 b8 20 06 00 00                    |         movl $0x620, %eax
    0f 22 e0                             |         movl %eax, %cr4
    66 b9 80 00 00 c0                    |         movl $0xc0000080, %ecx
    0f 32                                |         rdmsr
    66 0d 00 01 00 00                    |         orl $0x100, %eax
    0f 30                                |         wrmsr
    2e 66 0f 01 16 a5 ff                 |         lgdtl %cs:gdtr - start + 0xff00
    66 b8 33 00 00 80                    |         movl $0x80000033, %eax
    0f 22 c0                             |         movl %eax, %cr0
    66 ea 55 ff ff ff 08 00              |         ljmpl $8, $entered - start + base
                                         |         .code64
                                         | entered:
    ba f8 03 00 00                       |         movl $0x3f8, %edx
    b0 2b                                |         movb $'+', %al
    ee                                   |         outb %al, %dx
    b8 07 00 00 00                       |         movl $7, %eax
    f2 0f 2a c0                          |         cvtsi2sd %eax, %xmm0
    f2 0f 59 c0                          |         mulsd %xmm0, %xmm0
    f2 0f 2d c0                          |         cvtsd2si %xmm0, %eax
    83 f8 31                             |         cmpl $49, %eax
    75 1b                                |         jne off
    b9 00 00 00 02                       |         movl $0x2000000, %ecx
                                         | turn:
    ff c9                                |         decl %ecx
    75 fc                                |         jnz turn
    48 8d 35 28 00 00 00                 |         leaq token(%rip), %rsi
    b9 12 00 00 00                       |         movl $18, %ecx
                                         | next:
    ac                                   |         lodsb
    ee                                   |         outb %al, %dx
    ff c9                                |         decl %ecx
    75 fa                                |         jnz next
                                         | off:
    b0 10                                |         movb $0x10, %al
    e6 f4                                |         outb %al, $0xf4
                                         | halt:
    f4                                   |         hlt
    eb fd                                |         jmp halt
                                         | gdt:
    00 00 00 00 00 00 00 00              |         .quad 0
    ff ff 00 00 00 9b af 00              |         .quad 0x00af9b000000ffff
                                         | gdtr:
    0f 00                                |         .word 15
    95 ff ff ff                          |         .long gdt - start + base
                                         | token:
    76 69 73 6f 72 62 65 6e 63 68 3a 20  |         .ascii "visorbench: "
    61 6c 69 76 65 0a                    |         .ascii "alive\n"
                                         |         .org 0xf0
                                         |         .code16
    e9 0d ff                             |         jmp start
                                         |         .org 0x100
    """,
    # Entered at address 0 in EL1 with the MMU off: instruction cache and floating point on, then as above. The PL011
    # of QEMU's `virt` machine is at 0x09000000; PSCI SYSTEM_OFF is 0x84000008 (Arm DEN0022).
    "arm64": r"""
    00 10 38 d5                          |         mrs x0, sctlr_el1
    00 00 74 b2                          |         orr x0, x0, #0x1000
    00 10 18 d5                          |         msr sctlr_el1, x0
    00 06 a0 d2                          |         mov x0, #0x300000
    40 10 18 d5                          |         msr cpacr_el1, x0
    df 3f 03 d5                          |         isb
    01 20 a1 d2                          |         mov x1, #0x09000000
    20 60 80 52                          |         mov w0, #0x301
    20 30 00 b9                          |         str w0, [x1, #0x30]
    60 05 80 52                          |         mov w0, #'+'
    20 00 00 b9                          |         str w0, [x1]
    00 90 63 1e                          |         fmov d0, #7.0
    00 08 60 1e                          |         fmul d0, d0, d0
    00 00 78 1e                          |         fcvtzs w0, d0
    1f c4 00 71                          |         cmp w0, #49
    21 01 00 54                          |         b.ne off
    00 40 a0 52                          |         mov w0, #0x2000000
                                         | turn:
    00 04 00 71                          |         subs w0, w0, #1
    e1 ff ff 54                          |         b.ne turn
    42 01 00 10                          |         adr x2, token
                                         | next:
    40 14 40 38                          |         ldrb w0, [x2], #1
    60 00 00 34                          |         cbz w0, off
    20 00 00 b9                          |         str w0, [x1]
    fd ff ff 17                          |         b next
                                         | off:
    00 01 80 52                          |         mov w0, #0x0008
    00 80 b0 72                          |         movk w0, #0x8400, lsl #16
    02 00 00 d4                          |         hvc #0
                                         | halt:
    7f 20 03 d5                          |         wfi
    ff ff ff 17                          |         b halt
                                         | token:
    76 69 73 6f 72 62 65 6e 63 68 3a 20  |         .ascii "visorbench: "
    61 6c 69 76 65 0a 00 00              |         .ascii "alive\n\0\0"
    """,
}


def payload(arch: str) -> bytes:
    """The bytes of the listing for ``arm64`` or ``x86-64``."""
    code = bytearray()
    for line in LISTINGS[arch].strip().splitlines():
        octets, _, source = line.partition("|")
        code += bytes.fromhex(octets)
        if source.strip().startswith(".org"):
            code += bytes(int(source.split()[1], 16) - len(code))
    return bytes(code)


def firmware(arch: str) -> bytes:
    """The payload as QEMU's ``-bios`` takes it."""
    code = payload(arch)
    return code.rjust(ROM_SIZE, b"\0") if arch == "x86-64" else code
