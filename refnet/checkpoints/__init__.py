"""Checkpoints: a network with its trained tensors, and where they come from.

>>> checkpoint = load("v1")
>>> checkpoint.network.name, checkpoint.preprocessing, checkpoint.provenance.licence
('mobilenet_v1_1.0_224', 'tf-slim', 'Apache-2.0')
"""

from refnet.checkpoints.checkpoint import Checkpoint, Provenance
from refnet.checkpoints.manifest import names
from refnet.checkpoints.store import load, read, save
from refnet.errors import ChecksumError

__all__ = ["Checkpoint", "ChecksumError", "Provenance", "load", "names", "read", "save"]
