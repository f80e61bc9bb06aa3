"""The fast engine: a Network as a flat list of NumPy calls on memory that is already there.

>>> from refnet.checkpoints import load
>>> checkpoint = load("v2")
>>> p = plan(checkpoint.network, checkpoint.tensors)
>>> import numpy as np
>>> p(np.zeros((1, 224, 224, 3), np.float32))["softmax"].shape
(1, 1000)

`ops` decides everything anew in every run: shapes, paddings, memory. A plan decides once and then
only calls NumPy. Three steps lead to it, each in files of its own:

* `units`, `rolling`, `planning` and `sharing`: what is run as one, where each value lives, and
  which worker makes what of it.
* `kernels/`: the calls that compute it, written into each worker's list.
* `running`, with `crew` and `processes`: the lists, called in order, by one worker or several.

`tricks` names what makes it fast, each with its switch. What is computed is judged by the same
bounds as any other backend: `refnet check engine`.
"""

from refnet.engine.kernels import Product
from refnet.engine.running import MOST, Plan, plan
from refnet.engine.tricks import Tricks

__all__ = ["MOST", "Plan", "Product", "Tricks", "plan"]
