"""What a layer and a network cost: closed forms, two independent counts, the ledger.

>>> from refnet.models import mobilenet_v1
>>> network = mobilenet_v1(batch_norm=False)
>>> macs(network), parameters(network)
(568740352, 4221032)
"""

from refnet.cost.ledger import Ledger, Row, ledger
from refnet.cost.memory import peak_bytes, traffic
from refnet.cost.walk import layer_macs, macs, parameters

__all__ = ["Ledger", "Row", "layer_macs", "ledger", "macs", "parameters", "peak_bytes", "traffic"]
