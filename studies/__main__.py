"""The command line of `python -m studies`; see the package's docstring."""

import argparse

import torch

from studies.running import run_missing
from studies.study import HERE, load


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m studies", description="Verdicts of the lessons' studies."
    )
    parser.add_argument("lessons", nargs="*", help="numbers of lessons, such as 06; `run` before them trains")
    parser.add_argument("--seeds", type=int, help="seeds a way; default: the study's own")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no row after so long")
    parser.add_argument(
        "--threads", type=int, default=1, help="of torch; one, since rows can run side by side"
    )
    arguments = parser.parse_args()
    run = arguments.lessons[:1] == ["run"]
    every = sorted(file.stem.removeprefix("lesson") for file in HERE.glob("lesson*.py"))
    lessons = [name.zfill(2) for name in arguments.lessons[run:]]
    try:
        studies = [load(lesson) for lesson in lessons or every]
    except ValueError as error:
        parser.error(str(error))
    if run:
        torch.set_num_threads(arguments.threads)
        run_missing(lessons or every, arguments.seeds, arguments.minutes)
    for study in [] if run else studies:
        lesson = study.lesson
        done = {way: len(study.values(way)) for way in study.ways}
        print(f"{lesson}  {study.question}\n    {study.protocol}; seeds: {done}")
        print(f"    {len(study.missing())} rows missing", end="")
        print(f"; {study.settled:.0%} at a plateau" if study.rows else "")
        for verdict in study.verdicts if lessons else []:
            print(f"  - {verdict}")


if __name__ == "__main__":
    main()
