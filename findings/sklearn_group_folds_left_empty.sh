#!/bin/sh
# scikit-learn 1.9.0: StratifiedGroupKFold(n_splits=k, shuffle=True) over exactly k groups can leave a fold empty, and so
# give a split without a test sample, while another fold holds two groups. GroupKFold fills all folds on the same data.
# Seen below: over 4,000 draws of groups and classes some of the splits have an empty test set; GroupKFold's have none.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

draw, tried = np.random.default_rng(1), 0
empty = {"StratifiedGroupKFold": 0, "GroupKFold": 0}
while tried < 4000:
    groups = np.repeat(np.arange(5), draw.integers(1, 7, size=5))
    classes = draw.integers(0, 5, size=len(groups))
    if np.bincount(classes).max() < 5:  # no class with a member for each fold, which it refuses
        continue
    tried += 1
    for splitter in (StratifiedGroupKFold(5, shuffle=True, random_state=tried), GroupKFold(5)):
        sizes = [len(test) for _, test in splitter.split(groups, classes, groups)]
        empty[type(splitter).__name__] += min(sizes) == 0
print("draws with an empty fold, of 4000:", empty)
assert empty["GroupKFold"] == 0 and empty["StratifiedGroupKFold"] > 0
PY
