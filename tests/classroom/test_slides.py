"""Slides: 10 to 15 a lesson, pictures with their alt texts, nothing fetched from elsewhere, answers in the notes alone."""

import re

import nbformat
import pytest

from tools.classroom import slides
from tools.classroom.exercises import quiz
from tools.classroom.slides import Section, chosen
from tools.lesson_map import lessons, seconds_measured

LESSONS = lessons()


@pytest.mark.parametrize("name", LESSONS)
def test_a_deck(name):
    deck = slides.deck(LESSONS[name], name)
    nbformat.validate(deck)
    kinds = [cell.metadata.slideshow.slide_type for cell in deck.cells]
    assert set(kinds) <= {"slide", "fragment", "notes", "-"}
    assert slides.FEWEST <= kinds.count("slide") <= slides.MOST
    told = "\n".join(cell.source for cell, kind in zip(deck.cells, kinds) if kind != "notes")
    notes = "\n".join(cell.source for cell, kind in zip(deck.cells, kinds) if kind == "notes")
    pictures = re.findall(r"<img [^>]*>", told)
    assert len(pictures) >= 4 or name not in seconds_measured()  # not executed yet
    assert all(re.search(r'alt="[^"]{10,}"', picture) for picture in pictures)
    for one in quiz(LESSONS[name]):
        assert one.answer not in told and one.answer in notes
    assert "](" not in told and "<details" not in told + notes
    for cell, kind in zip(deck.cells, kinds):
        words = re.sub(r"<[^>]*>", "", cell.source).split()
        assert kind == "notes" or len(words) <= 160, f"too much for a slide: {cell.source[:80]}"


def test_a_page_fetches_nothing():
    page = slides.page(LESSONS["01_start_here"], "01_start_here", "reveal.js")
    fetched = re.findall(r'<(?:script|link|img|iframe)[^>]*?(?:src|href)="(?!data:)([^"]+)"', page)
    assert fetched and [one for one in fetched if not one.startswith("reveal.js/")] == []
    assert page.count('<aside class="notes">') > 5 and "require(" not in page
    assert slides.FEWEST <= page.count("<section><section>") <= slides.MOST


CLAIMS = {  # a section's text: its claim, its question
    "It is so. And more.": ("It is so.", ""),
    "Some words. **Every value stamps the kernel onto the output.** More.": (
        "Every value stamps the kernel onto the output.",
        "",
    ),
    "**Predict**: a map goes in. How many come out? Then on.": ("Then on.", "**Predict**: a map goes in."),
    "| a | b |\n\nIn 2.5 steps.": ("In 2.5 steps.", ""),
    "Take **r** way from a to the other **s**. It ends.": ("Take **r** way from a to the other **s**.", ""),
    "- one\n- two": ("", ""),
}


@pytest.mark.parametrize("text", CLAIMS)
def test_what_a_section_says(text):
    section = Section("## A", text)
    claim, question = CLAIMS[text]
    assert section.claim == claim and section.question.startswith(question)
    assert bool(section.question) == bool(question)


def many(*pictures):
    """Sections with so many pictures."""
    return [Section(f"## {index}", pictures=["<img>"] * count) for index, count in enumerate(pictures)]


def test_which_sections_become_slides():
    headings = [one.heading for one in chosen(many(1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1), others=4)]
    # without pictures first
    assert headings == [f"## {index}" for index in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12)]
    table = Section("## The paper, and this notebook", pictures=["<img>"])
    assert table not in chosen([*many(*12 * [0]), table], others=3)
    assert [one.heading for one in chosen(many(3, 1, 2, 1, 1), others=3)] == [
        *("## 0", "## 0", "## 0", "## 1", "## 2", "## 3", "## 4"),
    ]
    with pytest.raises(ValueError, match="6 slides, at least 10 are due"):
        chosen(many(1, 1, 1), others=3)


def test_reveal_must_be_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="reveal.js is not in .*run make classroom"):
        slides.write_reveal(tmp_path / "node_modules" / "reveal.js", tmp_path / "out")
    package = tmp_path / "reveal"
    for name in ("dist/reveal.js", "dist/reveal.js.map", "plugin/notes/notes.js", "LICENSE", "demo.html"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("x")
    slides.write_reveal(package, tmp_path / "out")
    copied = {
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()
    }
    assert copied == {"dist/reveal.js", "plugin/notes/notes.js", "LICENSE"}
