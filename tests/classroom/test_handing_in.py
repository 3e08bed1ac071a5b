"""A student's own scenes, a line of results that cannot be changed unseen, and what the teacher's tool says of it."""

import json
import re
import textwrap
import unicodedata

import pytest
import torch

from nbhelpers.datasets import Street
from nbhelpers.exercises.personal import Personal, fingerprint, plain, read_line, signature
from tools.classroom import handing_in
from tools.train_street import street_network

KEY = "k" * 64
ANNA, BEN = (Personal(name, handing_in.token(KEY, name)) for name in ("Anna Ångström", "Ben"))


class Sky(torch.nn.Module):
    """Calls everything sky."""

    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.eye(11)[0])

    def forward(self, images):
        n, _, height, width = images.shape
        return self.bias[None, :, None, None].expand(n, -1, height, width)


@pytest.fixture(scope="module")
def line() -> str:
    """What Anna hands in, of ten scenes, so that the test is quick."""
    few = Personal(ANNA.name, ANNA.token)
    few.__dict__["test"] = Street("test", seed=few.seed, length=10)
    return few.line(Sky())


def test_everybody_has_other_scenes_and_always_the_same():
    assert ANNA.seed != BEN.seed and ANNA.seed == Personal(ANNA.name, ANNA.token).seed
    first, again, other = ANNA.test[0], Personal("A", ANNA.token).test[0], BEN.test[0]
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])
    assert [len(part) for part in (ANNA.train, ANNA.val, ANNA.test)] == [600, 100, 100]
    assert not torch.equal(ANNA.train[0][1], ANNA.val[0][1])


def verdict(line: str) -> str:
    (said,) = handing_in.verdicts(KEY, [line])
    return said


def test_a_line_says_who_on_which_scenes_and_how_well(line):
    told = read_line(line, ANNA.token)
    assert told["name"] == "Anna Ångström" and told["seed"] == ANNA.seed and told["parameters"] == 11
    assert told["weights"] == fingerprint(Sky()) and 0 < told["mean IoU"] < 0.1
    assert verdict(f"  {line}\n") == (
        f"Anna Ångström: mean IoU {told['mean IoU']:.4f}, 11 parameters, weights {told['weights']}"
    )


def test_the_fingerprint_is_of_what_the_network_knows():
    model, other = Sky(), Sky()
    other.bias.data[3] = 1e-3
    assert fingerprint(model) == fingerprint(Sky()) != fingerprint(other)


def resigned(line: str, token: str, **changes) -> str:
    told = json.loads(re.search(r"\{.*\}", line)[0]) | changes
    text = json.dumps(told, ensure_ascii=False, sort_keys=True)
    return f"nbhelpers-1 {text} {signature(token, text)}"


FORGED = {  # what may be done to a line: what the teacher reads
    "a better score": (lambda line: re.sub(r"0\.0\d+", "0.9", line), "the line was changed"),
    "a friend's line with one's own name": (
        lambda line: line.replace("Anna Ångström", "Ben"),
        "the line was changed, or signed with another token",
    ),
    "a friend's result, signed by oneself": (
        lambda line: resigned(line, BEN.token, name="Ben"),
        "Ben was scored on the scenes of another seed",
    ),
    "signed for a friend": (lambda line: resigned(line, BEN.token), "signed with another token"),
    "half a line": (lambda line: line[:-1], "that is no line of results"),
    "words": (lambda line: "I had 0.9", "that is no line of results"),
    "a number for a name": (lambda line: resigned(line, ANNA.token, name=5), "its name is 5, not a text"),
    "no name": (lambda line: line.replace('"name"', '"nom"'), "its name is None, not a text"),
    "a tower": (
        lambda line: "nbhelpers-1 " + '{"a": ' * 10**5 + "0" + "}" * 10**5 + " " + "0" * 32,
        "recursion",
    ),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_line_is_refused(how, line):
    forge, reason = FORGED[how]
    said = verdict(forge(line))
    assert said.startswith("refused: ") and reason in said


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("mean IoU", score) for score in (1.7, -0.1, float("nan"), float("inf"), None, True, "0.5")),
        *((count, value) for count in ("seed", "parameters") for value in (5.0, True, None, "11")),
        *(("weights", value) for value in (None, 7, "0" * 15, "0" * 16 + "\nBen: mean IoU 0.9")),
    ],
)
def test_what_is_signed_and_cannot_be(field, value, line):
    """Such a line is refused, and those behind it are judged."""
    forged = resigned(line, ANNA.token, **{field: value})
    said, after = handing_in.verdicts(KEY, [forged, line])
    assert said.startswith(f"refused: its {field} is {value!r}, not ")
    assert after.startswith("Anna Ångström: mean IoU")


