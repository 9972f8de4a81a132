"""LIKE of CQL2 as SQL, which minds upper and lower case on SQLite and PostgreSQL alike."""

from typing import Any

from sqlalchemy import Boolean
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def patterns(pattern: str) -> tuple[str, str]:
    r"""A pattern of CQL2, where % is any text, _ any character and \ takes its meaning from the next one: for
    LIKE of SQL, and for GLOB of SQLite, whose LIKE knows no case."""  # noqa: D205, D209 - one sentence
    like = glob = ""
    characters = iter(pattern)
    for character in characters:
        if character in "%_":
            like += character
            glob += {"%": "*", "_": "?"}[character]
            continue
        plain = next(characters, "\\") if character == "\\" else character
        like += f"\\{plain}" if plain in "\\%_" else plain
        glob += f"[{plain}]" if plain in "*?[" else plain
    return like, glob


class Like(FunctionElement[bool]):
    """A column is of a pattern: the column, the pattern for LIKE, the pattern for GLOB."""

    type = Boolean()
    inherit_cache = True


@compiles(Like)
def _like(element: Like, compiler: SQLCompiler, **more: Any) -> str:
    column, like, _ = element.clauses
    return f"({compiler.process(column, **more)} LIKE {compiler.process(like, **more)})"


@compiles(Like, "sqlite")
def _like_of_sqlite(element: Like, compiler: SQLCompiler, **more: Any) -> str:
    column, _, glob = element.clauses
    return f"({compiler.process(column, **more)} GLOB {compiler.process(glob, **more)})"
