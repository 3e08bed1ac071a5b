"""Run sheets are made of what was measured and what the lessons say; what a teacher added is about what is there."""

import copy
import re

import pytest

from tools.classroom import sheets
from tools.lesson_map import lessons, seconds_measured

LESSONS = lessons()
COURSE = sheets.course()
ALL = sheets.sheets(LESSONS)


@pytest.mark.parametrize("name", LESSONS)
def test_a_sheet(name):
    assert name in COURSE["lessons"], (
        "a new lesson: tell in docs/teach/course.yml what learners think wrongly"
    )
    one = ALL[name]
    assert 20 <= one.talk <= 30 and one.run == seconds_measured().get(name) and 30 <= one.attempt <= 60
    assert len(one.misconceptions) >= 2
    assert set(one.needs) < set(LESSONS) and bool(one.needs) == (name[:2] != "01")


def test_no_lesson_needs_a_later_one_but_by_a_chain_that_ends():
    order: list[str] = []
    while len(order) < len(ALL):
        ready = [one.name for one in ALL.values() if one.name not in order and set(one.needs) <= set(order)]
        assert ready, "lessons need each other in a circle"
        order += ready


@pytest.mark.parametrize("lectures", COURSE["syllabus"])
def test_a_syllabus(lectures):
    plan = COURSE["syllabus"][lectures]
    assert len(plan) == lectures
    seen: set[str] = set()
    for lecture in plan:
        both = [*lecture["lessons"], *lecture.get("shown", [])]
        assert set(both) <= set(COURSE["lessons"]) and seen.isdisjoint(both)
        for name in both:  # in the order in which they are taught
            assert set(ALL[name].needs) <= seen, f"{name} needs {set(ALL[name].needs) - seen}"
            seen.add(name)


def test_twelve_lectures_have_all_lessons():
    twelve = [
        name for lecture in COURSE["syllabus"][12] for name in lecture["lessons"] + lecture.get("shown", [])
    ]
    assert sorted(twelve) == sorted(COURSE["lessons"]), (
        "a new lesson: give it a lecture in docs/teach/course.yml"
    )


def test_the_page():
    page = sheets.page(ALL, "lessons/{name}.html")
    assert page.count("\n### ") == len(LESSONS) and "(lessons/05_fcn8.html)" in page
    edges = re.findall(r"L(\d\d) --> L(\d\d)", page)
    assert len(edges) == sum(len(one.needs) for one in ALL.values()) and ("02", "05") in edges
    assert "1. 01\n2. 02 (after 01)" in page
    assert "*Dice, accuracy and IoU are names of one thing*: exercise 1." in page
    for lectures in COURSE["syllabus"]:
        assert f"\n## {lectures} lecture" in page
    assert "None" not in page
    assert "mermaid" not in sheets.site_page(LESSONS, "../notebooks/{name}.ipynb")


FAULTS = {
    "no one section 'Nowhere'": {"leave_out": {"Nowhere": "nothing"}},
    "0 quiz questions with 'no such words', not one": {
        "misconceptions": [{"thinks": "a", "quiz": "no such words"}]
    },
    r"[2-9] quiz questions with 'e', not one": {"misconceptions": [{"thinks": "a", "quiz": "e"}]},
    "no exercise 7": {"misconceptions": [{"thinks": "a", "exercise": 7}]},
}


@pytest.mark.parametrize("message", FAULTS)
def test_what_is_told_of_nothing(message):
    with pytest.raises(ValueError, match=f"05_fcn8 has {message}: mend docs/teach/course.yml"):
        sheets.sheet("05_fcn8", LESSONS["05_fcn8"], FAULTS[message])


def test_a_lesson_that_says_no_times_and_no_needs():
    notebook = copy.deepcopy(LESSONS["05_fcn8"])
    notebook.cells[0].source = re.sub(r"\*\*(You need|Takes)\*\*.*", "", notebook.cells[0].source)
    one = sheets.sheet("99_new", notebook, {})
    assert (one.run, one.attempt, one.needs, one.question) == (None, None, [], "")
    assert "run not measured, try not told; before it: nothing" in sheets.page({"99_new": one}, "{name}")