SKY = fingerprint(Sky())
HANDED_IN = {  # who hands in which weights, in this order: what is said behind the last line
    "two networks": ([("Anna", SKY), ("Ben", "0" * 16)], ""),
    "a friend's network": ([("Anna", SKY), ("Ben", SKY)], "; same weights as Anna"),
    "a network once more": ([("Anna", SKY), ("anna", SKY)], "; another line of anna"),
    "another network": ([("Ben", SKY), ("Anna", "0" * 16), ("Ben", "1" * 16)], "; another line of Ben"),
    "a friend's, after one's own": (
        [("Anna", SKY), ("Ben", "0" * 16), ("Ben", SKY)],
        "; same weights as Anna; another line of Ben",
    ),
    "what all can download": (
        [("Ben", fingerprint(street_network()))],
        "; same weights as this project's network",
    ),
}


@pytest.mark.parametrize("what", HANDED_IN)
def test_equal_weights_and_second_lines_are_named(what, line):
    handed, note = HANDED_IN[what]
    lines = []
    for name, weights in handed:
        mine = Personal(name, handing_in.token(KEY, name))
        lines.append(resigned(line, mine.token, name=name, seed=mine.seed, weights=weights))
    *_, last = handing_in.verdicts(KEY, ["words", *lines])
    assert last.endswith(f"weights {handed[-1][1]}{note}")


MAILED = {  # what mail makes of a line
    "wrapped": lambda line: textwrap.fill(line, 76, break_on_hyphens=False),
    "quoted": lambda line: f"> {line}",
    "wrapped and quoted twice": lambda line: textwrap.indent(textwrap.fill(line, 40), "> > "),
    "between quotation marks": lambda line: f'"{line}"',
    "with spaces that do not break": lambda line: line.replace(" ", "\u00a0"),
}


@pytest.mark.parametrize("how", MAILED)
def test_lines_are_found_in_mail(how, line):
    mailed = MAILED[how](line)
    assert handing_in.handed_in(f"{mailed}\n{mailed}\n") == [line, line]
    before, found, after = handing_in.handed_in(f"Dear teacher,\n\n{mailed}\n--\nAnna")
    assert (before.strip(' "'), found, after.strip(' "')) == ("Dear teacher,", line, "-- Anna")


def test_half_a_line_takes_nothing_of_the_next(line):
    rows = handing_in.handed_in(f"{line[:-1]}\n{line}\n{line}0\nI had 0.9\n{line}")
    assert rows == [f"{line[:-1]} ", line, f" {line}0 I had 0.9 ", line]
    said = list(handing_in.verdicts(KEY, rows))
    assert [one.partition(":")[0] for one in said] == ["refused", "Anna Ångström"] * 2
    assert "no line of results" in said[2] and "nbhelpers-1 {" in said[2]
    assert handing_in.handed_in("\n") == []


def test_what_a_line_does_not_prove(line):
    """Who has the token can sign any score: docs/teach/classroom.md says so, and asks for the weights."""
    assert "mean IoU 0.9900" in verdict(resigned(line, ANNA.token, **{"mean IoU": 0.99}))


SPELLINGS = {  # how a name may be typed: what it is
    "Anna Ångström": "Anna Ångström",
    unicodedata.normalize("NFD", "Anna Ångström"): "Anna Ångström",
    "  Anna \u00a0 Ångström\t": "Anna Ångström",
    "Ben": "Ben",
}


