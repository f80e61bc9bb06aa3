"""Which photos there are, and what they show: every layout, and the hostile folder."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from refnet.apps.evaluate.layouts import Other, Photo, Unusable, opened
from refnet.apps.evaluate.names import Classes

CLASSES = Classes.imagenet()


def found(word, labels=None):
    entries = list(opened(str(word), labels and str(labels), CLASSES))
    photos = {entry.name: entry.label for entry in entries if isinstance(entry, Photo)}
    return photos, {entry.name: entry.reason for entry in entries if isinstance(entry, Unusable)}


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_the_synsets_are_in_the_order_of_the_labels():
    """Each name of the shipped labels beside its WordNet number, as ImageNet's pages give them."""
    expected = {
        "n01440764": "tench", "n02123045": "tabby", "n02504458": "African elephant",
        "n03995372": "power drill", "n07753592": "banana", "n15075141": "toilet tissue",
    }  # fmt: skip
    assert {s: CLASSES.name(CLASSES.number(s)) for s in expected} == expected
    assert list(CLASSES.synsets) == sorted(set(CLASSES.synsets))
    assert len(CLASSES.synsets) == len(CLASSES.names) == 1000


def test_folders_may_be_synsets_numbers_or_names_and_have_folders_within(tmp_path):
    touch(tmp_path, "n02123045/a.JPEG", "0281/b.png", "tabby/deep/er/c.jpg", "Tiger_Cat/d.jpg")
    photos, problems = found(tmp_path)
    assert photos == {
        "0281/b.png": 281, "Tiger_Cat/d.jpg": 282, "n02123045/a.JPEG": 281,
        "tabby/deep/er/c.jpg": 281,
    }  # fmt: skip
    assert not problems


def test_a_name_of_two_classes_is_refused_by_name_and_the_rest_is_taken(tmp_path):
    touch(tmp_path, "crane/a.jpg", "crane/b.jpg", "tabby/c.jpg", "loose.jpg", "n99999999/d.jpg")
    photos, problems = found(tmp_path)
    assert list(photos) == ["tabby/c.jpg"]
    assert problems == {
        "crane": "class: 'crane' names 134 and 517; say the number or the synset; "
        "pictures in it: 2",
        "loose.jpg": "lies beside the folders that are classes",
        "n99999999": "class: n99999999 is not one of these 1000 synsets; pictures in it: 1",
    }


def test_links_are_followed_but_not_in_circles(tmp_path):
    touch(tmp_path / "data", "tabby/a.jpg")
    touch(tmp_path / "elsewhere", "b.jpg")
    data = tmp_path / "data"
    (data / "tench").symlink_to(tmp_path / "elsewhere")
    (data / "tabby" / "again").symlink_to(data / "tabby")
    (data / "tabby" / "up").symlink_to(data)
    (data / "tabby" / "self.jpg").symlink_to(data / "tabby" / "self.jpg")
    (data / "281").symlink_to(data)
    photos, problems = found(data)
    assert photos == {"tabby/a.jpg": 281, "tench/b.jpg": 0}
    loop = "a link to a folder that it lies in; not followed again"
    assert problems["tabby/again"] == problems["tabby/up"] == problems["281"] == loop
    assert set(problems) == {"tabby/again", "tabby/up", "281", "tabby/self.jpg"}


def test_other_files_are_counted(tmp_path):
    touch(tmp_path, "tabby/a.jpg", "tabby/notes.txt", ".DS_Store")
    entries = list(opened(str(tmp_path), None, CLASSES))
    assert sorted(entry.name for entry in entries if isinstance(entry, Other)) == [
        ".DS_Store", "tabby/notes.txt",
    ]  # fmt: skip


FLAT = ("ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG", "readme.png")


def flat(tmp_path, text, name="truth.txt"):
    touch(tmp_path / "val", *FLAT)
    (tmp_path / name).write_text(text)
    return found(tmp_path / "val", tmp_path / name)


