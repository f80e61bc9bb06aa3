"""The recipes: against exact fractions, against independent engines, against Pillow itself."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from refnet.preprocessing import RECIPES, preprocess

U = 2.0**-24  # half a unit in the last place of a float32 in 1 .. 2, relative rounding error
FLOAT = ["tf-slim", "half-pixel"]  # computed here, in float64
SMALL = hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)))
SIDES = [(1, 1), (1, 9), (2, 3), (13, 15), (40, 17), (300, 451), (225, 224)]


def noise(H: int, W: int) -> np.ndarray:
    return np.random.default_rng(H * 1000 + W).integers(0, 256, (H, W, 3), np.uint8)


def crop(pixels: np.ndarray) -> np.ndarray:
    """tf.image.central_crop(0.875), in its own words."""
    H, W, _ = pixels.shape
    top, left = int((H - H * 0.875) / 2), int((W - W * 0.875) / 2)
    return pixels[top : top + H - 2 * top, left : left + W - 2 * left]


# By the library whose name the recipe bears

# Made with torchvision 0.28.0's own Resize(256), CenterCrop(224), ToTensor and Normalize, on
# Pillow 13.0.0: the SHA-256 of the float32 tensors, NHWC. (The longer side is cut to an integer:
# 256 * 451 / 300 = 384.85 becomes 384. A port that rounds it sees another cat: .714 for .717.)
TORCHVISION = {
    "chelsea": "841a9030ad513b66ca13df0f1c1d8bd8523ceda49306665de39cd2efd88642a8",
    "coffee": "49b5732ca464839eb5af87afa65e61cb6a53bf3d3aeac876cc1c38d15c4baa9f",
}


@pytest.mark.parametrize("photo", TORCHVISION)
def test_torchvision_is_torchvisions_own_to_the_bit(photo: str) -> None:
    data = pytest.importorskip("skimage.data", reason="its photos are the input")
    x = preprocess(getattr(data, photo)(), "torchvision")
    assert hashlib.sha256(x.tobytes()).hexdigest() == TORCHVISION[photo]


# By hand


def test_positions_by_hand() -> None:
    pixels = np.array([0, 100, 200], np.uint8).reshape(1, 3, 1).repeat(3, axis=2)

    def row(name: str, resolution: int) -> list[float]:
        return list(RECIPES[name].geometry(pixels, resolution)[0, :, 0])

    # i * in / out: 0, 1.5; and 0, .5, 1, 1.5, 2, 2.5, whose upper neighbour is pixel 2 again.
    assert row("tf-slim", 2) == [0, 150]
    assert row("tf-slim", 6) == [0, 50, 100, 150, 200, 200]
    # (i + 1/2) * in / out - 1/2: .25, 1.75; and -.25 (clamped), .25, .75, 1.25, 1.75, 2.25.
    assert row("half-pixel", 2) == [25, 175]
    assert row("half-pixel", 6) == [0, 25, 75, 125, 175, 200]


def neighbours(size: int, resolution: int, shift: Fraction) -> Iterator[tuple[int, int, Fraction]]:
    for i in range(resolution):
        position = max((i + shift) * Fraction(size, resolution) - shift, Fraction(0))
        lower = math.floor(position)
        yield lower, min(lower + 1, size - 1), position - lower


def exactly(pixels: np.ndarray, resolution: int, shift: Fraction) -> Iterator[Fraction]:
    """Bilinear interpolation of channel 0, in Fractions; a pixel's centre lies `shift` inside."""
    p = pixels[:, :, 0].astype(object)
    for top, bottom, fy in neighbours(pixels.shape[0], resolution, shift):
        for left, right, fx in neighbours(pixels.shape[1], resolution, shift):
            upper = p[top, left] * (1 - fx) + p[top, right] * fx
            lower = p[bottom, left] * (1 - fx) + p[bottom, right] * fx
            yield upper * (1 - fy) + lower * fy


@pytest.mark.parametrize("name", FLOAT)
@pytest.mark.parametrize(("H", "W"), [(1, 1), (2, 5), (7, 16), (33, 20)])
@pytest.mark.parametrize("resolution", [1, 3, 12])
def test_tensor_is_the_exact_value_rounded_once(name: str, H: int, W: int, resolution: int) -> None:
    pixels, shift = noise(H, W), Fraction(1, 2) if name == "half-pixel" else Fraction(0)
    got = preprocess(pixels, name, resolution)[0, :, :, 0].ravel().tolist()
    for y, value in zip(got, exactly(crop(pixels), resolution, shift), strict=True):
        exact = value / Fraction(255, 2) - 1
        # Half a unit in the last place for the rounding; in float64 a dozen operations on
        # numbers up to 255, divided by 127.5, add less than 2 * 12 * 2**-53.
        assert abs(Fraction(y) - exact) <= U * abs(exact) + Fraction(24, 2**53)


