"""The references against what others say: SciPy, the papers, the lecture, TensorFlow."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import signal

from refnet.cost import peak_bytes
from refnet.exercises import find
from refnet.exercises.chapter_09 import V1, V1_LAYERS, V1_STRIDES
from refnet.exercises.exercise import whole
from refnet.models import mobilenet_v1


def reference(number: str):
    return find(number).reference


def correlated(x, w):
    """SciPy's cross-correlation of one channel, without padding."""
    return signal.correlate2d(x, w, mode="valid")


def test_correlation_is_scipys():
    image, kernel = whole(1, 7, 6), whole(2, 3, 3)
    assert np.array_equal(reference("1.3")(image, kernel), correlated(image, kernel))
    column, row = whole(3, 3), whole(4, 2)
    kernel = np.outer(column, row)
    assert np.array_equal(reference("2.2")(column, row), kernel)
    assert np.array_equal(reference("2.4")(image, column, row), correlated(image, kernel))


def test_convolutions_are_sums_of_scipys():
    x, w = whole(1, 5, 6, 4), whole(2, 3, 3, 4, 2)
    expected = [sum(correlated(x[..., m], w[..., m, n]) for m in range(4)) for n in range(2)]
    assert np.array_equal(reference("3.3")(x, w), np.stack(expected, axis=2))
    columns = reference("3.4")(x, 3) @ w.reshape(-1, 2)
    assert np.array_equal(columns.reshape(3, 4, 2), np.stack(expected, axis=2))
    two = [sum(correlated(x[..., 2 * n + m], w[..., m, n]) for m in range(2)) for n in range(2)]
    assert np.array_equal(reference("5.5")(x, w[:, :, :2], 2), np.stack(two, axis=2))
    many = [correlated(x[..., m], w[..., m, q]) for m in range(4) for q in range(2)]
    assert np.array_equal(reference("5.4")(x, w), np.stack(many, axis=2))


def test_depthwise_then_pointwise_is_scipys_and_their_composition():
    x, deep, wide = whole(1, 5, 4, 3), whole(2, 3, 3, 3), whole(3, 3, 2)
    filtered = np.stack([correlated(x[..., m], deep[..., m]) for m in range(3)], axis=2)
    expected = np.tensordot(filtered, wide, axes=1)
    assert np.array_equal(reference("7.3")(x, deep, wide), expected)
    assert np.array_equal(reference("3.3")(x, reference("7.4")(deep, wide)), expected)
    assert np.array_equal(reference("3.3")(x, reference("5.3")(deep)), filtered)
    assert reference("7.6")(reference("7.4")(deep, wide))


@pytest.mark.parametrize(
    ("D_F", "D_K", "stride", "padding"),
    [
        # tf.nn's notes on padding: 13 inputs, filter width 6, stride 5 -> 1 in front, 2 behind.
        (13, 6, 5, (1, 2)),
        # MobileNet in keras.applications: ZeroPadding2D(((0, 1), (0, 1))) before stride 2.
        (224, 3, 2, (0, 1)),
        (112, 3, 2, (0, 1)),
        (225, 3, 2, (1, 1)),
    ],
)
def test_same_padding_is_tensorflows(D_F, D_K, stride, padding):
    assert reference("4.2")(D_F, D_K, stride) == padding


def test_same_padding_with_scipy():
    """Stride 2 on an even side: the windows begin at 0, 2, 4, ..., and one row is padded below."""
    x, w = whole(1, 6, 8), whole(2, 3, 3)
    expected = correlated(np.pad(x, ((0, 1), (0, 1))), w)[::2, ::2]
    assert np.array_equal(reference("4.4")(x, w, 2), expected)
    assert np.array_equal(reference("5.2")(x[..., None], w[..., None], 2)[..., 0], expected)


def test_figures_of_the_lecture():
    assert reference("2.1")(np.array([[100, 100, 200]] * 3)) == (400, 0)
    assert reference("2.1")(np.array([[100, 100, 50], [100, 0, 50], [100, 100, 50]])) == (-200, 0)
    assert reference("7.2")(3, 3, 3) == (81, 36)
    assert reference("7.1")(3, 1024) == Fraction(1, 1024) + Fraction(1, 9)
    assert reference("9.4")(V1, 1000) == 4_221_032


def test_figures_of_the_papers():
    """MobileNets, tables 1 and 4: 569 million; table 1's sides; 28 layers with weights."""
    assert round(reference("9.3")(V1, 224, 1000) / 1e6) == 569
    # Section 4.3 at 160 pixels: table 7 has 290 million, that is 290.7.
    assert reference("9.3")(V1, 160, 1000) // 10**6 == 290
    assert len(V1_LAYERS) + 1 == 28
    printed = (112, 112, 56, 56, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7)
    assert reference("9.1")(224, V1_STRIDES) == printed


def test_the_receptive_field_of_v1_is_the_one_published():
    """Araujo, Norris and Sim, Computing Receptive Fields (Distill, 2019), table: 315."""
    assert reference("9.6")(V1_LAYERS) == 315


def test_the_receptive_field_is_what_an_output_depends_on():
    """Counted: which of 64 inputs a chain of SciPy's correlations of ones reaches."""
    layers = ((3, 2), (3, 1), (5, 2))
    depends = np.eye(64, dtype=int)  # row i: the inputs that number i of this map depends on
    for D_K, stride in layers:
        depends = correlated(depends, np.ones((D_K, 1), int))[::stride]
    assert (depends[1] > 0).sum() == reference("9.6")(layers)


