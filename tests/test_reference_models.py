"""The networks that MobileNet is compared with, against their papers and published counts.

"torchvision" below is what that library publishes of its own models: parameters, smallest image,
and billions of multiply-accumulates at 224 (Inception: 299).
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from refnet import CAFFE, PYTORCH, TENSORFLOW, definition, mobilenet_v1, ops, run
from refnet.cost import macs, parameters
from refnet.models import MODELS, build, inception_v3, mobilenet_standard, squeezenet, vgg16
from refnet.models.builder import Builder
from refnet.network import Network
from refnet.tables import layer_rows

# VGG (arXiv:1409.1556), Table 1, column D.
CONFIGURATION_D = """
conv3-64 conv3-64 maxpool conv3-128 conv3-128 maxpool conv3-256 conv3-256 conv3-256 maxpool
conv3-512 conv3-512 conv3-512 maxpool conv3-512 conv3-512 conv3-512 maxpool
FC-4096 FC-4096 FC-1000 soft-max
"""

# SqueezeNet (arXiv:1602.07360), Table 1: output size, parameters before pruning. Its maxpool8 is
# printed as 13 x 12 x 512, a misprint: fire9, which keeps the size, has 13 x 13.
SQUEEZENET_TABLE_1 = {
    "conv1": ((111, 111, 96), 14_208), "pool1": ((55, 55, 96), 0),
    "fire2": ((55, 55, 128), 11_920), "fire3": ((55, 55, 128), 12_432),
    "fire4": ((55, 55, 256), 45_344), "pool4": ((27, 27, 256), 0),
    "fire5": ((27, 27, 256), 49_440), "fire6": ((27, 27, 384), 104_880),
    "fire7": ((27, 27, 384), 111_024), "fire8": ((27, 27, 512), 188_992),
    "pool8": ((13, 13, 512), 0), "fire9": ((13, 13, 512), 197_184),
    "conv10": ((13, 13, 1000), 513_000),
}  # fmt: skip

SMALL = [
    mobilenet_standard(32),
    vgg16((32, 45), classifier=False),
    squeezenet((47, 60), classes=7),
    inception_v3((75, 96), classes=7),
]


def random_tensors(network: Network, seed: int) -> dict[str, np.ndarray]:
    """Weights of a size that neither blows up nor dies out on the way (He and others, 2015)."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in network.params().items():
        if name.endswith("weight"):
            values = rng.standard_normal(shape) * math.sqrt(2 / math.prod(shape[:-1]))
        else:
            values = rng.uniform(0.5, 1, shape)
        tensors[name] = values.astype(np.float32)
    return tensors


def paper_words(network: Network) -> list[str]:
    """The layers as VGG's Table 1 writes them."""
    words = []
    for layer in network.layers:
        if layer.name in ("fc6", "fc7", "fc8"):
            words.append(f"FC-{layer.params['weight'][3]}")
        elif layer.op == "conv2d":
            words.append(f"conv{layer.params['weight'][0]}-{layer.params['weight'][3]}")
        else:
            words += {"max_pool": ["maxpool"], "softmax": ["soft-max"]}.get(layer.op, [])
    return words


def test_vgg16_is_configuration_d_and_has_its_published_counts():
    """138 M parameters: the paper's Table 2; 138,357,544 and 15.47: torchvision's."""
    network = vgg16()
    assert paper_words(network) == CONFIGURATION_D.split()
    assert network.shapes()["pool5"] == (1, 7, 7, 512)
    assert parameters(network) == 138_357_544
    convolutions = sum(  # 3 x 3 x M x N for each pixel, by hand
        9 * M * N * side**2
        for side, widths in {
            224: [3, 64, 64], 112: [64, 128, 128], 56: [128, 256, 256, 256],
            28: [256, 512, 512, 512], 14: [512, 512, 512, 512],
        }.items()
        for M, N in pairwise(widths)
    )  # fmt: skip
    dense = 7 * 7 * 512 * 4096 + 4096 * 4096 + 4096 * 1000
    assert macs(network) == convolutions + dense == 15_470_264_320
    assert round(macs(network) / 1e9, 2) == 15.47


