"""Reading pictures: each colour mode, each orientation, each way for a file to be no picture."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from refnet.image import is_image_name, read

ORIENTATION = 274  # EXIF tag 0x0112


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


# Colour modes


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("RGB", "png"),
        ("RGB", "bmp"),
        ("RGB", "jpg"),
        ("RGB", "webp"),
        ("RGB", "ppm"),
        ("L", "png"),
        ("L", "jpg"),
        ("1", "png"),
        ("LA", "png"),
        ("RGBA", "png"),
        ("RGBA", "tif"),
        ("P", "png"),
        ("P", "gif"),
        ("CMYK", "jpg"),
        ("CMYK", "tif"),
    ],
)
def test_every_mode_becomes_what_pillow_converts_to_rgb(
    tmp_path: Path, mode: str, suffix: str
) -> None:
    path = tmp_path / f"picture.{suffix}"
    channels = len(Image.new(mode, (1, 1)).getbands())
    if channels == 1:
        image = Image.fromarray(noise(7, 11, 3)).convert(mode)
    else:
        image = Image.merge(mode, [Image.fromarray(noise(7, 11, c + 1)[:, :, c])
                                   for c in range(channels)])  # fmt: skip
    image.save(path)
    with Image.open(path) as stored:
        assert stored.mode == mode
        expected = np.asarray(stored.convert("RGB"))
    pixels = read(path)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (7, 11, 3)
    assert np.array_equal(pixels, expected)
    pixels[:] = 0  # an array of its own


def test_transparency_is_dropped_and_not_blended(tmp_path: Path) -> None:
    Image.new("RGBA", (3, 2), (10, 20, 30, 0)).save(tmp_path / "rgba.png")
    Image.new("LA", (3, 2), (40, 0)).save(tmp_path / "la.png")
    assert read(tmp_path / "rgba.png")[1, 2].tolist() == [10, 20, 30]
    assert read(tmp_path / "la.png")[1, 2].tolist() == [40, 40, 40]


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 128])])
def test_transparent_palette_keeps_its_colours(tmp_path: Path, transparency: int | bytes) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    image.putpalette([1, 2, 3, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "palette.png", transparency=transparency)
    with Image.open(tmp_path / "palette.png") as stored:
        assert stored.mode == "P"
        assert "transparency" in stored.info
    assert read(tmp_path / "palette.png").tolist() == [[[1, 2, 3], [40, 50, 60], [70, 80, 90]]]


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_of_grey_are_rounded_to_eight(tmp_path: Path, suffix: str) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    path = tmp_path / f"grey.{suffix}"
    Image.fromarray(values.astype(np.int32) if suffix == "pgm" else values).save(path)
    expected = np.rint(values / 65535 * 255)  # never halfway: 65535 / 255 = 257 is odd
    pixels = read(path)
    assert all(np.array_equal(pixels[:, :, c], expected) for c in range(3))


def test_sixteen_bits_in_either_byte_order(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 0x1234, 65535]], np.uint16)
    big = Image.frombytes("I;16B", (6, 1), values.astype(">u2").tobytes())
    big.save(tmp_path / "big.tif")
    with Image.open(tmp_path / "big.tif") as stored:
        assert stored.mode == "I;16B"
    assert read(tmp_path / "big.tif")[0, :, 0].tolist() == [0, 0, 1, 1, 18, 255]


def test_wide_integers_are_read_within_sixteen_bits_and_refused_beyond(tmp_path: Path) -> None:
    path = tmp_path / "wide.tif"
    Image.fromarray(np.array([[0, 257, 65535]], np.int32)).save(path)
    assert read(path)[0, :, 0].tolist() == [0, 1, 255]
    for values, text in (([[-1, 7]], "-1 to 7"), ([[0, 65536]], "0 to 65536")):
        Image.fromarray(np.array(values, np.int32)).save(path)
        with pytest.raises(ValueError, match=rf"wide.tif: integers from {text} .*0 to 65535$"):
            read(path)


def test_floats_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match=r"float.tif: 32-bit floats .* no defined range"):
        read(tmp_path / "float.tif")


# Which way is up

# What a camera held that way would have stored: undoing it gives the upright picture back.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_applied_once(tmp_path: Path, orientation: int, suffix: str) -> None:
    # Flat blocks of 16 x 16 are what JPEG keeps (nearly) unchanged.
    stored = np.kron(
        np.array([[0, 50, 100], [150, 200, 250]], np.uint8)[:, :, np.newaxis],
        np.ones((16, 16, 3), np.uint8),
    )
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    path = tmp_path / f"turned.{suffix}"
    Image.fromarray(stored).save(path, exif=exif, **options)
    expected = UPRIGHT[orientation](stored)
    pixels = read(path)
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= (2 if suffix == "jpg" else 0)


def test_orientation_turns_sixteen_bit_grey_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    values = np.array([[0, 257], [514, 65535], [771, 1028]], np.uint16)
    Image.fromarray(values).save(tmp_path / "grey.png", exif=exif)
    assert read(tmp_path / "grey.png")[:, :, 0].tolist() == [[3, 2, 0], [4, 255, 1]]


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_damaged_exif_leaves_the_pixels_as_stored(tmp_path: Path, exif: bytes, suffix: str) -> None:
    Image.new("RGB", (4, 2), (9, 9, 9)).save(tmp_path / f"odd.{suffix}", exif=exif)
    assert np.array_equal(read(tmp_path / f"odd.{suffix}"), np.full((2, 4, 3), 9))


# Sizes


@pytest.mark.parametrize("size", [(1, 1), (20000, 10), (10, 20000)])
def test_extreme_shapes(tmp_path: Path, size: tuple[int, int]) -> None:
    pixels = noise(*size, 3)
    Image.fromarray(pixels).save(tmp_path / "long.png")
    assert np.array_equal(read(tmp_path / "long.png"), pixels)


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "lime", "blue")]
    for suffix in ("gif", "png", "webp", "tif"):
        path = tmp_path / f"film.{suffix}"
        options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)
        assert read(path)[0, 0].tolist() == [255, 0, 0], suffix


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size, with next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + (
        chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize("action", ["error", "ignore"])
@pytest.mark.parametrize("side", [60000, 10000])  # beyond Pillow's error, and its warning only
def test_a_decompression_bomb_is_refused_from_its_header(
    tmp_path: Path, side: int, action: Literal["error", "ignore"]
) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(side, side))
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        filters = list(warnings.filters)
        with pytest.raises(ValueError, match=rf"bomb.png: .*{side**2} pixels.*{limit} pixels"):
            read(tmp_path / "bomb.png")
        assert warnings.filters == filters
    assert limit == Image.MAX_IMAGE_PIXELS


def test_the_limit_itself_is_not_refused_for_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 12)
    Image.new("RGB", (4, 3)).save(tmp_path / "fits.png")
    Image.new("RGB", (13, 1)).save(tmp_path / "over.png")
    assert read(tmp_path / "fits.png").shape == (3, 4, 3)
    with pytest.raises(ValueError, match="13 pixels"):
        read(tmp_path / "over.png")


# What is no picture


def refusal(path: Path) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_a_text_file_named_jpg_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("not a picture\n" * 100)
    assert refusal(path) == "not an image that Pillow can read"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.touch()
    assert refusal(path) == "not an image that Pillow can read (the file is empty)"


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "webp", "gif"])
def test_no_prefix_of_a_picture_is_read_as_a_whole_one(tmp_path: Path, suffix: str) -> None:
    whole, path = tmp_path / f"whole.{suffix}", tmp_path / f"part.{suffix}"
    Image.fromarray(noise(40, 40, 3)).save(whole)
    data = whole.read_bytes()
    for length in (1, 10, 30, len(data) // 2, len(data) * 3 // 4):
        path.write_bytes(data[:length])
        assert refusal(path).startswith("not an image that Pillow can read")


def test_a_document_is_refused_under_any_name(tmp_path: Path) -> None:
    path = tmp_path / "drawing.jpg"
    Image.new("RGB", (4, 4)).save(path, format="EPS")
    assert "EPS is not a photo format" in refusal(path)


def test_a_directory_is_refused_and_a_missing_file_is_missing(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "a directory, expected an image file"
    with pytest.raises(FileNotFoundError, match=r"gone.png: no such file$"):
        read(tmp_path / "gone.png")


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    Image.new("RGB", (2, 2)).save(tmp_path / "locked.png")
    monkeypatch.setattr("builtins.open", denied)
    assert refusal(tmp_path / "locked.png") == "no permission to read it"


def test_a_name_may_be_a_string_and_its_extension_may_lie(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "png.jpg", format="PNG")
    assert read(str(tmp_path / "png.jpg"))[0, 0].tolist() == [1, 2, 3]


def test_photos_are_known_by_their_extension_and_other_files_are_not() -> None:
    photos = ["jpg", "JPEG", "jfif", "png", "webp", "bmp", "tif", "TIFF", "gif", "ppm"]
    others = ["pdf", "eps", "ps", "mpg", "h5", "hdf", "grib", "bufr", "wmf", "palm", "txt", ""]
    assert [s for s in photos if not is_image_name(Path(f"a.b/photo.{s}"))] == []
    assert [s for s in others if is_image_name(f"photo.{s}")] == []
    assert not any(map(is_image_name, ("photo", "png", ".png", "photo.jpg.txt")))
