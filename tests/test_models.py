"""The architectures against the papers' own tables and counts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from refnet import CAFFE, PYTORCH, mobilenet_v1, mobilenet_v2
from refnet.cost import macs, parameters
from refnet.models import build, deeplab, ssdlite
from refnet.models.mobilenet_v2 import rounded
from refnet.tables import block_rows, layer_rows

# MobileNets (arXiv:1704.04861), Table 1, with its two misprints mended: the row "Onv / s1", and
# the stride 2 of the last depthwise layer, which its own sizes contradict.
TABLE_1 = """
Conv / s2        3 x 3 x 3 x 32        224 x 224 x 3
Conv dw / s1     3 x 3 x 32 dw         112 x 112 x 32
Conv / s1        1 x 1 x 32 x 64       112 x 112 x 32
Conv dw / s2     3 x 3 x 64 dw         112 x 112 x 64
Conv / s1        1 x 1 x 64 x 128      56 x 56 x 64
Conv dw / s1     3 x 3 x 128 dw        56 x 56 x 128
Conv / s1        1 x 1 x 128 x 128     56 x 56 x 128
Conv dw / s2     3 x 3 x 128 dw        56 x 56 x 128
Conv / s1        1 x 1 x 128 x 256     28 x 28 x 128
Conv dw / s1     3 x 3 x 256 dw        28 x 28 x 256
Conv / s1        1 x 1 x 256 x 256     28 x 28 x 256
Conv dw / s2     3 x 3 x 256 dw        28 x 28 x 256
Conv / s1        1 x 1 x 256 x 512     14 x 14 x 256
5x Conv dw / s1  3 x 3 x 512 dw        14 x 14 x 512
   Conv / s1     1 x 1 x 512 x 512     14 x 14 x 512
Conv dw / s2     3 x 3 x 512 dw        14 x 14 x 512
Conv / s1        1 x 1 x 512 x 1024    7 x 7 x 512
Conv dw / s1     3 x 3 x 1024 dw       7 x 7 x 1024
Conv / s1        1 x 1 x 1024 x 1024   7 x 7 x 1024
Avg Pool / s1    Pool 7 x 7            7 x 7 x 1024
FC / s1          1024 x 1000           1 x 1 x 1024
Softmax / s1     Classifier            1 x 1 x 1000
"""

# MobileNetV2 (arXiv:1801.04381), Table 2; its k is 1000.
TABLE_2 = """
224^2 x 3     conv2d       -  32    1  2
112^2 x 32    bottleneck   1  16    1  1
112^2 x 16    bottleneck   6  24    2  2
56^2 x 24     bottleneck   6  32    3  2
28^2 x 32     bottleneck   6  64    4  2
14^2 x 64     bottleneck   6  96    3  1
14^2 x 96     bottleneck   6  160   3  2
7^2 x 160     bottleneck   6  320   1  1
7^2 x 320     conv2d 1x1   -  1280  1  1
7^2 x 1280    avgpool 7x7  -  -     1  -
1 x 1 x 1280  conv2d 1x1   -  1000  1  1
"""


def cells(printed: str) -> list[tuple[str, ...]]:
    return [tuple(re.split(r"  +", line.strip())) for line in printed.strip().splitlines()]


def test_v1_prints_table_1():
    found = [tuple(cell.strip() for cell in row) for row in layer_rows(mobilenet_v1())[1:]]
    assert found == cells(TABLE_1)


def test_v2_prints_table_2():
    assert block_rows(mobilenet_v2())[1:] == cells(TABLE_2)


def test_the_counts_that_the_sources_and_the_issue_trackers_know():
    """V1's 4,221,032 stands in the 2017 source; 569 M and 300 M in the papers."""
    v1, v2 = mobilenet_v1(batch_norm=False), mobilenet_v2(batch_norm=False)
    assert (parameters(v1), macs(v1)) == (4_221_032, 568_740_352)
    assert (parameters(v2), macs(v2)) == (3_487_816, 300_774_272)
    assert parameters(mobilenet_v2()) == 3_504_872  # torchvision's published count


@pytest.mark.parametrize(
    ("alpha", "resolution", "millions", "parameters_in_millions"),
    [  # MobileNets, Tables 6 and 7
        (1.0, 224, 569, 4.2), (0.75, 224, 325, 2.6), (0.5, 224, 149, 1.3), (0.25, 224, 41, 0.5),
        (1.0, 192, 418, 4.2), (1.0, 160, 290, 4.2), (1.0, 128, 186, 4.2),
    ],
)  # fmt: skip
def test_v1_costs_what_the_papers_tables_print(alpha, resolution, millions, parameters_in_millions):
    """To the last digit printed, whether the authors rounded it or cut it off."""
    network = mobilenet_v1(alpha, resolution, batch_norm=False)
    assert 0 <= macs(network) / 1e6 - millions + 0.5 < 1.5
    assert abs(parameters(network) / 1e6 - parameters_in_millions) <= 0.05


def test_shallow_leaves_out_five_blocks_of_14_x_14_x_512():
    """MobileNets, Table 3: 307 M mult-adds, 2.9 M parameters."""
    shallow = mobilenet_v1(shallow=True, batch_norm=False)
    assert macs(mobilenet_v1(batch_norm=False)) - macs(shallow) == 5 * 14 * 14 * 512 * (9 + 512)
    assert (round(macs(shallow) / 1e6), round(parameters(shallow) / 1e6, 1)) == (307, 2.9)