@pytest.mark.parametrize("module", [definition, ops], ids=["definition", "ops"])
def test_a_dense_layer_on_a_flattened_map_is_a_convolution_as_large_as_the_map(module):
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, (2, 3, 4, 5)), rng.integers(-9, 10, (3, 4, 5, 6))
    flat = module.dense(x.reshape(2, -1), w.reshape(-1, 6))
    assert np.array_equal(module.conv2d(x, w, padding="valid")[:, 0, 0], flat)


def test_squeezenet_has_the_sizes_and_parameters_of_its_papers_table_1():
    """The sizes at 227, which is what makes 111 of the first convolution without padding."""
    network = squeezenet(227)
    shapes = network.shapes()
    for name, (size, count) in SQUEEZENET_TABLE_1.items():
        assert shapes[f"{name}.concat" if name.startswith("fire") else name] == (1, *size)
        mine = [k for k in network.params() if re.match(rf"{name}\.", k)]
        assert sum(math.prod(network.params()[k]) for k in mine) == count
    assert parameters(network) == 1_248_424  # the table's total, and torchvision's count


def test_squeezenet_at_224_costs_what_torchvision_publishes():
    """0.819: with the sizes that rounding up gives, 109 -> 54 -> 27 -> 13."""
    network = squeezenet()
    shapes = network.shapes()
    sides = [shapes[name][1] for name in ("conv1", "pool1", "pool4", "pool8")]
    assert sides == [109, 54, 27, 13]
    assert shapes["fire9.concat"] == (1, 13, 13, 512)
    assert shapes["conv10"] == (1, 13, 13, 1000)
    assert macs(network) == 818_924_576
    assert round(macs(network) / 1e9, 3) == 0.819


@pytest.mark.parametrize("size", [(9, 8), (8, 9), (3, 4), (7, 12)])
@pytest.mark.parametrize(("side", "stride"), [(2, 2), (3, 2), (3, 3), (2, 1)])
def test_pools_that_round_up_have_the_size_that_caffe_gives_them_and_leave_no_row_out(
    size, side, stride
):
    """ceil((D_F - D_K) / stride) + 1: Caffe's pooling layer, and PyTorch's ceil_mode."""
    H, W = size
    builder = Builder(size, CAFFE, batch_norm=False)
    builder.max_pool("pool", size=side, stride=stride, ceil=True)
    rows, columns = (math.ceil((length - side) / stride) + 1 for length in size)
    x = np.arange(H * W * 3).reshape(1, H, W, 3)
    y = run(builder.network("pool", ["pool"]), {}, x)["pool"]
    assert y.shape == (1, rows, columns, 3)
    assert np.array_equal(y[0, -1, -1], x[0, -1, -1])  # the largest of all, in the last corner


def test_inception_v3_has_the_sizes_of_its_paper_and_the_published_counts():
    """Sizes: arXiv:1512.00567, Table 1, and the published models where it leaves them open."""
    network = inception_v3()
    shapes = network.shapes()
    assert [shapes[name][1:] for name in ("conv1a", "conv2a", "conv2b", "pool2", "pool4")] == [
        (149, 149, 32), (147, 147, 32), (147, 147, 64), (73, 73, 64), (35, 35, 192)
    ]  # fmt: skip
    assert [shapes[f"mixed{n}"][1:] for n in ("5b", "5c", "5d", "6a", "6e", "7a", "7b", "7c")] == [
        (35, 35, 256), (35, 35, 288), (35, 35, 288), (17, 17, 768), (17, 17, 768),
        (8, 8, 1280), (8, 8, 2048), (8, 8, 2048),
    ]  # fmt: skip
    assert round(macs(network) / 1e9, 3) == 5.713  # torchvision, whose auxiliary part is idle
    # torchvision publishes 27,161,264 with the auxiliary classifier: a 1x1 convolution to 128
    # channels, one of 5x5 to 768, a dense layer; gamma and beta after each convolution.
    auxiliary = (768 * 128 + 2 * 128) + (25 * 128 * 768 + 2 * 768) + (768 * 1000 + 1000)
    assert parameters(network) == 27_161_264 - auxiliary == 23_834_568
    # Keras publishes 23,851,784: no gamma, but the statistics, which are not learned, too.
    without_gamma = {k: s for k, s in network.params().items() if not k.endswith("gamma")}
    assert sum(map(math.prod, without_gamma.values())) == 23_851_784
    assert parameters(inception_v3(batch_norm=False)) == 23_817_352  # Keras's trainable ones


