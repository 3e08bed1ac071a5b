"""The command line of `python -m studies.which`; see the package's docstring."""

import argparse
import os
import sys
import time
from collections.abc import Sequence

import torch

from studies.running import fit_budgets, run_seed
from studies.which import times
from studies.which.answers import Answer
from studies.which.networks import NETWORKS
from studies.which.terms import DATA, TUNING, Data, TimedPhotographs, final, tuning
from tools.record import provenance

# of the pictures whose answers are timed: those of each table's first terms
SIZES = tuple(dict.fromkeys(next(iter(data.finals.values())).size for data in DATA.values()))
# What every processor of the last ten years can do: seconds and rounding are alike from machine to machine
PLAIN = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def run(data: Data, names: Sequence[str], seeds: int | None, minutes: float) -> None:
    """Make what is missing of `names`: tuning, then the terms in turn; all of one seed before the next."""
    end = time.monotonic() + 60 * minutes
    networks = {name: network for name, network in NETWORKS.items() if name in names}
    if any(networks.keys() - times.stored(size).keys() for size in SIZES):
        times.measure(SIZES, provenance(times.COMMAND))
    run_seed(tuning(data, networks), 0, end)
    for terms in data.finals:
        if isinstance(data.finals[terms], TimedPhotographs):
            fit_budgets(final(data, terms, networks), (seeds or data.seeds) - 1)
        for seed in range(seeds or data.seeds):  # made anew: another process may have tuned more of them
            run_seed(final(data, terms, networks), seed, end)


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m studies.which", description="Which network?")
    parser.add_argument(
        "action",
        nargs="?",
        choices=("run", "time"),
        help="make rows, or time the answers of all networks anew; without it, show the table",
    )
    parser.add_argument(
        "--data", choices=DATA, default="street", help="CamVid is looked for in $NBHELPERS_DATA"
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="a network; may be given repeatedly")
    parser.add_argument("--seeds", type=int, help="of the final rows; default: the study's own")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no row after so long")
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.only or ()) - set(NETWORKS):
        parser.error(f"no network {', '.join(sorted(unknown))}; there are {', '.join(NETWORKS)}")
    torch.set_num_threads(1)
    if arguments.action == "time":
        times.measure(SIZES, provenance(times.COMMAND))
        return
    if arguments.action == "run":
        run(DATA[arguments.data], arguments.only or list(NETWORKS), arguments.seeds, arguments.minutes)
        return
    networks = {name: NETWORKS[name] for name in arguments.only or NETWORKS}
    answer = Answer(arguments.data, networks)
    for terms, study in {TUNING: answer.tuning, **answer.studies}.items():
        of_each = len(answer.data.rates) if terms == TUNING else study.seeds
        print(f"{terms}: {len(study.rows)} of {len(networks) * of_each} rows are there")
    print(*dict.fromkeys([answer.rates, answer.least, answer.table, answer.decisions]), sep="\n\n")


if __name__ == "__main__":
    if PLAIN.items() - os.environ.items():  # torch reads them as it is loaded
        os.execve(sys.executable, [sys.executable, "-m", "studies.which", *sys.argv[1:]], os.environ | PLAIN)
    main(sys.argv[1:])
