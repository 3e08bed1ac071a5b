"""24 Which network: all architectures on equal terms, at equal steps and at equal CPU time.

    python -m studies.which                     # the table, and what follows from it
    python -m studies.which run                 # make the rows that are missing; stop it at any time, go on at any time
    python -m studies.which run --only "U-Net++"
    python -m studies.which run --data camvid   # the same on photographs, which NBHELPERS_DATA holds

A network is a line of `studies/which/networks.py`. Its rows come in three turns, each a file of `studies/results`:
tuning (three learning rates, judged by val), equal steps and equal CPU time, both with the rate that val chose. On CamVid's
photographs there are two, of one and of five minutes of two cores, with the rates that the street chose; as small as the
street's scenes (`--data camvid_small`) they have a tuning of their own. `--data street_muon` and
`camvid_muon` put Muon in the place of AdamW.
"""
