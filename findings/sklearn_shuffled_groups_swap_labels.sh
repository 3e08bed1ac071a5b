#!/bin/sh
# scikit-learn 1.6.1: StratifiedGroupKFold(shuffle=True) shuffles the table of each group's labels, but not the groups
# themselves, so that a group is placed by the labels of another. Folds keep groups together, and are not stratified.
# Without shuffle they are. 1.8.0 moves groups and labels together.
# Seen below, for 60 groups of 2 samples in 3 classes and 5 folds: of a class, one fold has up to 6 samples more than
# another with shuffle and 2 without by 1.6.1, and 2 either way by 1.8.0.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > spread.py <<'PY'
import sys

import numpy as np
import sklearn
from sklearn.model_selection import StratifiedGroupKFold

labels = np.repeat(np.random.default_rng(0).integers(0, 3, 60), 2)
groups = np.repeat(np.arange(60), 2)
spread = {}
for shuffle in (False, True):
    splitter = StratifiedGroupKFold(5, shuffle=shuffle, random_state=0 if shuffle else None)
    counts = [np.bincount(labels[held]) for _, held in splitter.split(groups, labels, groups)]
    spread[shuffle] = int(np.ptp(counts, axis=0).max())
print(sklearn.__version__, "without shuffle", spread[False], "with", spread[True])
assert spread[False] <= 2
assert (spread[True] > 2) == (sys.argv[1] == "swaps")
PY
for version in 1.6.1 1.8.0; do
    python3 -m venv "$version"
    "$version/bin/python" -m pip install --quiet "scikit-learn==$version" numpy==2.2.6 scipy==1.15.3
done
1.6.1/bin/python spread.py swaps
1.8.0/bin/python spread.py sound
