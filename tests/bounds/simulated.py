"""Correct backends in every Arithmetic: each operation is rounded, in any order of summation.

A result of +, *, / or sqrt of numbers of p bits that is rounded to 53 bits first and to p bits
then is the correctly rounded one wherever 53 >= 2 p + 2 (Figueroa, When is double rounding
innocuous?, 1995): float32 and all that is narrower are simulated in float64. Nothing here is
taken from `ops` or `bounds`: windows are NumPy's own, over a frame of zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from refnet.backend import Arithmetic

# significant bits, exponent of the smallest normal number, largest number
FORMATS = {
    "float32": (24, -126, (2 - 2.0**-23) * 2.0**127),
    "tf32": (11, -126, (2 - 2.0**-10) * 2.0**127),
    "float16": (11, -14, 65504.0),
    "bfloat16": (8, -126, (2 - 2.0**-7) * 2.0**127),
}
ORDERS = ("forward", "backward", "pairwise", "shuffled", "blocked", "lanes", "channels first")
NORMS = ("direct", "scale and shift", "reciprocal", "divided first")


@dataclass
class Simulated:
    """Every operation of `ops`, for `run(..., using=Simulated(...))`.

    multiply_add: products are not rounded before they are added. keeps: numbers are rounded to
    storage after every layer; else they stay as accumulated, as where an engine fuses.
    """

    arithmetic: Arithmetic
    order: str = "forward"
    multiply_add: bool = False
    keeps: bool = True
    norm: str = "direct"
    bias_first: bool = False
    towards_zero: bool = True
    rng: Any = field(default_factory=lambda: np.random.default_rng(0))

    def fit(self, a: np.ndarray, name: str) -> np.ndarray:
        """Numbers rounded to a format, as float64."""
        a = np.asarray(a, np.float64)
        if name == "float64":
            return a
        bits, least, largest = FORMATS[name]
        with np.errstate(over="ignore", invalid="ignore"):
            step = np.ldexp(1.0, np.maximum(np.frexp(a)[1], least + 1) - bits)
            steps = a / step
            if self.arithmetic.rounding == "nearest":
                steps = np.rint(steps)
            elif self.towards_zero:
                steps = np.trunc(steps)
            else:
                steps = np.where(self.rng.random(a.shape) < 0.5, np.floor(steps), np.ceil(steps))
            y = np.where(np.isfinite(a), steps * step, a)
        y = np.where(abs(y) > largest, np.copysign(np.inf, y), y)
        flushed = self.arithmetic.flushes_subnormals & (abs(y) < 2.0**least)
        return np.where(flushed, 0.0, y)

    def q(self, a: Any) -> np.ndarray:
        """One operation's result."""
        return self.fit(a, self.arithmetic.accumulate)

    def read(self, a: np.ndarray) -> np.ndarray:
        """A tensor as it is found in storage, if it is."""
        return self.fit(a, self.arithmetic.storage) if self.keeps else np.asarray(a, np.float64)

    def weights(self, a: np.ndarray) -> np.ndarray:
        return self.fit(a, self.arithmetic.storage)

    def factor(self, a: np.ndarray) -> np.ndarray:
        return self.q(self.fit(a, self.arithmetic.inputs))

    def keep(self, a: np.ndarray) -> np.ndarray:
        return self.fit(a, self.arithmetic.storage) if self.keeps else a

    # -- sums ---------------------------------------------------------------------------------

    def sum(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """sum of x w over the last axis; w may have fewer axes."""
        K = x.shape[-1]
        x, w = np.broadcast_arrays(x, w)
        if self.order == "backward":
            x, w = x[..., ::-1], w[..., ::-1]
        elif self.order == "shuffled":
            at = self.rng.permutation(K)
            x, w = x[..., at], w[..., at]
        if self.order == "pairwise":
            return self._pairs(self._products(x, w))
        size = {"blocked": 8, "lanes": -(-K // 4)}.get(self.order, K)
        parts = [self._run(x[..., i : i + size], w[..., i : i + size]) for i in range(0, K, size)]
        return self._pairs(np.stack(parts, -1)) if len(parts) > 1 else parts[0]

    def _products(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        return x * w if self.multiply_add else self.q(x * w)

    def _run(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        total = np.zeros(x.shape[:-1])
        for k in range(x.shape[-1]):
            total = self.q(total + self._products(x[..., k], w[..., k]))
        return total

    def _pairs(self, terms: np.ndarray) -> np.ndarray:
        while terms.shape[-1] > 1:
            odd = terms[..., -1:] if terms.shape[-1] % 2 else terms[..., :0]
            even = terms[..., : terms.shape[-1] // 2 * 2]
            terms = np.concatenate([self.q(even[..., ::2] + even[..., 1::2]), odd], -1)
        return self.q(terms[..., 0])

    def _biased(self, x: np.ndarray, w: np.ndarray, b: np.ndarray | None) -> np.ndarray:
        if b is None:
            return self.keep(self.sum(x, w))
        b = self.q(self.weights(b))
        if self.bias_first and self.order in ("forward", "channels first"):
            total = np.broadcast_to(b, np.broadcast_shapes(x.shape[:-1], w.shape[:-1]))
            for k in range(x.shape[-1]):
                total = self.q(total + self._products(x[..., k], w[..., k]))
            return self.keep(total)
        return self.keep(self.q(self.sum(x, w) + b))

    # -- sums of products -----------------------------------------------------------------------

    def conv2d(self, x, w, b=None, *, padding, stride=1, dilation=1, groups=1):
        windows = patches(self.factor(self.read(x)), w.shape[:2], stride, dilation, padding)
        w = self.factor(self.weights(w))
        M, N = w.shape[2], w.shape[3] // groups
        parts = []
        for g in range(groups):
            taken = windows[..., g * M : (g + 1) * M]  # (B, R, C, D_K, D_K, M)
            kernel = w[..., g * N : (g + 1) * N]
            if self.order == "channels first":
                taken, kernel = np.moveaxis(taken, -1, 3), np.moveaxis(kernel, 2, 0)
            rows = taken.reshape(*taken.shape[:3], 1, -1)
            bias = None if b is None else b[g * N : (g + 1) * N]
            parts.append(self._biased(rows, kernel.reshape(-1, N).T, bias))
        return np.concatenate(parts, -1)

    def depthwise_conv2d(self, x, w, b=None, *, padding, stride=1, dilation=1):
        windows = patches(self.factor(self.read(x)), w.shape[:2], stride, dilation, padding)
        w = self.factor(self.weights(w))
        M, q = w.shape[2:]
        taken = np.moveaxis(windows, -1, 3).reshape(*windows.shape[:3], M, -1)
        taken = np.repeat(taken, q, axis=3)
        return self._biased(taken, w.reshape(-1, M * q).T, b)

    def pointwise_conv2d(self, x, w, b=None, *, stride=1):
        return self.conv2d(x, w, b, padding="valid", stride=stride)

    def dense(self, x, w, b=None):
        return self.conv2d(x[:, None, None, :], w[None, None], b, padding="valid")[:, 0, 0]

    # -- the rest -------------------------------------------------------------------------------

    def scale(self, gamma, variance, epsilon):
        """gamma / sqrt(variance + epsilon), by way of the reciprocal root: the longest way."""
        root = self.q(np.sqrt(self.q(variance + self.q(epsilon))))
        return self.q(gamma * self.q(1 / root))

    def batch_norm(self, x, gamma, beta, mean, variance, *, epsilon):
        q = self.q
        gamma, beta, mean, variance = (q(self.weights(a)) for a in (gamma, beta, mean, variance))
        x = q(self.read(x))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.norm == "scale and shift":
                s = self.scale(gamma, variance, epsilon)
                return self.keep(q(self._products(s, x) + q(beta - self._products(mean, s))))
            root = q(np.sqrt(q(variance + q(epsilon))))
            if self.norm == "reciprocal":
                y = q(q(q(x - mean) * q(1 / root)) * gamma)
            elif self.norm == "divided first":
                y = q(q(q(x - mean) / root) * gamma)
            else:
                y = q(q(gamma * q(x - mean)) / root)
            return self.keep(q(y + beta))

    def _mean(self, x: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Over the last axis, by a division, by 1/n at the end, or by 1/n for each."""
        if self.norm == "reciprocal":
            return self.keep(self.q(self.sum(x, np.ones(1)) * self.q(1 / counts)))
        if self.norm == "scale and shift":
            return self.keep(self.sum(x, self.q(1 / counts)[..., None]))
        return self.keep(self.q(self.sum(x, np.ones(1)) / self.q(counts)))

    def global_average_pool(self, x):
        x = np.moveaxis(self.q(self.read(x)), -1, 1)
        return self._mean(x.reshape(*x.shape[:2], -1), np.array(float(x.shape[2] * x.shape[3])))

    def average_pool(self, x, size, *, padding, stride=1, include_padding=False):
        size = (size, size) if isinstance(size, int) else size
        windows = patches(self.q(self.read(x)), size, stride, 1, padding)
        counts = patches(np.ones(x.shape), size, stride, 1, padding).sum(axis=(3, 4))
        if include_padding:
            counts = np.full_like(counts, size[0] * size[1])
        taken = np.moveaxis(windows, -1, 3)
        return self._mean(taken.reshape(*taken.shape[:4], -1), counts)

    def max_pool(self, x, size, *, padding, stride=1):
        size = (size, size) if isinstance(size, int) else size
        return patches(self.read(x), size, stride, 1, padding, -np.inf).max(axis=(3, 4))

    def add(self, x, y):
        return self.keep(self.q(self.q(self.read(x)) + self.q(self.read(y))))

    def concat(self, *xs):
        return np.concatenate([self.read(x) for x in xs], -1)

    def relu(self, x):
        return np.maximum(self.read(x), 0)

    def relu6(self, x):
        return np.clip(self.read(x), 0, 6)

    def softmax(self, x):
        """exp is off by up to 3 units in the last place before its own rounding, at random."""
        x = self.q(self.read(x))
        with np.errstate(under="ignore", over="ignore"):
            argument = self.q(x - x.max(axis=1, keepdims=True))
            bits = {"float64": 53}.get(self.arithmetic.accumulate) or FORMATS[
                self.arithmetic.accumulate
            ][0]
            noise = self.rng.integers(-3, 4, x.shape) * 2.0**-bits
            powers = self.q(np.exp(argument) * (1 + noise))
            total = self.sum(powers, np.ones(1))[:, None]
            return self.keep(self.q(powers / total))


def patches(
    x: np.ndarray, kernel: Any, stride: Any, dilation: Any, padding: Any, outside: float = 0.0
) -> np.ndarray:
    """(B, rows, columns, D_K, D_K, M): what each output sees, over a frame of `outside`."""
    strides = (stride, stride) if isinstance(stride, int) else stride
    dilations = (dilation, dilation) if isinstance(dilation, int) else dilation
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if padding == "same":
        ends = []
        for size, s, r in zip(x.shape[1:3], strides, reach, strict=True):
            total = max((-(-size // s) - 1) * s + r - size, 0)
            ends.append((total // 2, total - total // 2))
    elif padding == "valid":
        ends = [(0, 0), (0, 0)]
    else:
        ends = [padding[:2], padding[2:]]
    framed = np.pad(x, ((0, 0), *ends, (0, 0)), constant_values=outside)
    every = sliding_window_view(framed, reach, axis=(1, 2))  # (B, R, C, M, reach, reach)
    taken = every[:, :: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]
    return np.moveaxis(taken, 3, -1)
