"""Personal data sets: tokens for a class, and a look at the lines that are handed in.

    python -m tools.classroom.handing_in tokens --key FILE names.txt     a token a name, and the score that is in reach
    python -m tools.classroom.handing_in check --key FILE lines.txt      what each line says, or why it is refused

FILE is the class's secret; where it does not exist, `tokens` makes it.
"""

import argparse
import hashlib
import hmac
import json
import secrets
import sys
from pathlib import Path

from nbhelpers.exercises.personal import LINE, Personal, plain, read_line
from tools.train_street import street_network


def token(key: str, name: str) -> str:
    """What one name gets; only who has the key can make it."""
    return hmac.new(key.encode(), plain(name).encode(), hashlib.sha256).hexdigest()[:32]


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


def verdict(key: str, line: str) -> str:
    """What a line says, or why it is refused."""
    found = LINE.fullmatch(line.strip())
    try:
        name = json.loads(found[1])["name"] if found else ""
        told = read_line(line, token(key, name))
    except (ValueError, KeyError, TypeError) as error:
        return f"refused: {error}"
    if told["seed"] != Personal(name, token(key, name)).seed:
        return f"refused: {name} was scored on the scenes of another seed"
    return f"{name}: mean IoU {told['mean IoU']:.4f}, {told['parameters']:,} parameters, weights {told['weights']}"


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
        lines = [line.strip() for line in read_text(options.file).splitlines() if line.strip()]
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    if options.what == "tokens" and len(set(map(plain, lines))) < len(lines):
        raise SystemExit(f"error: {options.file} has a name twice; the two would get one data set")
    for line in lines:
        print(card(key, line) if options.what == "tokens" else verdict(key, line), flush=True)


if __name__ == "__main__":
    main()