def test_a_ground_truth_of_synsets_names_the_nth_photo(tmp_path):
    photos, problems = flat(tmp_path, "n02123045\nn01440764\n")
    assert photos == {FLAT[0]: 281, FLAT[1]: 0}
    assert problems == {"readme.png": "its name does not end in a number, as ImageNet's do"}


def test_a_photo_beyond_the_ground_truth_is_named(tmp_path):
    photos, problems = flat(tmp_path, "n02123045\n")
    assert photos == {FLAT[0]: 281}
    assert problems[FLAT[1]] == "its number is 2, but the ground truth has lines 1 to 1"


def test_the_development_kits_numbers_need_its_table(tmp_path):
    with pytest.raises(ValueError, match=r"meta\.mat is expected beside it"):
        flat(tmp_path, "1\n2\n")


def test_the_development_kits_numbers_are_not_the_outputs_numbers(tmp_path):
    """A table of the kit's form, in which number 1 is the last synset, and inner nodes follow."""
    kinds = [("ILSVRC2012_ID", "i4"), ("WNID", "O")]
    rows = [(n, synset) for n, synset in enumerate(reversed(CLASSES.synsets), 1)]
    table = np.array([*rows, (1001, "n00001740")], kinds)
    savemat(tmp_path / "meta.mat", {"synsets": table})
    photos, _ = flat(tmp_path, "1\n1000\n")
    assert photos == {FLAT[0]: 999, FLAT[1]: 0}


