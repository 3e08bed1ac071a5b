"""Docstrings as Sphinx reads them: ours are plain text that names arguments line by line, Sphinx wants reStructuredText."""

import re

# `order: who is painted later`
ARGUMENT = re.compile(r"(?![A-Z][a-z])([\w*]+(?:, [\w*]+)*): (.*)", re.DOTALL)
HEAD = re.compile(r"[A-Z][a-z]+: ")  # `Papers: ...` and `Departures: ...` begin paragraphs
SECTIONS = ("Args:", "Returns:", "Raises:", "Yields:", "Example:", "Examples:")


def as_rest(lines: list[str]) -> list[str]:
    """The lines of a docstring: arguments become lists, indented code stays code, and no `*` begins an emphasis."""
    made: list[str] = []
    section = False
    for block in _blocks(lines):
        if block[0].startswith(SECTIONS):
            section = True
        elif not block[0].startswith(" "):
            section = False
        if section or block[0].startswith(">>>"):
            made += block if block[0].startswith(">>>") else map(_escaped, block)
        elif all(line.startswith("    ") for line in block):
            made += ["::", "", *block]
        elif (
            any(line.startswith("  ") for line in block)
            or sum(bool(ARGUMENT.match(line)) for line in block) > 1
        ):
            made += _listed(block)
        else:
            made += map(_escaped, block)
        made.append("")
    return made


def _blocks(lines: list[str]) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    for line in lines:
        if HEAD.match(line) and blocks[-1]:
            blocks.append([])
        if line.strip():
            blocks[-1].append(line.rstrip())
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _listed(block: list[str]) -> list[str]:
    """Each line with those indented below it: an item of a list where it names an argument, else a paragraph."""
    wholes: list[str] = []
    for line in block:
        if line.startswith("  ") and wholes:
            wholes[-1] += " " + line.strip()
        else:
            wholes.append(line)
    made: list[str] = []
    for at, whole in enumerate(wholes):
        named = ARGUMENT.match(whole)
        bullet = whole.startswith("- ")
        if at and not (named or bullet or made[-1].startswith("- ")):
            made.append(_escaped(whole))  # goes on
            continue
        made += [""] if made else []
        made.append(f"- ``{named[1]}``: {_escaped(named[2])}" if named else _escaped(whole))
    return made


def _escaped(line: str) -> str:
    """Outside of `code`, which is left as it is."""
    parts = re.split(r"(`+[^`]*`+)", line)
    parts[::2] = [
        re.sub(r"([*|])|(?<=\w)_(?!\w)", lambda match: "\\" + match[0], part) for part in parts[::2]
    ]
    return "".join(parts)
