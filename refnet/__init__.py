"""refnet: MobileNet as loops that are the formula, and as NumPy that a person can read.

>>> import refnet
>>> checkpoint = refnet.load("v1")
>>> checkpoint.network.outputs
('softmax',)
"""

from refnet import definition, ops
from refnet.checkpoints import Checkpoint, ChecksumError, load
from refnet.engine import Plan, Tricks, plan
from refnet.models import mobilenet_v1, mobilenet_v2
from refnet.network import CAFFE, PYTORCH, TENSORFLOW, Conventions, Layer, Network
from refnet.run import run

__version__ = "0.1.0"

__all__ = [
    "CAFFE",
    "PYTORCH",
    "TENSORFLOW",
    "Checkpoint",
    "ChecksumError",
    "Conventions",
    "Layer",
    "Network",
    "Plan",
    "Tricks",
    "definition",
    "load",
    "mobilenet_v1",
    "mobilenet_v2",
    "ops",
    "plan",
    "run",
]
