"""Claims about speed and accuracy: quoted, and set beside what can be computed.

>>> sorted({len(rates) for rates in FPS.values()})
[3]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from refnet.apps.claims.networks import count, ratio, size
from refnet.apps.claims.verdicts import Claim, Readings

# Frames a second on iPhone 7, iPhone X and iPad Pro 10.5, and accuracies, top 1 and top 5.
FPS = {"v1": ("118", "162", "204"), "v2": ("145", "233", "220")}
ACCURACY = {"v1": ("70.9 %", "89.9 %"), "v2": ("71.8 %", "91.0 %")}
DEVICES = ("iPhone 7", "iPhone X", "iPad Pro")


def _speed_ratios() -> dict[str, Fraction]:
    pairs = zip(DEVICES, FPS["v1"], FPS["v2"], strict=True)
    return {f"V2 over V1, {device}": Fraction(v2) / Fraction(v1) for device, v1, v2 in pairs}


def _as_macs() -> Readings:
    """Devices on which V2 is faster by the ratio of the multiply-accumulates, to a tenth."""
    wanted = ratio(count("v1"), count("v2"))
    near = [r for r in _speed_ratios().values() if abs(r - wanted) <= wanted / 10]
    return {"the lecture's own speeds": (len(near),)}


def _better() -> Readings:
    """Of all that the lecture compares, what V2 is not better at."""
    less = [count(m) for m in ("v1", "v2")], [size(m) for m in ("v1", "v2")]
    more = [
        [Fraction(row["v1"][n].rstrip(" %")), Fraction(row["v2"][n].rstrip(" %"))]
        for row in (FPS, ACCURACY)
        for n in range(len(row["v1"]))
    ]
    worse = sum(v2 >= v1 for v1, v2 in less) + sum(v2 <= v1 for v1, v2 in more)
    return {"computed costs, quoted speeds and accuracies": (worse,)}


def _frames() -> Readings:
    return {"one over the article's 0.05 seconds": (1 / Fraction("0.05"),)}


def _cost_over_v1(model: str) -> Callable[[], Mapping[str, Fraction]]:
    return lambda: {"times V1's multiply-accumulates": ratio(count(model), count("v1"))}


CLAIMS = (
    Claim("fps-v1", "lecture 6.4", "V1's frames a second on three devices", FPS["v1"]),
    Claim("fps-v2", "lecture 6.4", "V2's frames a second on the same", FPS["v2"],
          beside=_speed_ratios),
    Claim("speed-as-macs", "lecture 1",
          "speed goes as multiply-accumulates: devices, of three, where it does", ("3",),
          _as_macs, "To a tenth. Memory, and how well a layer fills the machine, count as well."),
    Claim("v2-better", "lecture 6.4", "what V2 is not better at", ("0",), _better,
          "Multiply-accumulates and parameters are computed, the rest is quoted."),
    Claim("fps-20", "article", "frames a second on iPhone 6s", ("20",), _frames,
          "The division is right; the time is quoted."),
    Claim("fps-ipad", "article", "frames a second on iPad Pro 10.5", ("30",)),
    Claim("fps-ssdlite", "lecture 6.5", "frames a second of SSDLite on MobileNet", ("> 30",)),
    Claim("27-not-10", "article", "V1's speed over VGG-16's", ("10 x",),
          note="Ten times the speed for this: multiply-accumulates are not time.",
          beside=_cost_over_v1("vgg16")),
    Claim("inception-3", "article", "V1's speed over Inception's", ("~ 3 x",),
          note="Inception V3 at its own 299 x 299.", beside=_cost_over_v1("inception_v3")),
    Claim("accuracy-paper", "article", "top-1 accuracy of V1 and of VGG-16",
          ("70.6 %", "71.5 %")),
    Claim("accuracy-caffe", "article", "the Caffe V1: top 1, top 5", ("70.81 %", "89.85 %")),
    Claim("accuracy-v1", "lecture 6.4", "V1: top 1, top 5", ACCURACY["v1"]),
    Claim("accuracy-v2", "lecture 6.4", "V2: top 1, top 5", ACCURACY["v2"]),
    Claim("accuracy-squeezenet", "article", "top-1 accuracy of SqueezeNet", ("57.5 %",)),
)  # fmt: skip
