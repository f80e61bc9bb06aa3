"""What a network costs, counted by walking its layers.

>>> from refnet.models import mobilenet_v1
>>> network = mobilenet_v1(batch_norm=False)
>>> macs(network), parameters(network)
(568740352, 4221032)
"""

from refnet.cost.formulas import layer_macs, macs, parameters

__all__ = ["layer_macs", "macs", "parameters"]
