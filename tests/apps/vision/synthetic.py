"""Small detectors and segmenters with drawn weights, as checkpoints of every kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from refnet.checkpoints.checkpoint import Checkpoint, Provenance
from refnet.models import build
from refnet.network import TENSORFLOW
from refnet.oracle.suites import random_case

SSD: dict[str, Any] = {"alpha": 0.25, "resolution": 64}
DEEPLAB: dict[str, Any] = {"alpha": 0.25, "resolution": 65, "output_stride": 8, "divisor": 4}


def small(model: str, classes: int = 5, **more: Any) -> Checkpoint:
    """A checkpoint of `ssdlite` or `deeplab` at a small size, batch norm folded."""
    options = (SSD if model == "ssdlite" else DEEPLAB) | more
    conventions = replace(TENSORFLOW, classes=classes)
    network = build(model, conventions=conventions, batch_norm=False, **options)
    drawn = random_case(network, f"vision/{model}", bits=20, batch=1).tensors
    tensors = {name: a.astype(np.float32) for name, a in drawn.items()}
    origin = Provenance("none", "0" * 64, "CC0-1.0", "drawn for a test")
    return Checkpoint(model, options, network, tensors, "tf-resize", "", origin)