# Independent engines


def allowance(pixels: np.ndarray) -> float:
    """How far a float32 engine may lie from the exact interpolation, in grey levels.

    The engine rounds in / out, its product with i, and (with half pixels) the difference: its
    position is off by at most 3 U times the side. A bilinear surface is continuous, so it does
    not matter whether that crosses a pixel, and no steeper than 255 a pixel along each axis.
    Weights and products and sums: at most 8 roundings of numbers up to 255.
    """
    H, W = pixels.shape[:2]
    return float(255 * U * (3 * H + 3 * W + 8))


def litert_resize(pixels: np.ndarray, resolution: int, *, half_pixel: bool) -> np.ndarray:
    """RESIZE_BILINEAR of LiteRT: a model of one operation, run by the reference kernel."""
    reason = "LiteRT has no wheel for this Python"
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason=reason)
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason=reason)
    flatbuffers = pytest.importorskip("flatbuffers", reason=reason)

    def make(kind: str, **fields: object) -> Any:
        table = getattr(schema, kind + "T")()
        vars(table).update(fields)
        return table

    resize, float32 = schema.BuiltinOperator.RESIZE_BILINEAR, schema.TensorType.FLOAT32
    square = np.array([resolution, resolution], "<i4")
    tensors = [
        make("Tensor", name="x", shape=[1, *pixels.shape], type=float32),
        make("Tensor", name="size", shape=[2], type=schema.TensorType.INT32, buffer=1),
        make("Tensor", name="y", shape=[1, *square.tolist(), 3], type=float32),
    ]
    op = make("Operator", inputs=[0, 1], outputs=[2])
    op.builtinOptionsType = schema.BuiltinOptions.ResizeBilinearOptions
    op.builtinOptions = make("ResizeBilinearOptions", halfPixelCenters=half_pixel)
    code = make("OperatorCode", deprecatedBuiltinCode=resize, builtinCode=resize, version=3)
    graph = make("SubGraph", tensors=tensors, inputs=[0], outputs=[2], operators=[op])
    buffers = [make("Buffer"), make("Buffer", data=square.view(np.uint8))]
    model = make("Model", version=3, operatorCodes=[code], subgraphs=[graph], buffers=buffers)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    kernels = interpreter.OpResolverType.BUILTIN_REF
    engine = interpreter.Interpreter(
        model_content=bytes(builder.Output()), experimental_op_resolver_type=kernels
    )
    engine.allocate_tensors()
    engine.set_tensor(engine.get_input_details()[0]["index"], pixels[np.newaxis].astype("f4"))
    engine.invoke()
    return np.array(engine.get_tensor(engine.get_output_details()[0]["index"])[0])


@pytest.mark.parametrize("name", FLOAT)
@pytest.mark.parametrize(("H", "W"), SIDES)
@pytest.mark.parametrize("resolution", [1, 7, 224])
def test_geometry_is_that_of_litert(name: str, H: int, W: int, resolution: int) -> None:
    pixels = noise(H, W)
    theirs = litert_resize(crop(pixels), resolution, half_pixel=name == "half-pixel")
    ours = RECIPES[name].geometry(pixels, resolution)
    assert np.abs(ours - theirs).max() <= allowance(pixels)


@pytest.mark.slow
@pytest.mark.parametrize(("H", "W"), SIDES)
@pytest.mark.parametrize("resolution", [1, 7, 224])
def test_half_pixel_is_that_of_opencv_and_torch(H: int, W: int, resolution: int) -> None:
    pixels = noise(H, W)
    kept = crop(pixels).astype(np.float32)
    ours = RECIPES["half-pixel"].geometry(pixels, resolution)
    cv2 = pytest.importorskip("cv2", reason="OpenCV is in the [backends] extra")
    theirs = cv2.resize(kept, (resolution, resolution), interpolation=cv2.INTER_LINEAR)
    assert np.abs(ours - theirs).max() <= allowance(pixels)
    torch = pytest.importorskip("torch", reason="torch is in the [backends] extra")
    x = torch.from_numpy(kept.transpose(2, 0, 1).copy())[None]
    y = torch.nn.functional.interpolate(x, (resolution,) * 2, mode="bilinear", align_corners=False)
    assert np.abs(ours - y[0].numpy().transpose(1, 2, 0)).max() <= allowance(pixels)


# Pillow's own


