"""Assignments and quizzes in the formats of nbgrader, otter-grader and Moodle, as those programs' manuals describe them.

That the programs take them was tried by hand: docs/teach/classroom.md says with which versions.
"""

import ast
import re
from xml.etree import ElementTree

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.classroom import assignments, editions, moodle
from tools.classroom.exercises import exercises, quiz, reply, split
from tools.lesson_map import lessons

LESSONS = lessons()


def released(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What nbgrader's ClearSolutions, or otter's, leaves for students."""
    edition = nbformat.from_dict(notebook)
    for cell in edition.cells:
        cell.source = re.sub(r"#+ BEGIN SOLUTION.*?#+ END SOLUTION", "", cell.source, flags=re.DOTALL)
    for before, cell in zip(edition.cells, edition.cells[1:]):
        if before.source == "# BEGIN SOLUTION" and cell.cell_type == "markdown":
            cell.source = ""
    return edition


def run(notebook: nbformat.NotebookNode) -> list[str]:
    """Run every code cell, and return what the tests among them say against the answers."""
    names, said = {}, []
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        try:
            exec(cell.source, names)
        except AssertionError as failed:
            said.append(str(failed))
    return said


@pytest.mark.parametrize("name", LESSONS)
def test_an_assignment_is_right_with_its_solutions_and_not_without(name):
    notebook = assignments.nbgrader(LESSONS[name], name)
    assert run(notebook) == []
    assert len(run(released(notebook))) == len(exercises(LESSONS[name]))
    marked = [cell.source.replace("###", "#") for cell in notebook.cells if cell.cell_type == "code"]
    others = [cell for cell in assignments.otter(LESSONS[name], name).cells if cell.cell_type == "code"]
    assert [cell.source.replace(" NO PROMPT", "") for cell in others] == marked  # so it is as right


@pytest.mark.parametrize("form", [assignments.nbgrader, assignments.otter])
@pytest.mark.parametrize("name", LESSONS)
def test_no_answer_is_left_in_a_students_assignment(name, form):
    notebook = form(LESSONS[name], name)
    nbformat.validate(notebook)
    assert editions.left(LESSONS[name], nbformat.writes(released(notebook))) == []


@pytest.mark.parametrize("name", LESSONS)
def test_nbgraders_cells(name):
    """Its schema 3: an answer is no test, a test is locked and has points, a quiz answer is both and graded by hand."""
    cells = [cell for cell in assignments.nbgrader(LESSONS[name], name).cells if "nbgrader" in cell.metadata]
    ids = [cell.metadata.nbgrader.grade_id for cell in cells]
    assert len(set(ids)) == len(ids) == 2 * len(exercises(LESSONS[name])) + len(quiz(LESSONS[name]))
    kinds = {
        "exercise": (False, True, False, None),
        "check": (True, False, True, 1),
        "quiz": (True, True, False, 1),
    }
    for cell in cells:
        told = cell.metadata.nbgrader
        kind = (told.grade, told.solution, told.locked, told.get("points"))
        assert kind == kinds[told.grade_id.partition("-")[0]] and told.schema_version == 3
        assert ("### BEGIN SOLUTION\n" in cell.source) == told.solution


@pytest.mark.parametrize("name", LESSONS)
def test_otters_cells(name):
    """Raw cells open and close each part, and each question holds its parts in otter's order."""
    raw = [cell.source for cell in assignments.otter(LESSONS[name], name).cells if cell.cell_type == "raw"]
    assert raw.pop(0).startswith("# ASSIGNMENT CONFIG\n")
    parts = " ".join(re.match(r"# (BEGIN \w+|END \w+)", source)[1] for source in raw)
    graded = (
        "BEGIN QUESTION BEGIN SOLUTION END SOLUTION BEGIN TESTS END TESTS END QUESTION",
        "BEGIN QUESTION BEGIN SOLUTION END SOLUTION END QUESTION",
    )
    found = exercises(LESSONS[name]), quiz(LESSONS[name])
    assert parts == " ".join(part for part, many in zip(graded, found) for _ in many)


# What import_category, import_essay and import_numerical of Moodle's question/format/xml/format.php ask of a question,
# and what else they read; anything else would be dropped without a word.
COMMON = {"name", "questiontext"}
MOODLE = {
    "category": ({"category"}, {"info", "idnumber"}),
    "numerical": (COMMON | {"answer"}, {"generalfeedback", "defaultgrade", "penalty", "units", "hint"}),
    "essay": (
        COMMON | {"responseformat", "graderinfo"},
        {
            *(
                "generalfeedback",
                "defaultgrade",
                "responserequired",
                "responsefieldlines",
                "responsetemplate",
            ),
            *("attachments", "attachmentsrequired"),
        },
    ),
}
ANSWER = {"text", "tolerance", "feedback"}


@pytest.mark.parametrize("name", LESSONS)
def test_moodle_questions(name, tmp_path):
    """The numbers are those that the checks accept and refuse, and no two answers of a question overlap."""
    moodle.write(tmp_path / "quiz.xml", LESSONS[name], name)
    asked = ElementTree.parse(tmp_path / "quiz.xml").getroot()
    kinds = [question.get("type") for question in asked]
    assert kinds[0] == "category" and kinds.count("essay") == len(quiz(LESSONS[name]))
    assert set(kinds) <= set(MOODLE) and len(kinds) > 1
    for question in asked.iter("question"):
        held = {part.tag for part in question}
        assert MOODLE[question.get("type")][0] <= held <= set.union(*MOODLE[question.get("type")])
        for name in held & {"category", "name", "questiontext", "generalfeedback", "graderinfo"}:
            assert [part.tag for part in question.find(name)] == ["text"], name
        assert all({part.tag for part in one} == ANSWER for one in question.findall("answer"))
        if question.get("type") == "essay":
            assert len(question.findtext("graderinfo/text")) > 20
        if question.get("type") == "numerical":
            answers = question.findall("answer")
            assert answers[0].get("fraction") == "100"
            ranges = sorted((float(a.findtext("text")), float(a.findtext("tolerance"))) for a in answers)
            for (low, near), (high, far) in zip(ranges, ranges[1:]):
                assert low + near < high - far
            for one in answers:
                said = {"100": "Right.", "0": "Not yet: "}[one.get("fraction")]
                assert one.findtext("feedback/text").startswith(said)


@pytest.mark.parametrize("name", LESSONS)
def test_moodle_takes_of_two_digits_what_the_check_takes(name):
    """0.475 may be written 0.47 or 0.48, and 2.249 as 2.24 or 2.2, wherever a slip is not nearer."""
    questions = [one for one in moodle.questions(LESSONS[name], name) if one.get("type") == "numerical"]
    asked = [
        one for one in exercises(LESSONS[name]) if not one.pictures and moodle.numbers(LESSONS[name], one)
    ]
    for question, exercise in zip(questions, asked, strict=True):
        answers = [
            (float(one.findtext("text")), float(one.findtext("tolerance")), one.get("fraction"))
            for one in question.findall("answer")
        ]
        check = ast.unparse(split(exercise.solution.source)[1].func)
        for step in range(-6, 7):
            given = round(answers[0][0] + step / 100, 2)
            points = next((points for number, near, points in answers if abs(given - number) <= near), "0")
            right = reply(LESSONS[name], f"{check}({given})") == "Right."
            assert (points == "100") == right, f"{given} in exercise {exercise.number}"


def small(given: str, solution: str, between=()) -> nbformat.NotebookNode:
    return new_notebook(
        cells=[
            new_markdown_cell("# Small"),
            new_code_cell(
                "import math\nfrom nbhelpers.exercises import lesson05\nfrom nbhelpers import losses"
            ),
            new_markdown_cell("**1.** How large?"),
            *between,
            new_code_cell(given, metadata={"tags": ["exercise"]}),
            new_code_cell(solution, metadata={"tags": ["solution"]}),
        ]
    )


TASKS = {  # what the reader's cell and the solution hold: what the student gets, and what is handed in
    "a number": (
        "answer = None  # (height, width)\nlesson05.check_size(answer)",
        "answer = 80, 104\nassert answer == 1\nlesson05.check_size(answer)",
        "answer_1 = None  # (height, width)",
        "answer = 80, 104\nanswer_1 = answer",
    ),
    "a number in the call": (
        "answer_5 = None\nlesson05.check_size(answer_5)",
        "# by hand\nlesson05.check_size((8 * 10,\n 104))",
        "answer_1 = None",
        "# by hand\nanswer_1 = (8 * 10,\n 104)",
    ),
    "a function": (
        "def mine(x):\n    ...\n\n\nlesson05.check_size(None)  # replace None by mine",
        "def other(x):\n    return math.pi\n\n\nlesson05.check_size(other)",
        "def mine(x):\n    ...",
        "def other(x):\n    return math.pi\nmine = other",
    ),
}


@pytest.mark.parametrize("kind", TASKS)
def test_what_is_handed_in(kind):
    given, solution, left, right = TASKS[kind]
    (exercise,) = exercises(small(given, solution))
    task = assignments.task(exercise)
    assert (task.given, re.sub(r"\n+", "\n", task.solution)) == (left, right)
    assert task.test == f'reply = lesson05.check_size({task.name})\nassert reply == "Right.", reply'


def test_an_import_that_gives_the_answer_away_goes_with_the_solution():
    notebook = small("a = None\nlesson05.check_size(a)", "lesson05.check_size((losses.x, math.pi))")
    for form in (assignments.nbgrader, assignments.otter):
        students = "\n".join(cell.source for cell in released(form(notebook, "05_small")).cells)
        assert "import math" in students and "import losses" not in students


def test_nothing_to_hand_in():
    (exercise,) = exercises(small("lesson05.check_size(None)", "lesson05.check_size((80, 104))"))
    with pytest.raises(ValueError, match="exercise 1 has no function and no name to hand in"):
        assignments.task(exercise)


def test_a_picture_of_the_question_goes_along_with_its_alt_text():
    picture = new_output("display_data", data={"image/png": "iVBORw0KGgo="})
    picture.metadata = {"image/png": {"alt": "a grid [3 x 4]"}}
    shown = new_code_cell("show(cells)", outputs=[picture])
    notebook = small("a = None\nlesson05.check_size(a)", "lesson05.check_size((80, 104))", [shown])
    question = assignments.nbgrader(notebook, "05_small").cells[2]
    assert "![a grid (3 x 4)](attachment:picture-0.png)" in question.source
    assert question.attachments == {"picture-0.png": {"image/png": "iVBORw0KGgo="}}
