"""Personal data sets: tokens for a class, and a look at the lines that are handed in.

    python -m tools.classroom.handing_in tokens --key FILE names.txt     a token a name, and the score that is in reach
    python -m tools.classroom.handing_in check --key FILE lines.txt      what each line says, or why it is refused

FILE is the class's secret; where it does not exist, `tokens` makes it.
"""

import argparse
import hashlib
import hmac
import json
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from nbhelpers.exercises.personal import LINE, Personal, fingerprint, plain, read_line
from tools.train_street import street_network

APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´", "'"))
FIELDS = {  # what a line tells besides the name: what it must be, and whether it is; a bool is an int, and no count
    "seed": ("a whole number", lambda value: type(value) is int),
    "mean IoU": ("a fraction in 0..1", lambda value: type(value) in (int, float) and 0 <= value <= 1),
    "parameters": ("a whole number", lambda value: type(value) is int),
    "weights": (
        "16 digits and letters",
        lambda value: isinstance(value, str) and re.fullmatch(r"[0-9a-f]{16}", value),
    ),
}


def alike(name: str) -> str:
    """The same for names that differ in case or apostrophe alone; two of a class must not."""
    return plain(name).casefold().translate(APOSTROPHES)


def token(key: str, name: str) -> str:
    """What one name gets; only who has the key can make it."""
    return hmac.new(key.encode(), alike(name).encode(), hashlib.sha256).hexdigest()[:32]


def read_text(path: Path) -> str:
    """With or without the mark that Notepad writes first. Raises ValueError for a file that is not UTF-8."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error


def read_key(path: Path, *, make: bool = False) -> str:
    """Raises ValueError for a missing or short key."""
    if make and not path.exists():
        path.write_text(secrets.token_hex(32) + "\n", "utf-8")
        path.chmod(0o600)
        print(f"{path}: a new key; keep it, and keep it to yourself", file=sys.stderr)
    key = read_text(path).strip() if path.is_file() else ""
    if len(key) < 32:
        raise ValueError(f"{path} holds no key of this tool: name the file that `tokens` made")
    return key


def card(key: str, name: str) -> str:
    """What a student is given: name, token, and the score that the project's own small U-Net reaches on these scenes."""
    mine = Personal(name, token(key, name))
    return f"{plain(name)}\t{mine.token}\tin reach: mean IoU {mine.score(street_network()):.3f}"


def handed_in(text: str) -> list[str]:
    """The lines of results in `text`, whatever mail wrapped or quoted, and in their places the words that are none."""
    text = " ".join(re.sub(r"^[> \t]+", "", text, flags=re.MULTILINE).split())
    return [row for row in LINE.sub(r"\n\g<0>\n", text).splitlines() if re.search(r"\w", row)]


def judged(key: str, line: str) -> dict:
    """What a line says. Raises ValueError where it is refused."""
    found = LINE.fullmatch(line.strip())
    name = json.loads(found[1]).get("name") if found else ""
    if not isinstance(name, str):
        raise ValueError(f"its name is {name!r}, not a text")
    told = read_line(line, token(key, name))
    for field, (wanted, fits) in FIELDS.items():
        if not fits(told.get(field)):
            raise ValueError(f"its {field} is {told.get(field)!r}, not {wanted}; {plain(name)} signed it")
    if told["seed"] != Personal(name, token(key, name)).seed:
        raise ValueError(f"{plain(name)} was scored on the scenes of another seed")
    return told


def verdicts(key: str, lines: Iterable[str]) -> Iterator[str]:
    """What each line says, or why it is refused; and whether its weights, or a line of its name, came before."""
    first = {fingerprint(street_network()): "this project's network"}  # for all to download
    names = set()
    for line in lines:
        try:
            told = judged(key, line)
        except (ValueError, RecursionError) as error:  # of JSON too deep to read
            yield f"refused: {error}"
            continue
        name = plain(told["name"])
        said = f"{name}: mean IoU {told['mean IoU']:.4f}, {told['parameters']:,} parameters, weights {told['weights']}"
        owner = first.setdefault(told["weights"], name)
        if alike(owner) != alike(name):
            said += f"; same weights as {owner}"
        if alike(name) in names:
            said += f"; another line of {name}"
        names.add(alike(name))
        yield said


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.classroom.handing_in",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("tokens", "check"))
    parser.add_argument("--key", type=Path, required=True, help="the file of the class's secret")
    parser.add_argument("file", type=Path, help="a name a line, or a handed-in line a line")
    options = parser.parse_args(argv)
    try:
        key = read_key(options.key, make=options.what == "tokens")
        text = read_text(options.file)
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    if options.what == "check":
        rows = verdicts(key, handed_in(text))
    else:
        names = [line for line in text.splitlines() if line.strip()]
        if len(set(map(alike, names))) < len(names):
            raise SystemExit(f"error: {options.file} has a name twice; the two would get one data set")
        rows = (card(key, name) for name in names)
    for row in rows:
        print(row, flush=True)


if __name__ == "__main__":
    main()
