"""What is on disk, after any end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refnet.apps.evaluate.records import Lock, Records, about, write_csv

ABOUT = {"variant": {"engine": "fast"}}


def made(n, **more):
    return {"image": f"{n}.jpg", "label": n % 3, "bytes": n, "mtime": 5, **more}


def known(records, n, mtime=5):
    return records.find(f"{n}.jpg", n % 3, n, mtime)


def test_cut_at_every_byte_what_is_whole_is_kept_and_the_rest_can_be_written_again(tmp_path):
    path = tmp_path / "r.jsonl"
    with Records(path, ABOUT) as records:
        for n in range(3):
            records.append(made(n))
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with Records(path, ABOUT) as records:
            for n in range(3):
                assert (known(records, n) == made(n)) == (n < whole[:cut].count(b"\n") - 1)
                if known(records, n) is None:
                    records.append(made(n))
        assert path.read_bytes() == whole


def test_a_file_that_changed_or_another_label_is_another_photo(tmp_path):
    with Records(tmp_path / "r", ABOUT) as records:
        records.append(made(1))
        records.index()
        assert known(records, 1)
        assert records.find("1.jpg", 1, 1)
        assert known(records, 1, mtime=6) is None
        assert records.find("1.jpg", 2, 1, 5) is None
        assert records.find("1.jpg", 1, 2, 5) is None


def test_of_two_records_of_one_photo_the_later_counts(tmp_path):
    with Records(tmp_path / "r", ABOUT) as records:
        records.append(made(1, problem="no memory"))
        records.append(made(1, rank=1))
        records.index()
        assert known(records, 1) == made(1, rank=1)


def test_a_damaged_line_in_the_middle_is_no_record_and_harms_no_other(tmp_path):
    path = tmp_path / "r"
    with Records(path, ABOUT) as records:
        for n in range(3):
            records.append(made(n))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"\x00" * 10 + b"\n"
    path.write_bytes(b"".join(lines))
    with Records(path, ABOUT) as records:
        assert [known(records, n) is not None for n in range(3)] == [True, False, True]
        assert [record["image"] for record in records] == ["0.jpg", "2.jpg"]


def test_records_of_another_variant_are_not_taken_for_these(tmp_path):
    Records(tmp_path / "r", ABOUT).close()
    with pytest.raises(ValueError, match="records of something else"):
        Records(tmp_path / "r", {"variant": {"engine": "torch"}})
    assert about(tmp_path / "r")["variant"] == {"engine": "fast"}
    (tmp_path / "x").write_text(json.dumps({"a": 1}))
    with pytest.raises(ValueError, match="no records of"):
        about(tmp_path / "x")


def test_a_name_that_is_no_utf8_is_found_again(tmp_path):
    name = b"\xff\xfe.jpg".decode("utf-8", "surrogateescape")
    with Records(tmp_path / "r", ABOUT) as records:
        records.append({**made(1), "image": name})
        records.index()
        assert records.find(name, 1, 1, 5)["image"] == name


def test_two_evaluations_do_not_share_a_folder(tmp_path):
    pytest.importorskip("fcntl", reason="the system has no such locks")
    first = Lock(tmp_path)
    with pytest.raises(ValueError, match="in use by another evaluation"):
        Lock(tmp_path)
    first.close()
    Lock(tmp_path).close()


FULL = Path("/dev/full")  # takes no byte: "No space left on device"


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_said_with_the_files_name_and_what_is_there_stays_whole(tmp_path):
    path = tmp_path / "r.jsonl"
    with Records(path, ABOUT) as records:
        records.append(made(1))
        whole = path.read_bytes()
        records._file.close()
        records._file = open(FULL, "r+b", buffering=0)  # noqa: SIM115
        with pytest.raises(OSError, match=r"No space left .*r\.jsonl"):
            records.append(made(2))
    assert path.read_bytes() == whole


def test_a_table_that_cannot_be_written_leaves_nothing_beside_it(tmp_path):
    def rows():
        yield made(1, problem="x")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"No space left .*t\.csv"):
        write_csv(tmp_path / "t.csv", rows())
    assert list(tmp_path.iterdir()) == []
