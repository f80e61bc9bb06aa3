"""From a picture file to pixels: what a checkpoint's preprocessing starts from.

Pillow reads the file. What is left to decide is what every loader decides silently, and what
can change a label: which way is up, what becomes of transparency, what sixteen bits become.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "grey.png"
...     Image.new("L", (4, 2), 7).save(path)
...     pixels = read(path)
>>> pixels.shape, pixels.dtype, pixels[0, 0].tolist()
((2, 4, 3), dtype('uint8'), [7, 7, 7])
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from refnet.errors import one_line

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB

# Pillow knows these, but they hold documents, drawings, films or tables of numbers. To open an
# EPS file it would even start another program.
_NOT_PHOTOS = frozenset(
    {"BUFR", "EPS", "FITS", "FLI", "GBR", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"}
)


def read(path: str | os.PathLike[str]) -> Pixels:
    """The pixels of a picture file, upright, in eight-bit RGB.

    >>> read("nowhere.jpg")
    Traceback (most recent call last):
    ...
    FileNotFoundError: nowhere.jpg: no such file

    Returns (H, W, 3) uint8, an array of its own. Any format that Pillow can decode; of an
    animation, the first frame.

    * The EXIF orientation is applied. A damaged EXIF block is ignored, the pixels stand as stored.
    * Every colour mode becomes RGB as Pillow's `convert("RGB")` does it. Transparency is dropped,
      not blended with a background: so do the loaders of torchvision and Keras, and a
      transparent pixel shows the colour that happens to be stored under it.
    * Grey of sixteen bits becomes v * 255 / 65535, rounded. (Pillow's `convert` clips at 255
      instead, which turns nearly all of such a picture white.) Colour of sixteen bits is cut to
      its high byte by Pillow's decoder, before anyone is asked.

    Raises FileNotFoundError where there is no file, and ValueError, in one line that begins with
    the path, where the file is not a picture, is damaged or cut short, has numbers without a
    defined range (32-bit floats, integers outside 0 .. 65535), or has more pixels than
    `PIL.Image.MAX_IMAGE_PIXELS`. The last is refused on the header's word, before decoding.
    """
    name = os.fspath(path)
    if not os.path.exists(name):
        raise FileNotFoundError(f"{name}: no such file")
    if not os.path.isfile(name):
        what = "a directory" if os.path.isdir(name) else "not a regular file"
        raise ValueError(f"{name}: {what}, expected an image file")
    with warnings.catch_warnings():
        # Pillow warns of odd metadata, which has no bearing on the pixels, and of pictures that
        # are too large, which are refused here. The reader's own filters shall change neither.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = _decode(name)
            if image.mode in ("I", "F") or image.mode.startswith("I;16"):
                return _eight_bits(image)
            return np.array(image.convert("RGB"))
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            limit = f"refused above {Image.MAX_IMAGE_PIXELS} pixels"
            raise ValueError(f"{name}: {one_line(error)} ({limit})") from None
        except _RangeError as error:
            raise ValueError(f"{name}: {error}") from None
        except PermissionError:
            raise ValueError(f"{name}: no permission to read it") from None
        except UnidentifiedImageError:  # its own message is the representation of a file object
            raise ValueError(f"{name}: not an image that Pillow can read") from None
        except Exception as error:  # a damaged file can raise anything in a decoder
            reason = one_line(error)
            raise ValueError(f"{name}: not an image that Pillow can read ({reason})") from None


def is_image_name(path: str | os.PathLike[str]) -> bool:
    """Whether the extension is one of a picture format that Pillow reads; nothing is opened.

    >>> [is_image_name(name) for name in ("cat.JPG", "dog.webp", "paper.pdf", "notes.txt", "jpg")]
    [True, True, False, False, False]

    For walking a directory. Documents, drawings, films and tables of numbers that Pillow knows
    by name (pdf, eps, wmf, mpeg, hdf, ...) do not count.
    """
    known = Image.registered_extensions().get(Path(path).suffix.lower())
    return known in Image.OPEN and known not in _NOT_PHOTOS


class _RangeError(ValueError):
    """The numbers of a picture have no defined black and white."""


def _decode(name: str) -> Image.Image:
    """The decoded, upright picture; the file is closed whatever happens."""
    # Opened here and not by Pillow, so that a broken file cannot leave an open one behind.
    with open(name, "rb") as file:
        if not file.read(1):
            raise ValueError("the file is empty")
        with Image.open(file) as image:
            if image.format in _NOT_PHOTOS:
                raise ValueError(f"{image.format} is not a photo format")
            image.load()
            try:
                return ImageOps.exif_transpose(image)
            except Exception:  # the pixels are whole, only their EXIF block is not
                return image.copy()


def _eight_bits(image: Image.Image) -> Pixels:
    """Grey of more than eight bits, scaled to 0 .. 255 and repeated in three channels."""
    values = np.asarray(image)
    if image.mode == "F":
        raise _RangeError("32-bit floats (mode F), which have no defined range; expected integers")
    if image.mode == "I" and (values.min() < 0 or values.max() > 65535):
        raise _RangeError(
            f"integers from {values.min()} to {values.max()} (mode I), expected 0 to 65535"
        )
    # 65535 = 255 * 257, so v * 255 / 65535 = v / 257; 257 is odd, so nothing lies halfway.
    grey = ((values.astype(np.int64) + 128) // 257).astype(np.uint8)
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