def test_v1_has_28_layers_as_the_paper_counts_and_30_as_the_2017_source_does():
    learned = [layer for layer in mobilenet_v1(batch_norm=False).layers if layer.params]
    assert len(learned) == 28
    counted = [layer for layer in mobilenet_v1().layers if layer.op not in ("batch_norm", "relu6")]
    assert len(counted) == 30


def test_v2_adds_residuals_only_where_shapes_agree_and_ends_blocks_without_activation():
    network = mobilenet_v2()
    shapes = network.shapes()
    sums = [layer for layer in network.layers if layer.op == "add"]
    assert len(sums) == 10
    assert all(shapes[a] == shapes[b] for a, b in (layer.inputs for layer in sums))
    projections = {layer.name for layer in network.layers if layer.name.endswith("project.norm")}
    assert len(projections) == 17
    readers = [layer for layer in network.layers if projections & set(layer.inputs)]
    assert {layer.op for layer in readers} == {"add", "pointwise_conv2d"}


def test_v2_has_no_expansion_in_its_first_block_only():
    expanded = [la.name for la in mobilenet_v2().layers if la.name.endswith(".expand")]
    assert expanded == [f"block{n}.expand" for n in range(2, 18)]


@pytest.mark.parametrize(
    ("alpha", "divisor", "widths"),
    [  # torchvision's and slim's published widths; 4 is the rule of one DeepLab checkpoint
        (1.0, 8, [32, 16, 24, 32, 64, 96, 160, 320, 1280]),
        (1.4, 8, [48, 24, 32, 48, 88, 136, 224, 448, 1792]),
        (0.75, 8, [24, 16, 24, 24, 48, 72, 120, 240, 1280]),
        (0.35, 8, [16, 8, 8, 16, 24, 32, 56, 112, 1280]),
        (0.5, 4, [16, 8, 12, 16, 32, 48, 80, 160, 1280]),
    ],
)
def test_v2_rounds_its_widths(alpha, divisor, widths):
    network = mobilenet_v2(alpha, divisor=divisor)
    stages = [f"block{first}.project" for first in (1, 2, 4, 7, 11, 14, 17)]
    found = [network[name].params["weight"][3] for name in ("stem", *stages, "head")]
    assert found == widths


def test_rounding_never_loses_more_than_a_tenth():
    for channels in range(1, 400):
        assert rounded(channels, 8) % 8 == 0
        assert rounded(channels, 8) >= 0.9 * channels


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_conventions_change_what_they_name_and_no_shape(model):
    plain, other = build(model), build(model, conventions=replace(CAFFE, classes=1001))

    def said(network, attribute):
        return {la.keywords()[attribute] for la in network.layers if attribute in la.keywords()}

    assert said(plain, "padding") == {"same"}
    assert said(other, "padding") == {(1, 1, 1, 1)}
    assert said(other, "epsilon") == {1e-5}
    assert not [layer for layer in other.layers if layer.op == "relu6"]
    assert other.shapes()["softmax"] == (1, 1001)
    assert build(model, conventions=PYTORCH).shapes() == plain.shapes()
    assert build(model, classes=7).shapes()["softmax"] == (1, 7)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("v3", {}, "model: 'v3', expected one of v1, v2"),
        ("v1", {"alpha": 0.01}, "alpha: 0.01 leaves none of 32 channels"),
        ("v1", {"alpha": float("nan")}, "alpha: nan, expected a number above 0"),
        ("v2", {"alpha": 0}, "alpha: 0, expected a number above 0"),
        ("v2", {"alpha": float("inf")}, "alpha: inf, expected a number above 0"),
        ("v2", {"expansion": 0}, "expansion: 0, expected a whole number of at least 1"),
        ("v2", {"divisor": 0}, "divisor: 0, expected a whole number of at least 1"),
        ("v1", {"resolution": 0}, "resolution: 0, expected a whole number of at least 1"),
        ("v1", {"expansion": 6}, "v1 has no option 'expansion'; it takes alpha, resolution,"),
    ],
)
def test_architectures_that_cannot_be_are_refused(model, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build(model, **options)


def test_the_table_of_a_detector_has_every_layer_of_its_heads_and_their_strides():
    """19, 10, 5, 3, 2 and 1 rows (V2, section 6.2): what makes one of the next has stride 2."""
    rows = block_rows(ssdlite())
    halved = [row[0] for row in rows if row[1] == "depthwise" and row[5] == "2"]
    assert halved == ["10^2 x 256", "5^2 x 128", "3^2 x 128", "2^2 x 64"]
    scores = [(row[0].split("^")[0], row[3]) for row in rows if row[3] in ("273", "546")]
    assert scores == [(side, "546") for side in ("1", "2", "3", "5", "10")] + [("19", "273")]


def test_the_table_of_a_segmenter_tells_its_dilations():
    """Rates (6, 12, 18), doubled at output stride 8 (DeepLabv3, section 3.3)."""
    rows = block_rows(deeplab(output_stride=8, aspp=True))
    pyramid = [row[1] for row in rows if row[1].startswith("conv2d, ")]
    assert pyramid == [f"conv2d, dilated {rate}" for rate in (12, 24, 36)]
    blocks = [(row[1], row[4]) for row in rows if row[1].startswith("bottleneck, ")]
    assert blocks == [("bottleneck, dilated 2", n) for n in "331"] + [
        ("bottleneck, dilated 4", n) for n in "21"
    ]
    assert ("Conv dw / s1, dilated 4", "3 x 3 x 1024 dw") in [
        row[:2] for row in layer_rows(deeplab(backbone="v1", output_stride=8))
    ]
