"""The kernels on a Mac's GPU, through pyobjc-framework-Metal."""

from refnet.metal.mac.mac_library import MacLibrary

__all__ = ["MacLibrary"]
