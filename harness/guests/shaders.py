"""Shaders as C, so that a program needs no other file: ``fill.wgsl`` becomes ``fill.wgsl.h`` with ``FILL_WGSL``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def shader_header(shader: Path) -> str:
    """The C header of one shader, which is ASCII; raises UnicodeDecodeError otherwise."""
    lines = "".join(f'    "{_escaped(line)}\\n"\n' for line in shader.read_text("ascii").splitlines())
    return f"static const char {shader.stem.upper()}_WGSL[] =\n{lines}    ;\n"


def write_shader_headers(sources: Path, folder: Path) -> None:
    """The headers of every shader in ``sources``."""
    for shader in sorted(sources.glob("*.wgsl")):
        (folder / f"{shader.name}.h").write_text(shader_header(shader), "ascii")


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace('"', '\\"')
