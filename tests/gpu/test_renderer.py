"""Names that drivers gave themselves, and who they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gpu.renderer import classify
from harness.gpu.report import Adapter


def adapter(api: str, device: str, driver: str = "") -> Adapter:
    return Adapter(
        event="adapter",
        api=api,
        kind="cpu",
        device=device,
        driver=driver,
        driver_info="",
        vendor_id=0,
        device_id=0,
    )


@pytest.mark.parametrize(
    ("api", "device", "layers", "leaves_guest", "on_processor"),
    [
        ("vulkan", "Virtio-GPU Venus (llvmpipe (LLVM 19.1.7, 256 bits))", "venus on lavapipe", True, True),
        ("vulkan", "Virtio-GPU Venus (AMD Radeon RX 6800 (RADV NAVI21))", "venus on hardware", True, False),
        ("vulkan", "Virtio-GPU Venus (Apple M1)", "venus on hardware", True, False),
        ("vulkan", "Virtio-GPU Venus (NVIDIA GeForce RTX 3060)", "venus on hardware", True, False),
        ("vulkan", "llvmpipe (LLVM 15.0.6, 256 bits)", "lavapipe", False, True),
        ("vulkan", "llvmpipe (LLVM 19.1.7, 128 bits)", "lavapipe", False, True),
        ("vulkan", "AMD Radeon RX 6800 (RADV NAVI21)", "hardware", True, False),
        ("vulkan", "NVIDIA GeForce RTX 4090", "hardware", True, False),
        ("vulkan", "Intel(R) UHD Graphics 620 (KBL GT2)", "hardware", True, False),
        ("vulkan", "SwiftShader Device (LLVM 10.0.0)", "software", False, True),
        ("gles", "llvmpipe (LLVM 15.0.6, 256 bits)", "llvmpipe", False, True),
        ("gles", "virgl (llvmpipe (LLVM 19.1.7, 256 bits))", "virgl on llvmpipe", True, True),
        ("gles", "virgl (LLVMPIPE (LLVM 15.0.6, 256 bits))", "virgl on llvmpipe", True, True),
        ("gles", "virgl (Mesa Intel(R) UHD Graphics 620 (KBL GT2))", "virgl on hardware", True, False),
        ("gles", "virgl (ANGLE (Apple, Apple M1, OpenGL 4.1 Metal - 83.1))", "virgl on hardware", True, False),
        ("gles", "virgl", "virgl", True, False),
        ("gles", "zink Vulkan 1.4(Virtio-GPU Venus (llvmpipe (LLVM 19.1.7, 256 bits)) (VENUS_MESA))",
         "zink on venus on lavapipe", True, True),
        ("gles", "zink Vulkan 1.3(Virtio-GPU Venus (llvmpipe (LLVM 19.1.7, 256 bits)) (MESA_VENUS))",
         "zink on venus on lavapipe", True, True),
        ("gles", "zink Vulkan 1.4(llvmpipe (LLVM 19.1.7, 256 bits) (MESA_LLVMPIPE))", "zink on lavapipe", False, True),
        ("gles", "zink Vulkan 1.3(AMD Radeon RX 6800 (RADV NAVI21) (MESA_RADV))", "zink on hardware", True, False),
        ("gles", "zink (llvmpipe (LLVM 13.0.0, 256 bits))", "zink on lavapipe", False, True),
        ("gles", "softpipe", "software", False, True),
        ("gles", "SVGA3D; build: RELEASE;  LLVM;", "paravirtual", True, False),
        ("gles", "Mesa Intel(R) UHD Graphics 620 (KBL GT2)", "hardware", True, False),
        ("metal", "Apple M1 Pro", "hardware", True, False),
        ("metal", "Apple Paravirtual device", "paravirtual", True, False),
        ("dx12", "Microsoft Basic Render Driver", "software", False, True),
        ("vulkan", "", "unknown", False, False),
        ("gles", "  ", "unknown", False, False),
    ],
)  # fmt: skip
def test_a_name_is_read_layer_by_layer(api, device, layers, leaves_guest, on_processor):
    renderer = classify(adapter(api, device))
    assert str(renderer) == layers
    assert (renderer.leaves_guest, renderer.on_processor) == (leaves_guest, on_processor)


@given(st.text("virgl zink(Venus)llvmpipe Virtio-GPU,0", max_size=200), st.sampled_from(["vulkan", "gles"]))
def test_any_name_is_read_and_ends(device, api):
    assert 1 <= len(classify(adapter(api, device)).layers) <= 6


def test_a_name_that_nests_for_ever_is_read_to_some_depth():
    assert len(classify(adapter("gles", "virgl (" * 50 + ")" * 50)).layers) <= 6
