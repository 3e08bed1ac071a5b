"""The models' page: tables from the results files, with the command, machine and versions that made each."""

import json
from collections.abc import Iterable
from pathlib import Path

from tools.execution import ROOT

RESULTS = ROOT / "benchmarks" / "results"


def write_models(stage: Path) -> None:
    """docs/models.md with @ZOO@, @SPEED@, @CAMVID@ and @PUBLISHED@ filled in."""
    zoo, speed = _read("zoo"), _read("zoo_speed")
    size = table(
        ("model", "million parameters", "GMACs", "strides of its maps", "receptive field, pixels"),
        (
            (
                name,
                f"{row['parameters'] / 1e6:.2f}",
                f"{row['gmacs']:.1f}",
                row["strides"],
                f"{row['receptive_field']}",
            )
            for name, row in zoo["results"].items()
        ),
    )
    fast = table(
        ("beside", "train", "train, our defaults", "infer", "infer, our defaults"),
        (
            (
                name,
                *(
                    f"{row[f'{what}: theirs / ours']:.2f}"
                    for what in ("train, equal", "train, defaults", "infer, equal", "infer, defaults")
                ),
            )
            for name, row in speed["results"].items()
            if "train, equal: theirs / ours" in row
        ),
    )
    published = table(
        ("lesson", "what the paper says", "value", "source"),
        (
            (f"[{lesson[:2]}](notebooks/{lesson}.ipynb)", fact["what"], f"{fact['value']:,}", fact["source"])
            for lesson, facts in sorted(_read("published").items())
            if (ROOT / "notebooks" / f"{lesson}.ipynb").exists()
            for fact in facts
        ),
    )
    photographs = {"02_unet_from_scratch": _read("unet_camvid")}
    photographs["02_unet_from_scratch"] |= photographs["02_unet_from_scratch"]["results"]
    photographs |= _read("camvid_lessons")
    camvid = table(
        ("lesson", "on photographs"),
        ((f"[{lesson[:2]}](notebooks/{lesson}.ipynb)", row["score"]) for lesson, row in photographs.items()),
    )
    text = (ROOT / "docs" / "models.md").read_text("utf-8")
    for name, lines, made in (
        ("ZOO", size, zoo),
        ("SPEED", fast, speed),
        ("PUBLISHED", published, None),
        ("CAMVID", camvid, photographs["02_unet_from_scratch"]),
    ):
        text = text.replace(f"@{name}@", lines + (f"\n\n{made_by(made)}" if made else ""))
    (stage / "models.md").write_text(text, "utf-8")


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Markdown, numbers to the right."""
    rows = [tuple(cell.replace("|", "\\|") for cell in row) for row in rows]
    right = ["--:" if all(_is_number(row[at]) for row in rows) else "---" for at in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, right, *rows])


def made_by(result: dict) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return f"*By `{result['command']}` on {result['machine']}; {versions}, python {result['python']}.*"


def _is_number(text: str) -> bool:
    return text.replace(".", "").replace(",", "").isdigit()


def _read(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