@pytest.mark.parametrize("typed", SPELLINGS)
def test_a_name_has_one_spelling(typed, tmp_path, capsys, monkeypatch):
    """The token of a plain name is the one that it has always been; a student who types it otherwise is believed."""
    monkeypatch.setattr(Personal, "score", lambda self, model: 0.5)
    name, file, key = SPELLINGS[typed], tmp_path / "file.txt", tmp_path / "key.txt"
    key.write_text(KEY)
    assert plain(typed) == name and handing_in.token(KEY, typed) == handing_in.token(KEY, name)
    for encoding in ("utf-8", "utf-8-sig"):  # Notepad's
        file.write_text(f"{typed}\n", encoding)
        handing_in.main(["tokens", "--key", str(key), str(file)])
        given = capsys.readouterr().out.split("\t")
        assert given[:2] == [name, handing_in.token(KEY, name)]
        file.write_text(Personal(typed, given[1]).line(Sky()), encoding)
        handing_in.main(["check", "--key", str(key), str(file)])
        assert capsys.readouterr().out.startswith(f"{name}: mean IoU 0.5000, 11 parameters")
    file.write_text(f"{typed}\n{name}\n", "utf-8")
    with pytest.raises(SystemExit, match="has a name twice"):
        handing_in.main(["tokens", "--key", str(key), str(file)])


@pytest.mark.parametrize("typed", ["Anna O'Brien", "anna o‘brien", "ANNA  OʼBRIEN", "Anna O´Brien"])
def test_case_and_apostrophe_make_no_other_name(typed, tmp_path, monkeypatch):
    monkeypatch.setattr(Personal, "score", lambda self, model: 0.5)
    given = handing_in.token(KEY, "Anna O’Brien")
    assert verdict(Personal(typed, given).line(Sky())).startswith(f"{plain(typed)}: mean IoU 0.5000")
    said = verdict(Personal("Anna OBrien", given).line(Sky()))
    assert said.endswith("or the name is not spelled as in names.txt")
    names, key = tmp_path / "names.txt", tmp_path / "key.txt"
    names.write_text(f"Anna O’Brien\n{typed}\n", "utf-8")
    key.write_text(KEY)
    with pytest.raises(SystemExit, match="has a name twice"):
        handing_in.main(["tokens", "--key", str(key), str(names)])


def test_the_token_of_a_plain_name_stays():
    assert [one.token for one in (ANNA, BEN)] == [
        "8a751cdb91ba844e0ac65935f53f140e",
        "b69a7386f8069e800b31e0ce91d43ac0",
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_that_is_not_utf_8(encoding, tmp_path):
    file, key = tmp_path / "names.txt", tmp_path / "key.txt"
    file.write_text("Anna Ångström\n", encoding)
    key.write_text(KEY)
    with pytest.raises(SystemExit, match=r"error: .*names.txt is not UTF-8 .*; save it as UTF-8"):
        handing_in.main(["tokens", "--key", str(key), str(file)])


@pytest.mark.parametrize("token", ["", "abc", "G" * 32, None, KEY])
def test_what_is_no_token(token):
    with pytest.raises(ValueError, match="it must be the 32 letters and digits that your teacher gave you"):
        Personal("Anna", token)


@pytest.mark.parametrize("name", ["", "  ", None])
def test_what_is_no_name(name):
    with pytest.raises(ValueError, match="it must be yours"):
        Personal(name, ANNA.token)


def test_the_teachers_commands(tmp_path, capsys, monkeypatch, line):
    monkeypatch.setattr(Personal, "score", lambda self, model: 0.5)
    names, lines, key = tmp_path / "names.txt", tmp_path / "lines.txt", tmp_path / "key.txt"
    names.write_text("Anna Ångström\nBen\n\n", "utf-8")
    with pytest.raises(SystemExit, match="key.txt holds no key of this tool"):
        handing_in.main(["check", "--key", str(key), str(names)])
    handing_in.main(["tokens", "--key", str(key), str(names)])
    cards = [row.split("\t") for row in capsys.readouterr().out.splitlines()]
    assert [card[0] for card in cards] == ["Anna Ångström", "Ben"] and cards[0][
        2
    ] == "in reach: mean IoU 0.500"
    # Windows knows no such bits
    assert key.stat().st_mode & 0o077 == 0 or key.stat().st_mode & 0o777 == 0o666
    lines.write_text(Personal("Ben", cards[1][1]).line(Sky()) + "\n" + line, "utf-8")
    handing_in.main(["check", "--key", str(key), str(lines)])
    ben, anna = capsys.readouterr().out.splitlines()
    assert ben.startswith("Ben: mean IoU 0.5000") and anna.startswith("refused: ")  # of another class's key
    names.write_text("Ben\nBen\n", "utf-8")
    with pytest.raises(SystemExit, match="has a name twice"):
        handing_in.main(["tokens", "--key", str(key), str(names)])