@pytest.mark.parametrize(("H", "W"), [*SIDES, (20000, 10), (10, 20000)])
@pytest.mark.parametrize("resolution", [1, 96, 224])
def test_pillow_recipes_are_pillow_bit_for_bit(H: int, W: int, resolution: int) -> None:
    pixels = noise(H, W)
    whole, size = Image.fromarray(pixels), (resolution, resolution)
    box = (W / 16, H / 16, W * 15 / 16, H * 15 / 16)
    direct = {
        "pillow-crop": Image.fromarray(crop(pixels)).resize(size, Image.Resampling.BILINEAR),
        "pillow-box": whole.resize(size, Image.Resampling.BILINEAR, box),
        "squash": whole.resize(size, Image.Resampling.BILINEAR),
    }
    for name, image in direct.items():
        expected = (np.asarray(image) / 127.5 - 1).astype(np.float32)
        assert np.array_equal(preprocess(pixels, name, resolution), expected[np.newaxis]), name


def shorter_side_by_hand(pixels: np.ndarray, resolution: int, side: int) -> np.ndarray:
    """torchvision.transforms.functional: resize and center_crop, for a picture in RGB."""
    image = Image.fromarray(pixels)
    w, h = image.size
    new_w, new_h = (side, int(side * h / w)) if w <= h else (int(side * w / h), side)
    image = image.resize((new_w, new_h), Image.Resampling.BILINEAR)
    top, left = round((new_h - resolution) / 2.0), round((new_w - resolution) / 2.0)
    return np.asarray(image)[top : top + resolution, left : left + resolution]


@pytest.mark.parametrize(("H", "W"), [*SIDES, (451, 300), (257, 256), (256, 259), (256, 256)])
@pytest.mark.parametrize(("resolution", "side"), [(224, 256), (192, 219), (96, 110)])
def test_torchvision_and_caffe_are_their_formulas_bit_for_bit(
    H: int, W: int, resolution: int, side: int
) -> None:
    pixels = noise(H, W)
    square = shorter_side_by_hand(pixels, resolution, side)
    f = np.float32
    for c, (mean, std) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        expected = (square[:, :, c].astype(f) / f(255) - f(mean)) / f(std)
        assert np.array_equal(preprocess(pixels, "torchvision", resolution)[0, :, :, c], expected)
    for c, mean in enumerate([103.94, 116.78, 123.68]):  # blue, green, red
        expected = (square[:, :, 2 - c].astype(f) - f(mean)) * f(0.017)
        assert np.array_equal(preprocess(pixels, "caffe", resolution)[0, :, :, c], expected)


@pytest.mark.slow
def test_torch_normalises_every_grey_level_to_the_same_bits() -> None:
    torch = pytest.importorskip("torch", reason="torch is in the [backends] extra")
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    x = torch.from_numpy(grey).to(torch.float32).div(255)
    x.sub_(torch.tensor([0.485, 0.456, 0.406])).div_(torch.tensor([0.229, 0.224, 0.225]))
    assert np.array_equal(RECIPES["torchvision"].normalise(grey), x.numpy())


# Properties


@pytest.mark.parametrize("name", RECIPES)
@settings(max_examples=25, deadline=None)
@given(pixels=SMALL, r=st.integers(1, 40))
def test_no_recipe_leaves_the_range_of_its_picture(name: str, pixels: np.ndarray, r: int) -> None:
    y = RECIPES[name].geometry(pixels, r)
    assert y.shape == (r, r, 3)
    assert pixels.min() <= y.min() <= y.max() <= pixels.max()
    flat = np.full_like(pixels, pixels[0, 0, 0])  # whose range is one number
    assert np.all(RECIPES[name].geometry(flat, r) == pixels[0, 0, 0])


@pytest.mark.parametrize("name", [*FLOAT, "pillow-crop"])
@settings(max_examples=30, deadline=None)
@given(side=st.integers(1, 80))
def test_a_crop_of_the_right_size_is_not_resampled(name: str, side: int) -> None:
    kept = crop(noise(side, side))
    assert np.array_equal(RECIPES[name].geometry(noise(side, side), len(kept)), kept)


@settings(max_examples=30, deadline=None)
@given(pixels=SMALL, r=st.integers(1, 40))
def test_half_pixel_commutes_with_a_mirror(pixels: np.ndarray, r: int) -> None:
    geometry = RECIPES["half-pixel"].geometry
    difference = geometry(pixels[:, ::-1], r) - geometry(pixels, r)[:, ::-1]
    assert np.abs(difference).max() <= 255 * 2.0**-50  # a few roundings in float64


def test_tf_slim_does_not_commute_with_a_mirror() -> None:
    geometry = RECIPES["tf-slim"].geometry
    pixels = np.arange(4, dtype=np.uint8).reshape(1, 4, 1).repeat(3, axis=2)
    assert geometry(pixels, 2)[0, :, 0].tolist() == [0, 2]
    assert geometry(pixels[:, ::-1], 2)[0, ::-1, 0].tolist() == [1, 3]


