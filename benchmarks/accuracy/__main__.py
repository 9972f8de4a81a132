"""`python -m benchmarks.accuracy [set ...]`: judge, keep, and write the tables of docs/accuracy.md.

What was judged is kept by set and seed in `benchmarks/accuracy/figures/`: a set that is named is judged anew; where
none is, what is missing is judged. `nested` judges the sets that figures are published of with the whole training
inside each fold, by one seed.
"""

import json
import sys

from benchmarks.accuracy.data import SETS, read
from benchmarks.accuracy.protocol import SEEDS, judge, nested
from benchmarks.accuracy.report import FIGURES, NESTED, kept_figures, write_report


def main(names: list[str]) -> None:
    """Judge the sets, all of them where none is named, and write the report."""
    if names == ["nested"]:
        found = {name: nested(read(name), SEEDS[0]) for name in ("south-east", "southern")}
        NESTED.write_text(json.dumps(found, indent=1) + "\n")
        names = []
    for name in names or list(SETS):
        chosen = read(name)
        path = FIGURES / f"{name}.json"
        kept = {} if names or not path.exists() else json.loads(path.read_text())["seeds"]
        about = {"name": chosen.name, "about": chosen.about, "published": chosen.published}
        for seed in SEEDS:
            if str(seed) not in kept:
                kept[str(seed)] = judge(chosen, seed)
                print(name, seed, json.dumps(kept[str(seed)]), flush=True)
                path.write_text(json.dumps({**about, "seeds": kept}, indent=1) + "\n")
    write_report(kept_figures())


if __name__ == "__main__":
    main(sys.argv[1:])