def test_mobilenet_with_standard_convolutions_costs_what_the_papers_table_4_prints():
    """4866 M mult-adds, 29.3 M parameters. 4866 is what the convolutions alone cost; with the
    dense layer, which the same table's 569 M for MobileNet includes, it is 4867.3 M."""
    network = mobilenet_standard(batch_norm=False)
    assert round(parameters(network) / 1e6, 1) == 29.3
    assert macs(network) == 4_867_293_184
    assert round((macs(network) - 1024 * 1000) / 1e6) == 4866
    assert round(macs(network) / macs(mobilenet_v1()), 2) == 8.56


def test_standard_convolutions_stand_where_v1_has_its_blocks():
    standard, v1 = mobilenet_standard(192).shapes(), mobilenet_v1(1.0, 192).shapes()
    for number in range(1, 14):
        assert standard[f"block{number}"] == v1[f"block{number}.pointwise"]
    learned = [la for la in mobilenet_standard(batch_norm=False).layers if la.params]
    assert [la.op for la in learned] == ["conv2d"] * 14 + ["dense"]


@pytest.mark.parametrize("network", SMALL, ids=lambda network: network.name)
def test_small_images_run_through_and_every_shape_is_as_foretold(network):
    x = np.random.default_rng(0).uniform(size=(2, *network.input_shape)).astype(np.float32)
    names = [layer.name for layer in network.layers]
    answer = run(network, random_tensors(network, 1), x, taps=names)
    foretold = network.shapes(batch=2)
    assert {name: y.shape for name, y in answer.items()} == {name: foretold[name] for name in names}
    assert all(np.isfinite(y).all() and y.any() for y in answer.values())


def test_the_loops_and_numpy_agree_on_a_pool_that_rounds_up_and_a_fire_module():
    """Whole numbers, so bit for bit; 10 x 10 rounds up to 5 x 5."""
    part = squeezenet(25).cut(["fire2.concat"], inputs=["conv1.activation"])
    assert part.shapes()["pool1"] == (1, 5, 5, 96)
    rng = np.random.default_rng(3)
    tensors = {name: rng.integers(-1, 2, shape) for name, shape in part.params().items()}
    x = rng.integers(-4, 5, (1, 10, 10, 96))
    loops = run(part, tensors, x, using=definition, taps=["pool1"])
    numpy = run(part, tensors, x, taps=["pool1"])
    for name in ("pool1", "fire2.concat"):
        assert np.array_equal(loops[name], numpy[name])


def test_the_scores_of_squeezenet_pass_a_relu_and_those_of_vgg16_do_not():
    """As both are published: SqueezeNet's relu_conv10; VGG, section 2.1: hidden layers only."""
    assert squeezenet()["pool"].inputs == ("conv10.activation",)
    assert vgg16()["pool"].inputs == ("fc8",)


def test_inceptions_branches_read_one_map_and_its_forks_read_one_more():
    """Figures 5 to 7: what a module's branches read, by where they begin."""
    network = inception_v3()
    for module, before, branches in [("mixed5b", "pool4", 4), ("mixed6b", "mixed6a", 4)]:
        starts = [network[f"{module}.{n}.1"].inputs for n in range(1, branches + 1)]
        assert starts == [(before,)] * branches
    for fork, read in [("mixed7b.2.2", "mixed7b.2.1"), ("mixed7c.3.3", "mixed7c.3.2")]:
        assert {network[fork + side].inputs for side in "ab"} == {(f"{read}.activation",)}
    assert network["mixed6c"].inputs[1:] == (
        "mixed6c.2.3.activation", "mixed6c.3.5.activation", "mixed6c.4.2.activation"
    )  # fmt: skip
    assert len(network["mixed7c"].inputs) == 6