def test_batch_norm_and_folding_in_fractions():
    """Variance + epsilon a square, so that the root is exact: 6 (x - 2) / 2 + 5."""
    one = np.ones(1)
    given = 6 * one, 5 * one, 2 * one, 3 * one, 1.0
    assert reference("8.2")(np.full((1, 1, 1), 7.0), *given).tolist() == [[[20.0]]]
    w, b = reference("8.3")(np.full((1, 1, 1, 1), 4.0), *given)
    assert (w.item(), b.item()) == (12.0, -1.0)


def test_v2s_table_and_cost():
    """MobileNetV2's paper: table 2, and section 3.3's h w d' t (d' + k^2 + d'')."""
    rows = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
            (6, 160, 3, 2), (6, 320, 1, 1))  # fmt: skip
    assert reference("12.5")(rows, 32) == 10
    assert reference("12.1")(24, 6, 24) == (24, 144, 144, 24)  # the lecture's example
    assert reference("12.4")(56, 24, 32, 6, 1) == 56 * 56 * 24 * 6 * (24 + 9 + 32)
    M, side, total = 32, 112, 27 * 32 * 112**2
    for t, c, n, s in rows:
        for stride in (s, *[1] * (n - 1)):
            total += reference("12.4")(side, M, c, t, stride)
            side, M = side // stride, c
    total += 320 * 1280 * 49 + 1280 * 1000
    assert round(total / 1e6) == 301
    assert total == 300_774_272  # half of what torch's own counter of FLOPs prints


def test_a_block_of_v2_is_scipys():
    x, expand, deep, project = whole(1, 5, 4, 2), whole(2, 2, 3), whole(3, 3, 3, 3), whole(4, 3, 2)
    y = np.clip(np.tensordot(x, expand, axes=1), 0, 6)
    maps = [signal.correlate2d(y[..., m], deep[..., m], mode="same") for m in range(3)]
    y = np.clip(np.stack(maps, axis=2), 0, 6)
    expected = x + np.tensordot(y, project, axes=1)
    assert np.array_equal(reference("12.3")(x, expand, deep, project), expected)


def test_patterns_are_those_that_can_be_listed():
    for m in range(1, 6):
        for n in range(1, 9):
            few = [p for p in range(2**n) if p.bit_count() < m]
            assert reference("12.2")(m, n) == len(few)


def test_a_point_comes_back_where_the_awake_rows_have_rank_two():
    for seed in range(40):
        T, x = whole(seed, 4, 2, least=-2, most=2), whole(seed + 100, 2)
        y = np.maximum(T @ x, 0)
        told = np.linalg.matrix_rank(T[y > 0]) == 2 if (y > 0).any() else False
        assert reference("12.6")(y, T) == (tuple(x.tolist()) if told else ())


def test_the_intensity_is_that_of_the_arrays():
    x, w = np.ones((14, 14, 64), np.float32), np.ones((64, 384), np.float32)
    y = x @ w
    macs = int(y.sum())  # of ones with ones: each product adds 1
    assert reference("13.2")(14, 64, 384) == Fraction(macs, x.nbytes + w.nbytes + y.nbytes)


def test_the_roofline_in_numbers_of_its_paper():
    """Williams and others, 2009: attainable = min(peak, bandwidth x intensity).

    Their Opteron X2: a peak of 17.6 GFLOP/s, a bandwidth of 15 GB/s or less. Here 16 and 4.
    """
    for macs, moved in ((40, 5), (40, 10), (40, 20)):
        attainable = min(Fraction(16), 4 * Fraction(macs, moved))
        assert reference("13.3")(((macs, moved),), 4) == macs / attainable * 4
        word = "memory" if attainable < 16 else "arithmetic"
        assert reference("13.1")(macs, moved, 4) == word


def test_a_program_of_which_a_twentieth_stays_is_never_more_than_twenty_times_as_fast():
    """Amdahl's law in its best known case."""
    assert reference("13.4")(Fraction(19, 20), 10**9) < 20
    assert reference("13.4")(Fraction(19, 20), 19) == 10
    assert reference("13.4")(Fraction(1), 7) == 7


def test_the_most_alive_of_v1_is_the_networks_own():
    network = mobilenet_v1(batch_norm=False)
    shapes = network.shapes()
    layers = [layer for layer in network.layers if layer.op.endswith("conv2d")]
    sizes = (224 * 224 * 3, *(int(np.prod(shapes[layer.name])) for layer in layers))
    assert 4 * reference("13.5")(sizes) == peak_bytes(network)
    assert reference("13.6")(sizes, ()) == reference("13.5")(sizes)


def test_what_is_kept_is_what_somebody_still_reads():
    """Counted from the readers of each map, layer by layer."""
    for seed in range(30):
        sizes = tuple(whole(seed, 6, least=1, most=99).tolist())
        added = ((0, 2), (2, 5)) if seed % 2 else ((1, 4),)
        reads = {n: {n - 1, *(first for first, last in added if last == n)} for n in range(1, 6)}
        most = 0
        for n in range(1, 6):
            needed = set().union(*(reads[later] for later in range(n, 6)))
            most = max(most, sum(sizes[m] for m in {*(needed & set(range(n))), n}))
        assert reference("13.6")(sizes, added) == most
