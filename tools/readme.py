"""The parts of the README that tools write, each between two comments of its own."""

from pathlib import Path


def written(text: str, start: str, end: str) -> str:
    """What stands between the two comments."""
    return text.split(start)[1].split(end)[0].strip()


def write(root: Path, start: str, end: str, body: str) -> None:
    """Put `body` between the two comments of the README in `root`, in place of what is there."""
    readme = root / "README.md"
    before, rest = readme.read_text("utf-8").split(start)
    _, after = rest.split(end)
    readme.write_text(f"{before}{start}\n\n{body}\n\n{end}{after}", "utf-8", newline="\n")