TABLES = {
    "val.txt": "a b.jpg 281\nc.jpg 0\n",
    "two.csv": "a b.jpg,281\nc.jpg,0\n",
    "heads.csv": "\ufefflabel,width,file\ntabby,7,a b.jpg\ntench,7,c.jpg\n",
    "tabs.tsv": "path\tsynset\na b.jpg\tn02123045\nc.jpg\tn01440764\n",
    "LOC_val_solution.csv": "ImageId,PredictionString\na b,n02123045 1 2 3 4 \nc,n01440764 1 2 3 4",
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("given", ["alone", "with --labels"])
def test_tables(tmp_path, name, given):
    touch(tmp_path, "a b.jpg", "c.jpg")
    (tmp_path / name).write_text(TABLES[name], "utf-8")
    entries = opened(str(tmp_path / name), None, CLASSES)
    if given == "with --labels":
        entries = opened(str(tmp_path), str(tmp_path / name), CLASSES)
    photos = [entry for entry in entries if isinstance(entry, Photo)]
    assert [entry.label for entry in photos] == [281, 0]
    assert [os.path.basename(entry.path) for entry in photos] == ["a b.jpg", "c.jpg"]


def test_a_line_that_is_no_class_is_named_with_its_number(tmp_path):
    (tmp_path / "t.csv").write_text("file,label\na.jpg,tabby\nb.jpg,unicorn\n")
    photos, problems = found(tmp_path / "t.csv")
    assert list(photos) == ["a.jpg"]
    reason = "t.csv, line 3: class: 'unicorn' is no number, synset or name of a class"
    assert problems == {"b.jpg": reason}


REFUSED = {
    "no such": ("gone", None, "no such folder or file"),
    "no classes": ("misc", None, "no folder in it is a class"),
    "no folders": ("flat", None, "--labels FILE says the classes"),
    "no labels": ("flat", "gone.txt", "--labels: .*gone.txt: no such file"),
    "empty table": ("flat", "empty.csv", "empty, expected the classes"),
    "columns": ("flat", "columns.csv", "columns a, b, c; expected one called image"),
    "table twice": ("columns.csv", "columns.csv", "is itself a table"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_dataset_is_refused_in_one_line(tmp_path, case):
    touch(tmp_path, "misc/unicorns/a.jpg", "flat/a.jpg", "empty.csv")
    (tmp_path / "columns.csv").write_text("a,b,c\n1,2,3\n")
    word, labels, said = REFUSED[case]
    with pytest.raises((ValueError, FileNotFoundError), match=said) as refused:
        found(tmp_path / word, labels and tmp_path / labels)
    assert "\n" not in str(refused.value)


def test_a_dataset_can_be_gone_through_again(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "x.png")
    touch(tmp_path, "1/a.png", "2/b.png")
    dataset = opened(str(tmp_path), None, CLASSES)
    assert list(dataset) == list(dataset)
    assert len(list(dataset)) == 3


def test_an_empty_line_among_a_ground_truths_is_refused_as_it_would_shift_all_after_it(tmp_path):
    with pytest.raises(ValueError, match=r"truth\.txt, line 2: empty"):
        flat(tmp_path, "n02123045\n\nn01440764\n")
    photos, _ = flat(tmp_path, "n02123045\r\nn01440764\r\n\r\n")
    assert photos == {FLAT[0]: 281, FLAT[1]: 0}


def test_a_ground_truth_line_of_two_classes_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"truth\.txt, line 2: class: 'tabby tench' is no"):
        flat(tmp_path, "tench\ntabby tench\n")


def test_a_ground_truth_may_hold_names_of_several_words(tmp_path):
    photos, _ = flat(tmp_path, "tiger cat\ntench\n")
    assert photos == {FLAT[0]: 282, FLAT[1]: 0}


def test_the_layout_tells_how_many_classes_a_ground_truth_has(tmp_path):
    touch(tmp_path, *FLAT)
    (tmp_path / "truth.txt").write_text("tench\n" * 1200)
    assert opened(str(tmp_path), str(tmp_path / "truth.txt"), CLASSES).layout.endswith(" of 1,200")


def test_a_photo_that_a_table_names_again_counts_once_and_that_is_said(tmp_path):
    """The same in other words, and under another class: which of the two is right nobody knows."""
    rows = "image,label\na.jpg,281\nb.jpg,0\n./a.jpg,281\na.jpg,282\n,5\n"
    (tmp_path / "t.csv").write_text(rows)
    photos, problems = found(tmp_path / "t.csv")
    assert photos == {"a.jpg": 281, "b.jpg": 0}
    again = "a.jpg again; what line 2 says of it counts"
    assert problems == {
        "t.csv, line 4": again, "t.csv, line 5": again, "t.csv, line 6": "names no photo",
    }  # fmt: skip
    assert next(iter(opened(str(tmp_path / "t.csv"), None, CLASSES))).label == 281


def test_a_short_line_of_a_table_is_named_and_the_rest_is_taken(tmp_path):
    (tmp_path / "t.csv").write_text("image,size,label\na.jpg,1\nb.jpg,1,0\n\n")
    photos, problems = found(tmp_path / "t.csv")
    assert photos == {"b.jpg": 0}
    assert problems == {"a.jpg": "t.csv, line 2: no class"}


DAMAGED = {
    "a quote that is never closed": 'image,label\na.jpg,"0\n' + "b.jpg,1\n" * 20_000,
    "the same, and short": 'image,label\na.jpg,0\n"b.jpg,1\n',
    "UTF-16": "image,label\na.jpg,0\n".encode("utf-16").decode("latin-1"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_table_is_refused_in_one_line(tmp_path, case):
    (tmp_path / "t.csv").write_bytes(DAMAGED[case].encode("latin-1"))
    with pytest.raises(ValueError, match=r"t\.csv") as refused:
        found(tmp_path / "t.csv")
    assert "\n" not in str(refused.value)


def test_a_name_that_no_file_can_have_is_a_photo_that_is_not_there(tmp_path):
    from refnet.apps.evaluate.tasks import stamp

    (tmp_path / "t.csv").write_text("image,label\na\0b.jpg,0\n")
    (photo,) = opened(str(tmp_path / "t.csv"), None, CLASSES)
    assert stamp(photo.path) == (-1, 0)


def test_photos_that_pillow_cannot_read_are_named_and_notes_are_counted(tmp_path):
    touch(tmp_path, "tabby/a.jpg", "tabby/b.HEIC", "tabby/c.md", "d.cr2")
    photos, problems = found(tmp_path)
    assert list(photos) == ["tabby/a.jpg"]
    assert problems == dict.fromkeys(
        ("tabby/b.HEIC", "d.cr2"), "a kind of photo that Pillow does not read"
    )
