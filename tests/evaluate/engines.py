"""Backends that see a class in a photo's colour, so that a test knows every answer beforehand.

A photo of class n is red n // 4 and green 60 (n % 4); its blue says how it is answered. With the
recipe "squash" a flat photo arrives in the network's input as it was drawn.
"""

from __future__ import annotations

import os
import signal
import time

import numpy as np

from refnet.backend import Arithmetic

RIGHT, WRONG, FIFTH, RAISES, NAN, KILLS = 0, 50, 100, 150, 200, 250  # blue


class Quick:
    """At once."""

    arithmetic = Arithmetic()
    pause = 0.0

    def prepare(self, network, tensors, batch=1):
        (output,) = network.outputs
        classes = network.shapes()[output][1]
        return lambda inputs: {output: self._answer(inputs["image"], classes)[np.newaxis]}

    def _answer(self, x, classes):
        time.sleep(self.pause)
        red, green, blue = np.rint((x[0, 0, 0].astype(float) + 1) * 127.5).astype(int)
        label = (red * 4 + green // 60) % 1000 + (classes == 1001)
        others = [(label + n - (classes == 1001)) % 1000 + (classes == 1001) for n in range(1, 5)]
        p = np.zeros(classes, np.float32)  # all of them numbers that float32 holds
        p[label], p[others[0]] = 0.875, 0.125
        if blue == WRONG:
            p[[label, others[0]]] = 0.125, 0.75
        elif blue == FIFTH:
            p[others], p[label] = (0.3125, 0.25, 0.1875, 0.125), 0.0625
        elif blue == RAISES:
            raise TypeError("an engine's own mistake")
        elif blue == NAN:
            p[7] = np.nan
        elif blue == KILLS:
            os.kill(os.getpid(), signal.SIGKILL)
        return p


class Slow(Quick):
    """So that there is time to be killed."""

    pause = 0.02


class Shifted(Quick):
    """Takes the class beside the right one, as who forgets the background class."""

    def _answer(self, x, classes):
        return np.roll(super()._answer(x, classes), 1)
