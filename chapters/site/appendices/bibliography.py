"""The works that the chapters refer to, each once, with the chapters that do.

A chapter's references are bullets for a reader: authors, a title in *italics* or "quotation
marks", where it appeared, then what in it matters there. The bibliography is made of what stands
before that remark; two bullets with one title, or one address, are one work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from chapters.site.appendices.chapter import Chapter, chapter_links

PAGE = """# Bibliography

The papers, books and manuals that the chapters refer to, and where. What matters in each is said at
the end of the chapter.

## Papers, books and articles

{works}

## Manuals and sources

{manuals}
"""
_TITLE = re.compile(r'(?<![*\w])\*(?P<italic>[^*]+)\*|["“](?P<quoted>[^"”]+)["”]')
_LINK = re.compile(r"\[(?P<text>(?:[^\[\]]|\[[^\]]*\])+)\]\((?P<address>[^)\s]+)\)")
# What matters in a work follows a full stop or a colon, or begins with one of these words.
_PARTS = 'sections?|chapters?|[Tt]ables?|figures?|algorithms?|appendix|which|the ["“]'
_REMARK = re.compile(rf"[.:;] |,? (?:{_PARTS})")
_ELSEWHERE = ("The checkpoint", "The weights", "The photo")  # another appendix says whose they are


@dataclass
class Work:
    """One work: the fullest of what chapters say of it, and which chapters."""

    key: str  # equal for two ways of writing the same work
    shown: str  # its title, in Markdown
    authors: str = ""
    published: str = ""
    chapters: list[Chapter] = field(default_factory=list)

    @property
    def order(self) -> str:
        """By the first author's last name, or by the title."""
        first = re.split(r",| and ", self.authors)[0].split()
        return (first[-1] if first else self.key).casefold()

    def __str__(self) -> str:
        between = " " if self.authors.endswith(" in") else ", "
        authors = f"{self.authors}{between}" if self.authors else ""
        where = chapter_links(self.chapters)
        said = f"{authors}{self.shown}{self.published}".rstrip(".")
        return f"* {said}. {where[0].upper()}{where[1:]}."


def page(chapters: Sequence[Chapter]) -> str:
    """The page."""
    works: dict[str, Work] = {}
    manuals: dict[str, Work] = {}
    for chapter in chapters:
        for item in items(chapter):
            title, link = _TITLE.search(_LINK.sub(_hidden, item)), _LINK.search(item)
            if title and not (link and link.start() < title.start()):
                _add(works, _work(item, title), chapter)
            else:
                for work in _manuals(item):
                    _add(manuals, work, chapter)
    listed = [
        "\n".join(map(str, sorted(found.values(), key=lambda work: work.order)))
        for found in (works, manuals)
    ]
    return PAGE.replace("{works}", listed[0]).replace("{manuals}", listed[1])


def items(chapter: Chapter) -> Iterator[str]:
    """The bullets of a chapter's references, each on one line; two works in one are two."""
    for bullet in re.split(r"^[*-] ", chapter.section("References"), flags=re.M)[1:]:
        if not bullet.startswith(_ELSEWHERE):
            yield from re.split(r"; and (?=[\"“*])", " ".join(bullet.split()))


def _add(works: dict[str, Work], work: Work, chapter: Chapter) -> None:
    known = works.setdefault(work.key, work)
    known.shown = max(known.shown, work.shown, key=len)
    known.authors = max(known.authors, work.authors, key=len)
    known.published = max(known.published, work.published, key=len)
    if chapter not in known.chapters:
        known.chapters.append(chapter)


def _key(title: str) -> str:
    return re.sub(r"\W+", " ", title).casefold().strip()


def _hidden(link: re.Match[str]) -> str:
    """As long as the link, and nothing in it looks like a title."""
    return "_" * len(link[0])


def _work(item: str, title: re.Match[str]) -> Work:
    rest = item[title.end() :]
    cut = _REMARK.search(_LINK.sub(_hidden, rest))
    published = (rest[: cut.start()] if cut else rest).rstrip(" ,.:")
    words = (title["italic"] or title["quoted"]).rstrip(",")
    return Work(_key(words), f"*{words}*", item[: title.start()].strip(" ,"), published)


def _manuals(item: str) -> Iterator[Work]:
    """Each link of a bullet without a title; what stands before the first one is whose it is."""
    links = list(_LINK.finditer(item))
    if not links:
        words = re.split(r": |\.$", item)[0]
        yield Work(_key(words), words)
        return
    owner = re.sub(r"'s? manual$", "", item[: links[0].start()].strip(" ,:"))
    for link in links:
        yield Work(link["address"], f"[{link['text'].strip('`')}]({link['address']})", owner)
