"""What the lessons' sentences rest on: one file a lesson, networks trained to a plateau, every run a stored row.

    python -m studies                     # what is planned, what is there, what is missing
    python -m studies 06                  # a lesson's verdicts
    python -m studies run 06 09           # train the rows that are missing; stop it at any time, go on at any time

A study (`studies/lessonNN.py`) names the ways that are compared, their protocol and its claims. A row of
`studies/results/NN.json` is one training of one way with one seed. Pages make their sentences, tables and figures from
the rows: `load("06")`.
"""

from studies.protocol import Claim, Protocol, Way
from studies.study import Study, load

__all__ = ["Claim", "Protocol", "Study", "Way", "load"]
