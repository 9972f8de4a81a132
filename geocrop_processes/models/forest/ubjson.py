"""Universal Binary JSON, as far as XGBoost writes it: https://ubjson.org, draft 12."""

import struct
from typing import Any

import numpy as np

_NUMBERS: dict[str, np.dtype[Any]] = {
    "i": np.dtype(">i1"),
    "U": np.dtype(">u1"),
    "I": np.dtype(">i2"),
    "l": np.dtype(">i4"),
    "L": np.dtype(">i8"),
    "d": np.dtype(">f4"),
    "D": np.dtype(">f8"),
}
_WORDS = {"Z": None, "T": True, "F": False}
_DEEPEST = 64


def loads(content: bytes) -> Any:
    """What the content says; arrays of one type of number are numpy arrays.

    Raises:
        ValueError: the content is not UBJSON, or nests too deeply.
    """
    try:
        return _Reader(content).value()
    except (IndexError, KeyError, struct.error) as error:
        raise ValueError("The content is not UBJSON.") from error


class _Reader:
    """A place within the content."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0
        self._depth = 0

    def value(self) -> Any:
        return self._typed(self._letter())

    def _letter(self) -> str:
        self._at += 1
        return chr(self._content[self._at - 1])

    def _take(self, count: int) -> bytes:
        if not 0 <= count <= len(self._content) - self._at:
            raise ValueError("The content ends too early.")
        self._at += count
        return self._content[self._at - count : self._at]

    def _typed(self, kind: str) -> Any:
        if kind in _WORDS:
            return _WORDS[kind]
        if kind == "S":
            return self._text()
        if kind in "[{":
            self._depth += 1
            if self._depth > _DEEPEST:
                raise ValueError("The content nests too deeply.")
            found = self._array() if kind == "[" else self._object()
            self._depth -= 1
            return found
        return self._numbers(kind, 1)[0].item()

    def _numbers(self, kind: str, count: int) -> Any:
        dtype = _NUMBERS[kind]
        return np.frombuffer(self._take(count * dtype.itemsize), dtype)

    def _text(self) -> str:
        return self._take(self._count()).decode()

    def _count(self) -> int:
        count = self._numbers(self._letter(), 1)[0].item()
        if not isinstance(count, int) or count < 0:
            raise ValueError("A length is no whole number.")
        return count

    def _shape(self) -> tuple[str | None, int | None]:
        """The type and the number of what follows, where the content says them first."""
        kind = count = None
        if self._content[self._at : self._at + 1] == b"$":
            self._at += 1
            kind = self._letter()
        if self._content[self._at : self._at + 1] == b"#":
            self._at += 1
            count = self._count()
        return kind, count

    def _array(self) -> Any:
        kind, count = self._shape()
        if kind is not None and count is not None:
            return self._numbers(kind, count)
        found: list[Any] = []
        while count is None or len(found) < count:
            letter = self._letter()
            if count is None and letter == "]":
                break
            found.append(self._typed(letter))
        return found

    def _object(self) -> dict[str, Any]:
        _, count = self._shape()
        found: dict[str, Any] = {}
        while count is None or len(found) < count:
            if count is None and self._content[self._at : self._at + 1] == b"}":
                self._at += 1
                break
            name = self._text()
            found[name] = self.value()
        return found
