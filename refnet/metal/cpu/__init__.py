"""The CPU device: the very .metal files, compiled as C++17 against a stand-in <metal_stdlib>.

    from refnet.metal.cpu import CpuLibrary
    CpuLibrary("pool.metal").dispatch("pool", grid, threadgroup, textures, buffers)

It proves a kernel's arithmetic and its host's bindings on a CPU. It does not prove that Apple's
compiler takes the file, and nothing that it runs has run on a GPU.
"""

from refnet.metal.cpu.cpu_library import CpuLibrary
from refnet.metal.device import MetalError

__all__ = ["CpuLibrary", "MetalError"]
