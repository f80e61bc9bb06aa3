"""What the book's notebooks show with: source, photos, small pictures, and a claim's verdict.

>>> from refnet import ops
>>> print(listing(ops.relu6))
def relu6(x: Array) -> Array:
...
>>> photo("hopper", side=128).shape
(128, 128, 3)
>>> show(photo("hopper", side=128), alt="A woman in uniform, with glasses and a cap")
A woman in uniform, with glasses and a cap

What these give back is drawn by a notebook, and is plain text everywhere else. Nothing here needs
IPython, and matplotlib is imported when the first picture is drawn.
"""

from refnet.reading.claims import claim
from refnet.reading.photos import PHOTOS, photo
from refnet.reading.pictures import Picture, chart, show
from refnet.reading.stored import stored
from refnet.reading.words import Words, excerpt, listing

__all__ = [
    "PHOTOS",
    "Picture",
    "Words",
    "chart",
    "claim",
    "excerpt",
    "listing",
    "photo",
    "show",
    "stored",
]
