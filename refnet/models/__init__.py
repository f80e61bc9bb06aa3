"""The networks, as tables and a few lines each.

>>> build("v1", alpha=0.5).name
'mobilenet_v1_0.5_224'
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from refnet.models.deeplab import deeplab
from refnet.models.inception_v3 import inception_v3
from refnet.models.mobilenet_standard import mobilenet_standard
from refnet.models.mobilenet_v1 import mobilenet_v1
from refnet.models.mobilenet_v2 import mobilenet_v2
from refnet.models.squeezenet import squeezenet
from refnet.models.ssdlite import ssdlite
from refnet.models.vgg16 import vgg16
from refnet.network import Network

__all__ = [
    "MODELS",
    "build",
    "deeplab",
    "inception_v3",
    "mobilenet_standard",
    "mobilenet_v1",
    "mobilenet_v2",
    "squeezenet",
    "ssdlite",
    "vgg16",
]

MODELS: dict[str, Callable[..., Network]] = {
    "v1": mobilenet_v1,
    "v2": mobilenet_v2,
    # What the papers and the articles about them compare MobileNet with.
    "mobilenet_standard": mobilenet_standard,
    "vgg16": vgg16,
    "squeezenet": squeezenet,
    "inception_v3": inception_v3,
    # What people do with MobileNet beyond naming what is in a photo.
    "deeplab": deeplab,
    "ssdlite": ssdlite,
}


def build(model: str, **options: Any) -> Network:
    """The network that `model` names ("v1" or "mobilenet_v1"), with that function's options.

    >>> build("mobilenet_v2", alpha=0.5, classes=10).shapes()["softmax"]
    (1, 10)
    """
    short = {"mobilenet_v1": "v1", "mobilenet_v2": "v2"}.get(model, model)
    if short not in MODELS:
        raise ValueError(f"model: {model!r}, expected one of {', '.join(MODELS)}")
    known = list(signature(MODELS[short]).parameters)
    for option in options:
        if option not in known:
            raise ValueError(f"{model} has no option {option!r}; it takes {', '.join(known)}")
    return MODELS[short](**options)