@pytest.mark.parametrize(
    ("model", "side", "options"),
    [("vgg16", 32, {"classifier": False}), ("squeezenet", 21, {}), ("inception_v3", 75, {})],
)
def test_the_smallest_image_is_the_one_that_torchvision_publishes(model, side, options):
    assert build(model, resolution=side, **options).input_shape == (side, side, 3)
    with pytest.raises(ValueError, match="kernel: spans"):
        build(model, resolution=side - 1, **options)


def test_vgg16_with_its_dense_layers_needs_224_and_averages_the_scores_of_larger_images():
    assert vgg16(256).shapes()["fc8"] == (1, 2, 2, 1000)
    assert vgg16(256).shapes()["softmax"] == (1, 1000)
    assert vgg16(256).params() == vgg16().params()
    with pytest.raises(ValueError, match="kernel: spans 7 rows"):
        vgg16(223)


@pytest.mark.parametrize("model", ["mobilenet_standard", "vgg16", "squeezenet", "inception_v3"])
def test_conventions_change_what_they_name_and_no_shape(model):
    plain = build(model, batch_norm=False)
    other = build(model, conventions=replace(PYTORCH, classes=1001), batch_norm=False)
    assert other.shapes()["softmax"] == (1, 1001)
    assert build(model, conventions=CAFFE, batch_norm=False).shapes() == plain.shapes()
    if model != "mobilenet_standard":  # ReLU6 came with the MobileNets
        assert not [layer for layer in (*plain.layers, *other.layers) if layer.op == "relu6"]
        assert plain.conventions.activation == other.conventions.activation == "relu"


@pytest.mark.parametrize("conventions", [TENSORFLOW, PYTORCH], ids=["tensorflow", "pytorch"])
def test_inceptions_average_counts_the_padding_as_its_conventions_do(conventions):
    network = inception_v3(75, conventions=conventions)
    said = {la.attrs.include_padding for la in network.layers if la.op == "average_pool"}
    assert said == {conventions is PYTORCH}


@pytest.mark.parametrize("model", ["vgg16", "squeezenet"])
def test_batch_norm_is_refused_where_the_published_network_has_none(model):
    with pytest.raises(ValueError, match=f"batch_norm: True, but {model} has a bias"):
        build(model, batch_norm=True)


@pytest.mark.parametrize("model", [name for name in MODELS if name not in ("deeplab", "ssdlite")])
def test_every_model_is_built_by_name_with_the_options_that_all_take(model):
    network = build(model, resolution=224, classes=10, conventions=CAFFE, batch_norm=False)
    assert network.shapes()["softmax"] == (1, 10)
    assert str(network).splitlines()[0] == network.name


@pytest.mark.parametrize("model", ["standard", "mobilenet_vgg16", "vgg"])
def test_names_that_no_model_has_are_refused(model):
    with pytest.raises(ValueError, match=f"model: '{model}', expected one of v1, v2,"):
        build(model)


def test_pools_and_joined_branches_have_rows_of_their_own():
    rows = layer_rows(squeezenet())
    assert rows[2] == ("Max Pool / s2", "Pool 3 x 3", "109 x 109 x 96")
    assert rows[6] == ("Concat / s1", "-", "54 x 54 x (64 + 64)")
    assert ("Avg Pool / s1", "Pool 3 x 3", "35 x 35 x 192") in layer_rows(inception_v3())


def test_equal_rows_in_a_chain_are_told_once_and_branches_are_told_in_full():
    repeated = [row for row in layer_rows(mobilenet_standard()) if "x Conv" in row[0]]
    assert repeated == [("5x Conv / s1", "3 x 3 x 512 x 512", "14 x 14 x 512")]
    shown = [layer for layer in inception_v3().layers if layer.op not in ("batch_norm", "relu")]
    assert len(layer_rows(inception_v3())) == 1 + len(shown)
