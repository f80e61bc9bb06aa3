"""The workflows name what is there: targets, verbs and their options, files, jobs, pinned actions.

They have not run yet. What can be held without their platform is held here.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import Path

import pytest

from chapters import release
from refnet import cli

yaml = pytest.importorskip("yaml", reason="PyYAML: pip install '.[test]' brings it with jupytext")

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
# Programs of the runners' images, with the words after which arguments begin.
OTHERS = {("gh", "release", "create"), ("python", "-m", "pip"), ("mkdir",)}

pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="an sdist has no .github")


def read(path):
    return yaml.safe_load(path.read_text("utf-8"))


def steps(path):
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def commands(path):
    """Every line that a shell runs, as words; what is redirected is cut off."""
    for step in steps(path):
        for line in step.get("run", "").splitlines():
            words = shlex.split(line)
            yield words[: words.index(">")] if ">" in words else words


def test_both_workflows_are_there():
    assert [path.name for path in WORKFLOWS] == ["mac.yml", "publish.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_says_that_it_has_not_run(path):
    first = path.read_text("utf-8").splitlines()[0]
    assert first == "# Written to the platform's documentation, not run yet."


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_command_is_one_that_exists(path):
    found = list(commands(path))
    assert found
    for words in found:
        match words:
            case ["make", target, *settings]:
                assert target in TARGETS
                assert all(re.fullmatch(r"[A-Z]+=.+", setting) for setting in settings)
            case ["refnet", verb, *arguments]:
                assert verb in cli.VERBS
                cli._parser(verb).parse_args([verb, *arguments])  # leaves with 2 where it is not
            case _:
                assert any(tuple(words[: len(known)]) == known for known in OTHERS), words


@pytest.mark.parametrize("wrong", ["make relase", "refnet metal docter", "refnet chek", "curl x"])
def test_a_command_that_does_not_exist_is_found(wrong, tmp_path):
    path = tmp_path / "wrong.yml"
    path.write_text(f"jobs:\n  a:\n    steps:\n      - run: {wrong}\n", "utf-8")
    with pytest.raises((AssertionError, SystemExit)):
        test_every_command_is_one_that_exists(path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_the_platforms_own_and_pinned_to_a_version(path):
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", name) for name in used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_has_a_machine_no_more_rights_than_it_says_and_needs_jobs_that_are_there(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "on" in workflow or True in workflow  # YAML 1.1 reads `on` as true
    for job in workflow["jobs"].values():
        assert re.fullmatch(r"(ubuntu|macos)-[\d.]+", job["runs-on"])
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(workflow["jobs"])


def test_the_mac_blocks_nothing_and_its_report_is_kept_whatever_happens():
    (job,) = read(ROOT / ".github/workflows/mac.yml")["jobs"].values()
    assert job["continue-on-error"] is True
    assert job["runs-on"].startswith("macos-")
    upload = job["steps"][-1]
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["if"] == "${{ !cancelled() }}"
    written = re.findall(r"(?:> |--html |--junit )(\w+)/", str(job["steps"]))
    assert set(written) == {upload["with"]["path"]}


def test_what_is_published_is_what_the_release_command_writes(tmp_path, monkeypatch):
    """The paths of the workflow, against a release whose parts are stand-ins."""
    book = tmp_path / "book"
    (book / "html").mkdir(parents=True)
    (book / "html" / "index.html").write_text("page")
    (book / "refnet-book.pdf").write_bytes(b"pdf")

    def build(words, **_):
        folder = Path(words[words.index("-d") + 1])
        (folder / "refnet-1-py3-none-any.whl").write_bytes(b"wheel")
        (folder / "refnet-1.tar.gz").write_bytes(b"sdist")
        return release.subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(release.subprocess, "run", build)
    output = tmp_path / "build" / "release"
    release.gather(book, output)
    asked = [
        pattern
        for step in steps(ROOT / ".github/workflows/publish.yml")
        if "upload" in step.get("uses", "")
        for pattern in step["with"]["path"].split()
    ]
    found = [path for pattern in asked for path in tmp_path.glob(pattern)]
    assert sorted(found) == sorted(output.iterdir())  # each of them once, and nothing else
    assert (output / "site" / "index.html").is_file()


@pytest.mark.slow
def test_a_release_has_the_hashes_of_its_files(tmp_path):
    """The real wheel and sdist; the site and the PDF are stand-ins."""
    pytest.importorskip("hatchling", reason="hatchling: pip install '.[release]'")
    book, output = tmp_path / "book", tmp_path / "release"
    (book / "html").mkdir(parents=True)
    (book / "refnet-book.pdf").write_bytes(b"pdf")
    release.gather(book, output)
    lines = (output / "SHA256SUMS.txt").read_text().splitlines()
    named = {line.split()[1]: line.split()[0] for line in lines}
    files = {path.name for path in output.iterdir() if path.is_file()} - {"SHA256SUMS.txt"}
    assert set(named) == files
    assert {name.partition("-")[2].partition("-")[0][:5] for name in files} == {release.__version__}
    assert {Path(name).suffix for name in files} == {".whl", ".gz", ".pdf"}
    for name, said in named.items():
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == said


def test_another_tag_is_refused_before_anything_is_built(capsys, monkeypatch):
    monkeypatch.setattr(release.site, "main", lambda _: pytest.fail("it was built"))
    assert release.main(["--tag", "v9.9.9"]) == 2
    expected = f"release: tag 'v9.9.9', expected v{release.__version__}\n"
    assert capsys.readouterr().err == expected


def test_what_hatchling_says_is_one_line(tmp_path, monkeypatch):
    book = tmp_path / "book"
    (book / "html").mkdir(parents=True)
    (book / "refnet-book.pdf").write_bytes(b"pdf")
    failed = release.subprocess.CompletedProcess([], 1, "", "a\nno module named hatchling\n")
    monkeypatch.setattr(release.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ValueError, match=r"hatchling has built nothing: no module named hatchling"):
        release.gather(book, tmp_path / "release")


def test_a_release_fetches_what_the_public_address_has_not_got_before_it_builds(monkeypatch):
    """Without Hypothesis the checker of the published pages would try chosen inputs alone."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(release.runtime, "main", lambda words: calls.append(("runtime", *words)))
    monkeypatch.setattr(release.site, "main", lambda words: calls.append(("site", *words)) or 3)
    assert release.main([]) == 3
    assert [call[:2] for call in calls] == [("runtime", "--wheels"), ("site", "--pdf")]
    monkeypatch.setattr(release.runtime, "main", lambda words: 2)
    assert release.main([]) == 2
    assert len(calls) == 2
