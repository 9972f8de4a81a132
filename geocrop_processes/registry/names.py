"""What models, their aliases and their dates may be called."""

import re

from geocrop_processes.errors import InvalidModelName

PRODUCTION = "production"
"""The alias of the version that a bare name means."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_ALIAS = re.compile(r"(?!v[0-9]+$|latest$)[A-Za-z][A-Za-z0-9_-]{0,99}", re.IGNORECASE)
_VERSION = re.compile(r"[0-9]{1,9}")


def check_name(name: str) -> None:
    """Accept the name of a model.

    Raises:
        InvalidModelName: it could not be asked for as `name@version`.
    """
    if not _NAME.fullmatch(name):
        raise InvalidModelName(
            f"A model's name has letters, digits, '-', '_' and '.' only, 100 at most, unlike {name!r}."
        )


def check_alias(alias: str) -> None:
    """Accept an alias.

    Raises:
        InvalidModelName: it could not be told from a version, or is MLflow's own.
    """
    if not _ALIAS.fullmatch(alias):
        raise InvalidModelName(
            "An alias begins with a letter and has letters, digits, '-' and '_' only, 100 at most; "
            f"'latest' and 'v1', 'v2', ... are reserved. {alias!r} is none."
        )


def is_version(text: str) -> bool:
    """Whether what follows the `@` of a reference is a version, not an alias."""
    return _VERSION.fullmatch(text) is not None
