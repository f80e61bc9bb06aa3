"""The whole networks that a backend is asked about: which, and up to which layers.

>>> [network.name for network in exact_networks("deeplab", "tensorflow", alpha=0.5, resolution=64)]
['deeplab_v2_0.5_64_stride16', 'deeplab_v2_0.25_128_stride8_aspp']

A classifier is one network. DeepLab is two: the head of V2's paper at output stride 16; and,
thinner and at twice the size, the full pyramid at 8, of whose dilated taps some lie on the map of
16 x 16, some on the padding and some, as always in such a network, on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from refnet.models import build
from refnet.network import CONVENTIONS, Network

# Of the networks that do something else with MobileNet: up to where numbers stay whole.
WHOLE = {"ssdlite": [f"{head}{k}" for head in ("box", "class") for k in range(6)],
         "deeplab": ["classifier"]}  # fmt: skip
# Each is asked about as it is by default, and, of these, once more with other options.
ALSO: dict[str, dict[str, Any]] = {"deeplab": {"output_stride": 8, "aspp": True, "alpha": 0.25}}


def exact_networks(
    model: str, conventions: str, *, alpha: float = 1.0, resolution: int
) -> Iterator[Network]:
    """Without batch norm, and up to where whole numbers stay whole.

    alpha, resolution: of the first; ALSO are at twice the resolution.
    """
    for network in _networks(model, conventions, alpha, resolution, batch_norm=False):
        yield network.cut(WHOLE.get(model, ["classifier"]))


def random_networks(
    model: str, conventions: str, *, alpha: float = 1.0, resolution: int
) -> Iterator[Network]:
    """The same with their batch norms, and to their ends.

    >>> [network.outputs for network in random_networks("deeplab", "pytorch", resolution=64)]
    [('upsampled',), ('upsampled',)]
    """
    yield from _networks(model, conventions, alpha, resolution, batch_norm=True)


def _networks(
    model: str, conventions: str, alpha: float, resolution: int, *, batch_norm: bool
) -> Iterator[Network]:
    said = {"conventions": CONVENTIONS[conventions], "batch_norm": batch_norm}
    yield build(model, alpha=alpha, resolution=resolution, **said)
    if model in ALSO:
        yield build(model, resolution=2 * resolution, **(said | ALSO[model]))
