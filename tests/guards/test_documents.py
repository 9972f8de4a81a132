from pathlib import Path

from geocrop_processes.settings.__main__ import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_the_settings_is_current() -> None:
    """`make docs` writes it."""
    written = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert written.splitlines() == list(page())
