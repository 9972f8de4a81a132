import re
from pathlib import Path

from geocrop_processes.features.indices import INDICES
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.features.series import CENTRES

PAGE = (Path(__file__).parents[2] / "docs" / "features.md").read_text(encoding="utf-8")


def test_the_page_lists_all_features_in_their_order() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE, flags=re.MULTILINE)

    assert rows == [(str(i), name) for i, name in enumerate(FEATURE_ORDER_V1, start=1)]


def test_every_row_tells_formula_unit_and_shift_sensitivity() -> None:
    rows = re.findall(r"^\| \d+ \|.*$", PAGE, flags=re.MULTILINE)

    for row in rows:
        *_, formula, unit, shifts = (cell.strip() for cell in row.strip("|").split("|"))
        assert formula
        assert unit
        assert shifts in {"yes", "no"}


def test_the_page_names_the_fingerprint_the_indices_and_the_calendar() -> None:
    assert FINGERPRINT in PAGE
    assert re.findall(r"^ +\| (\w+) \| `", PAGE, flags=re.MULTILINE) == [
        name.upper() for name in INDICES
    ]
    assert ", ".join(f"{centre:g}" for centre in CENTRES) in PAGE
