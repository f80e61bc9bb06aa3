from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from checkpoint_files import small
from pytorch_files import state_of, write_state

from refnet.checkpoints import load, manifest, read, save
from refnet.checkpoints.convert import convert
from refnet.checkpoints.fetch import fetch
from refnet.checkpoints.verify import rederive, verify


def test_the_shipped_files_are_whole(monkeypatch, tmp_path):
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path))
    findings = list(verify())
    shipped, upstream, labels = findings[0:4:2], findings[1:4:2], findings[4]
    for finding, name in zip(shipped, manifest.entries(), strict=True):
        assert finding.name == name
        assert finding.holds is True, finding.what
        assert "finite float32 numbers" in finding.what
    for finding in upstream:  # nothing was looked at, and nothing is claimed
        assert finding.holds is None
        assert "is not at hand: `refnet weights verify --fetch`" in finding.what
    assert labels.holds is True


@pytest.mark.parametrize(("name", "tensors"), [("v1", 56), ("v2", 262)])
def test_a_shipped_checkpoint_is_float32_throughout(name, tensors):
    checkpoint = load(name)
    assert len(checkpoint.tensors) == tensors
    assert {tensor.dtype for tensor in checkpoint.tensors.values()} == {np.dtype("float32")}


@pytest.fixture
def derived(tmp_path, monkeypatch):
    """A manifest entry of a small network, its upstream file, and the file made of that."""
    checkpoint = small()
    upstream = tmp_path / "upstream.pth"
    state = state_of(checkpoint.network, checkpoint.tensors)
    upstream.write_bytes(write_state("zip", state))
    arguments = {"model": "v1", "alpha": 0.125, "resolution": 32, "licence": "none"}
    made = convert(upstream, **arguments)
    entry = replace(
        next(iter(manifest.entries().values())), file="small.safetensors", convert=arguments
    )
    monkeypatch.setattr(manifest, "folder", lambda: tmp_path)
    save(made, entry.path)
    return entry, upstream


def test_a_file_made_of_its_upstream_is_equal_byte_for_byte(derived):
    entry, upstream = derived
    finding = rederive(entry, read(entry.path), upstream)
    assert finding.holds is True
    assert finding.what == "equal, byte for byte, to upstream.pth converted anew"


@pytest.mark.parametrize("name", ["stem.weight", "block7.depthwise.norm.variance"])
def test_one_changed_bit_is_found_and_named(derived, name):
    entry, upstream = derived
    shipped = read(entry.path)
    changed = shipped.tensors[name].copy()
    changed.view(np.uint8).reshape(-1)[0] ^= 1
    shipped = replace(shipped, tensors={**shipped.tensors, name: changed})
    save(shipped, entry.path)
    finding = rederive(entry, shipped, upstream)
    assert finding.holds is False
    assert finding.what == f"upstream.pth converted anew differs in {name!r}"


def test_another_header_over_the_same_numbers_is_said_to_be_that(derived):
    entry, upstream = derived
    shipped = replace(read(entry.path), preprocessing="tf-slim")
    save(shipped, entry.path)
    finding = rederive(entry, shipped, upstream)
    assert finding.holds is True
    assert "header differs" in finding.what


def test_an_upstream_file_that_is_damaged_is_found(derived):
    entry, upstream = derived
    upstream.write_bytes(upstream.read_bytes()[:-100])
    finding = rederive(entry, read(entry.path), upstream)
    assert finding.holds is False
    assert "upstream.pth" in finding.what


def test_a_damaged_file_in_the_cache_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path))
    entry = manifest.entry("v2")
    (tmp_path / entry.upstream["file"]).write_bytes(b"damaged")
    findings = [f for f in verify() if f.name == entry.name]
    assert [f.holds for f in findings] == [True, False]
    assert "7 bytes, expected 14,212,972" in findings[1].what


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v1", "v2"])
def test_the_shipped_weights_are_the_authors_own_bit_for_bit(name):
    """The file that the authors published, converted anew, gives the shipped file."""
    entry = manifest.entry(name)
    try:
        path = fetch(entry)
    except ValueError as problem:
        pytest.skip(str(problem))
    finding = rederive(entry, load(name), path)
    assert finding.holds is True, finding.what