# Every recipe, every shape; and what is refused


@pytest.mark.parametrize("name", RECIPES)
def test_a_strip_of_20000_by_10_and_a_single_pixel_give_a_tensor(name: str) -> None:
    # A grey level lasts 80 rows: the middle of the tensor is the middle of the strip, give or take.
    strip = np.repeat(np.arange(20000) // 80, 30).astype(np.uint8).reshape(20000, 10, 3)
    y = RECIPES[name].geometry(strip, 224)
    assert y.shape == (224, 224, 3)
    assert np.abs(y[112, 112].astype(float) - strip[10000, 5]).max() <= 1
    dot = preprocess(np.full((1, 1, 3), 7, np.uint8), name)
    assert np.array_equal(dot, np.broadcast_to(dot[0, 0, 0], (1, 224, 224, 3)))


@pytest.mark.parametrize("name", ["torchvision", "caffe"])
def test_a_strip_beyond_pillows_limit_is_refused_in_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    thin = np.zeros((1, 1_000_000, 3), np.uint8)
    with pytest.raises(ValueError, match=r"^pixels: 1 x 1000000 .* to 256 x 256000000, more .*$"):
        preprocess(thin, name)
    for other in set(RECIPES) - {"torchvision", "caffe"}:
        assert preprocess(thin, other, 2).shape == (1, 2, 2, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 256 * 256)  # of which twice is still allowed
    assert preprocess(thin[:, :2], name).shape == (1, 224, 224, 3)
    with pytest.raises(ValueError, match=r"^pixels: 1 x 3 .* to 256 x 768, more than the 131072 "):
        preprocess(thin[:, :3], name)


@pytest.mark.parametrize("name", RECIPES)
def test_the_picture_is_left_alone_and_its_layout_does_not_matter(name: str) -> None:
    pixels = noise(30, 40)
    pixels.flags.writeable = False
    x = preprocess(pixels, name, 20)
    assert x.flags.c_contiguous
    assert x.flags.writeable
    assert np.array_equal(preprocess(np.asfortranarray(pixels), name, 20), x)
    assert np.array_equal(preprocess(pixels, RECIPES[name], 20), x)
    assert np.array_equal(RECIPES[name](pixels, 20), x)
    assert RECIPES[name].name == name


@pytest.mark.parametrize("shape", [(2, 2), (1, 2, 2, 3), (2, 2, 4), (0, 2, 3)])
def test_other_pixels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=rf"^pixels: .*{re.escape(str(shape))}.*expected \(H, W, 3"
    ):
        preprocess(np.zeros(shape, np.uint8), "squash")
    for pixels, kind in ((np.zeros((2, 2, 3), np.float32), "float32"), ([[[0, 0, 0]]], "list")):
        with pytest.raises(ValueError, match=rf"^pixels: {kind}, expected a uint8 array"):
            preprocess(pixels, "squash")  # type: ignore[arg-type]


def test_an_unknown_recipe_is_answered_with_the_names() -> None:
    for recipe in ("tf_slim", "", None, ["tf-slim"]):
        with pytest.raises(ValueError, match=r"^recipe: .*, expected one of tf-slim, half-pixel"):
            preprocess(noise(2, 2), recipe)  # type: ignore[arg-type]
    for resolution in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match=r"^resolution: "):
            preprocess(noise(2, 2), "squash", resolution)  # type: ignore[arg-type]


def test_recipes_of_the_whole_picture_make_any_shape_and_the_others_squares():
    """Rows and columns are resampled apart: a shape's are those of two squares."""
    rng = np.random.default_rng(8)
    pixels = rng.integers(0, 256, (37, 53, 3), dtype=np.uint8)
    x = preprocess(pixels, "tf-resize", (20, 30))
    assert x.shape == (1, 20, 30, 3)
    columns = np.zeros((20, 53, 3))  # one axis after the other, in another order than refnet's
    for c, k in np.ndindex(53, 3):
        columns[:, c, k] = np.interp(np.arange(20) * 37 / 20, np.arange(37), pixels[:, c, k])
    expected = np.zeros((20, 30, 3))
    for r, k in np.ndindex(20, 3):
        expected[r, :, k] = np.interp(np.arange(30) * 53 / 30, np.arange(53), columns[r, :, k])
    assert abs(x[0] - (expected / 127.5 - 1)).max() <= 2 * 2.0**-24  # one rounding, below 1
    with pytest.raises(ValueError, match="resolution: 20 x 30, but tf-slim makes squares"):
        preprocess(pixels, "tf-slim", (20, 30))
