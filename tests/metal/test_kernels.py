"""Each kernel by itself: whole numbers, on which bit equality with `ops` is owed, and shapes.

Sums of whole numbers below 2^11 are exact in half and in float, in any order, so `refnet.ops`
says every bit; `ops` shares no line with the kernels.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from refnet.layer import ConvAttrs, DepthwiseAttrs, Layer, PointwiseAttrs
from refnet.metal import Runner, UnsupportedError, kernels, packing, program_of
from refnet.metal.cpu import CpuLibrary
from refnet.metal.preprocessing import parameters_of
from refnet.metal.program import Program
from refnet.network import Network
from refnet.preprocessing import RECIPES
from refnet.run import run
from tests.metal.cases import edited, library
from tests.metal.faults import PREPROCESS
from tests.oracle.single import conv, depthwise, one
from tests.oracle.single import drawn as whole

PADDINGS = ("same", "valid", (1, 1, 1, 1), (0, 1, 0, 1), (2, 0, 1, 3))
SIZES = ((7, 10), (8, 6), (3, 3), (1, 5))
CHANNELS = (1, 3, 4, 5, 9)


def attrs_of(kind, padding, stride):
    return (ConvAttrs if kind == "conv" else DepthwiseAttrs)(padding, stride)


def cases() -> dict[str, Network]:
    made: dict[str, Network] = {}
    for n, padding in enumerate(PADDINGS):
        for stride in (1, 2, 3):
            size, M = SIZES[(n + stride) % 2], CHANNELS[(n + stride) % 5]
            said = f"{padding} stride {stride} {size} {M} channels"
            made[f"conv {said}"] = conv(attrs_of("conv", padding, stride), size, M, 6, (3, 3))
            made[f"depthwise {said}"] = depthwise(
                attrs_of("depthwise", padding, stride), size, M, 1, (3, 3), bias=stride != 3
            )
    for size in SIZES:
        for M in CHANNELS:
            N = CHANNELS[-1 - CHANNELS.index(M)]
            params = {"weight": (1, 1, M, N), "bias": (N,)}
            said = f"{size} {M} to {N}"
            made[f"pointwise {said}"] = one(
                "pointwise_conv2d", PointwiseAttrs(), params, (*size, M)
            )
    for M, N in ((1, 5), (5, 1), (9, 7), (4, 4)):
        made[f"dense {M} to {N}"] = one("dense", None, {"weight": (M, N), "bias": (N,)}, (M,))
    for M in CHANNELS:
        made[f"add {M}"] = one("add", None, None, (5, 3, M), (5, 3, M))
        made[f"relu {M}"] = one("relu", None, None, (5, 3, M))
        made[f"relu6 {M}"] = one("relu6", None, None, (3, 5, M))
        made[f"pool {M}"] = one("global_average_pool", None, None, (4, 8, M))  # divides by 2^5
    return made


CASES = cases()


@pytest.mark.parametrize("pointwise", ["pointwise", "pointwise4"])
def test_whole_numbers_give_the_very_bits_and_the_spare_lanes_stay_zero(pointwise):
    device = library()
    for name, network in CASES.items():
        if pointwise == "pointwise" and "pointwise" not in name:
            continue
        tensors, inputs = whole(network)
        expected = run(network, tensors, inputs)["y"]
        assert abs(expected).max() < 2**11, name
        program = program_of(network, tensors, pointwise=pointwise)
        runner = Runner(program, device)
        np.testing.assert_array_equal(runner(inputs)["y"], expected, name)
        if expected.ndim == 4:
            texels = runner.array("y")
            lanes = texels.transpose(1, 2, 0, 3).reshape(*texels.shape[1:3], -1)
            assert not lanes[..., expected.shape[3] :].any(), name


@pytest.mark.parametrize("order", ["forward", "backward"])
def test_no_answer_depends_on_the_order_of_threads(order):
    library()
    device = CpuLibrary(*kernels(), order=order)
    for name in ("softmax", "conv", "pool"):
        network, tensors, inputs = real(name)
        got = Runner(program_of(network, tensors), device)(inputs)["y"]
        np.testing.assert_array_equal(got, answer(network, tensors, inputs))


def real(name: str):
    """Odd sizes, channels that are no multiple of four, real numbers."""
    rng = np.random.default_rng(5)
    networks = {
        "conv": conv(attrs_of("conv", "same", 2), (13, 9), 3, 10, (3, 3)),
        "depthwise": depthwise(attrs_of("depthwise", "same", 1), (9, 13), 10, 1, (3, 3)),
        "pointwise": one(
            "pointwise_conv2d", PointwiseAttrs(), {"weight": (1, 1, 10, 7)}, (7, 9, 10)
        ),
        "add": one("add", None, None, (7, 9, 5), (7, 9, 5)),
        "relu6": one("relu6", None, None, (7, 9, 5)),
        "pool": one("global_average_pool", None, None, (7, 9, 10)),
        "dense": one("dense", None, {"weight": (10, 37), "bias": (37,)}, (10,)),
        "softmax": one("softmax", None, None, (1001,)),
    }
    network = networks[name]
    tensors = {k: rng.normal(size=shape) for k, shape in network.params().items()}
    inputs = {k: rng.normal(0, 3, (1, *shape)) for k, shape in network.inputs.items()}
    return network, tensors, inputs


def answer(network, tensors, inputs, change=lambda dispatch: dispatch, device=None):
    program = program_of(network, tensors)
    program = replace(program, dispatches=tuple(map(change, program.dispatches)))
    return Runner(program, device or library())(inputs)["y"]


SHAPES = ((1, 1, 1), (32, 1, 1), (3, 5, 2), (16, 16, 1), (1, 7, 3))


@pytest.mark.parametrize("name", ["conv", "depthwise", "pointwise", "add", "relu6"])
def test_five_shapes_of_threadgroups_give_the_same_bits(name):
    network, tensors, inputs = real(name)
    found = [
        answer(network, tensors, inputs, lambda one, shape=shape: replace(one, threadgroup=shape))
        for shape in SHAPES
    ]
    assert all(np.array_equal(each, found[0]) for each in found)
    assert np.isfinite(found[0]).all()


@pytest.mark.parametrize("name", ["pool", "dense"])
def test_five_lengths_of_threadgroups_give_the_same_bits(name):
    network, tensors, inputs = real(name)
    found = [
        answer(network, tensors, inputs, lambda one, n=n: replace(one, threadgroup=(n, 1, 1)))
        for n in (1, 2, 7, 32, 256)
    ]
    assert all(np.array_equal(each, found[0]) for each in found)


def test_softmax_gives_the_same_bits_in_five_shapes_of_as_many_threads():
    """How many threads there are decides in which order the sum is formed; their shape does not."""
    network, tensors, inputs = real("softmax")
    shapes = ((256, 1, 1), (1, 256, 1), (16, 16, 1), (8, 8, 4), (2, 32, 4))
    found = [
        answer(
            network, tensors, inputs,
            lambda one, shape=shape: replace(one, grid=shape, threadgroup=shape),
        )
        for shape in shapes
    ]  # fmt: skip
    assert all(np.array_equal(each, found[0]) for each in found)


@pytest.mark.parametrize("threads", [1, 2, 3, 5, 31, 33, 100, 256, 1000])
@pytest.mark.parametrize("N", [1, 2, 5, 1000])
def test_softmax_is_right_with_any_number_of_threads(threads, N):
    """Judged by math.fsum; exp is within 2 ulp of float, a sum of N rounds N times (bounds.other).

    The argument is exact here: differences of whole numbers.
    """
    network = one("softmax", None, None, (N,))
    x = np.random.default_rng(N).integers(-20, 20, (1, N)).astype(np.float64)

    found = answer(network, {}, {"x0": x}, with_threads(threads))[0].astype(np.float64)
    terms = [math.exp(v - x.max()) for v in x[0]]
    expected = np.array(terms) / math.fsum(terms)
    u = 2.0**-24
    # e: 4 u each side of an exp within 2 ulp; sum: 4 u and N - 1 roundings; quotient 1.
    assert (abs(found - expected) <= expected * ((1 + u) ** (4 + 4 + N + 1) - 1) * 1.01).all()


def with_threads(threads: int):
    """A softmax's dispatch with another number of threads."""

    def change(dispatch):
        wide, scratch = (threads, 1, 1), {0: -(-4 * threads // 16) * 16}
        return replace(dispatch, grid=wide, threadgroup=wide, threadgroup_bytes=scratch)

    return change


def softmax_of_far_logits(device) -> list[str]:
    """What is wrong where every logit is below -104: there exp is 0 in float, and 0 / 0 no number.

    Two logits are equal, the others too far below for float: a half each.
    """
    x = np.full((1, 300), -2000.0)
    x[0, [7, 290]] = -500
    found = answer(one("softmax", None, None, (300,)), {}, {"x0": x}, device=device)
    return [] if np.array_equal(found, np.where(x == -500, 0.5, 0.0)) else ["far logits"]


def softmax_of_one(device, threads: int) -> list[str]:
    """With 300 in one thread's numbers and -300 in all others, exp(-600) is 0 and one is 1.

    A maximum that the halving loses makes exp(600), which is infinite.
    """
    owed = np.eye(threads, threads + 3)
    network = one("softmax", None, None, owed.shape[1:])
    x = np.where(owed == 1, 300.0, -300.0)
    found = answer(network, {}, {"x0": x}, with_threads(threads), device)
    return [f"thread {k} of {threads}" for k in range(threads) if (found[k] != owed[k]).any()]


# Powers of two, one less, one more: halvings of even and of odd numbers of threads.
THREADS = (1, 2, 3, 7, 33, 256)


def test_softmax_takes_the_largest_logit_whatever_it_is_and_whichever_thread_has_it():
    assert not softmax_of_far_logits(library())
    assert not [said for threads in THREADS for said in softmax_of_one(library(), threads)]


def test_a_softmax_that_starts_from_zero_is_found():
    device = edited("classifier.metal", ("largest = -FLT_MAX", "largest = 0.0f"))
    with np.errstate(invalid="ignore"):
        assert softmax_of_far_logits(device)


def test_a_halving_that_loses_a_maximum_is_found():
    lossy = ("if (other < left) scratch[me] = max", "if (other + 1 < left) scratch[me] = max")
    assert "thread 255 of 256" in softmax_of_one(edited("classifier.metal", lossy), 256)


def test_both_pointwise_kernels_give_the_same_bits():
    for width in range(1, 10):
        params = {"weight": (1, 1, 10, 7), "bias": (7,)}
        network = one("pointwise_conv2d", PointwiseAttrs(), params, (3, width, 10))
        rng = np.random.default_rng(width)
        tensors = {k: rng.normal(size=shape) for k, shape in network.params().items()}
        x = rng.normal(size=(1, 3, width, 10))
        answers = [
            Runner(program_of(network, tensors, pointwise=kernel), library())(x)["y"]
            for kernel in ("pointwise", "pointwise4")
        ]
        np.testing.assert_array_equal(*answers)


def colours() -> np.ndarray:
    """All 256 values of each colour, 16 x 16 pixels."""
    values = np.arange(256, dtype=np.uint8)
    return np.stack([values, values[::-1], np.roll(values, 85)], -1).reshape(16, 16, 3)


def unlike_the_recipe(recipe: str, device, pixels=None, threadgroup=None) -> int:
    """How many numbers are outside half(ref - e) .. half(ref + e); of `colours`, unless given.

    e: (255 p - mean) * scale in float rounds p, 255 p, the difference and the product, on the scale
    of |255 p| + |mean|: 4 u. Scale and mean are the recipe's own to seven digits, off by 5e-7 each,
    and read off its float32 numbers, of three roundings. In all 8 u and 2 * 5e-7.
    """
    pixels = colours() if pixels is None else pixels
    program = picture_program(recipe, pixels.shape[:2])
    (dispatch,) = program.dispatches
    dispatch = replace(dispatch, threadgroup=threadgroup or dispatch.threadgroup)
    runner = Runner(replace(program, dispatches=(dispatch,)), device)
    found = runner(pixels[np.newaxis])["image"][0]
    exact = RECIPES[recipe].normalise(pixels).astype(np.float64)
    scale = abs(np.array(parameters_of(recipe).fields[1].value[:3])).max()
    e = (8 * 2.0**-24 + 2 * 5e-7) * (255 + 128) * scale
    low, high = (end.astype(np.float16).astype(np.float64) for end in (exact - e, exact + e))
    beside = int(np.count_nonzero(runner.array("image")[..., 3]))
    return beside + int((~((low <= found) & (found <= high))).sum())


@pytest.mark.parametrize("recipe", RECIPES)
def test_preprocess_gives_the_numbers_of_the_recipe(recipe):
    assert unlike_the_recipe(recipe, library()) == 0


# Where groups of 16 x 8 and 16 x 16 threads reach beyond the rows alone, the columns alone, both.
PICTURES = ((13, 16), (16, 13), (11, 19))


@pytest.mark.parametrize("shape", [None, *SHAPES])
def test_preprocess_keeps_to_pictures_that_are_no_multiple_of_the_threadgroup(shape):
    for H, W in PICTURES:
        pixels = np.random.default_rng(H).integers(0, 256, (H, W, 3), np.uint8)
        assert unlike_the_recipe("caffe", library(), pixels, shape) == 0


@pytest.mark.parametrize(
    "side", ["gid.x >= image.get_width() || ", " || gid.y >= image.get_height()"]
)
def test_a_guard_that_preprocess_lacks_is_found_where_threads_lie_beyond_the_picture(side):
    device = edited("preprocess.metal", (side, ""))
    H, W = PICTURES["gid.x" in side]
    pixels = np.zeros((H, W, 3), np.uint8)
    for shape in (None, (16, 16, 1)):
        with pytest.raises(ValueError, match="preprocess"):
            unlike_the_recipe("caffe", device, pixels, shape)


@pytest.mark.parametrize("fault", PREPROCESS)
def test_a_fault_planted_in_preprocess_is_caught(fault):
    old, new, recipe = PREPROCESS[fault]
    assert unlike_the_recipe(recipe, edited("preprocess.metal", (old, new))) > 0


def picture_program(recipe: str, size=(16, 16)) -> Program:
    """The preprocessing alone: what is read of it is the texture that the network would read."""
    network = Network("picture", (Layer("y", "relu", ("image",)),), {"image": (*size, 3)}, ("y",))
    program = program_of(network, {}, preprocessing=recipe)
    return replace(program, outputs={"image": "image"}, dispatches=program.dispatches[:1])


def test_alpha_comes_out_as_zero():
    runner = Runner(picture_program("caffe"), library())
    runner(np.full((1, 16, 16, 3), 200, np.uint8))
    assert (runner.array("pixels")[..., 3] == 255).all()
    assert not runner.array("image")[..., 3].any()


def test_an_image_with_something_in_its_fourth_lane_gives_the_same():
    """An app's texture may hold alpha there; the weights of that lane are zeros."""
    network, tensors, inputs = real("conv")
    runner = Runner(program_of(network, tensors), library())
    first = runner(inputs)["y"]
    runner.array("x0")[..., 3] = 1
    runner.dispatch()
    np.testing.assert_array_equal(packing.from_texture(runner.array("y"), 10)[np.newaxis], first)


def test_what_no_kernel_serves_is_said_in_one_line():
    five = depthwise(DepthwiseAttrs("same"), (8, 8), 4, 1, (5, 5))
    said = r"layer 'y': depthwise_conv2d \(5 x 5 x 4 x 1, .*has no Metal kernel"
    with pytest.raises(UnsupportedError, match=said):
        program_of(five, whole(five)[0])
    for network in (
        depthwise(DepthwiseAttrs("same"), (8, 8), 4, 2, (3, 3)),
        depthwise(DepthwiseAttrs("same", dilation=2), (8, 8), 4, 1, (3, 3)),
        depthwise(DepthwiseAttrs("same", stride=(1, 2)), (8, 8), 4, 1, (3, 3)),
        one("concat", None, None, (2, 2, 3), (2, 2, 5)),
        one("relu", None, None, (5,)),
    ):
        tensors, _ = whole(network)
        with pytest.raises(UnsupportedError, match="has no Metal kernel"):
            program_of(network, tensors)


def test_a_sample_on_the_border_of_two_pixels_is_a_fault():
    network, tensors, inputs = real("depthwise")
    device = edited("depthwise3x3.metal", (" + 0.5f", " + 0.0f"))
    with pytest.raises(ValueError, match="depthwise3x3"):
        Runner(program_of(network, tensors), device)(inputs)
