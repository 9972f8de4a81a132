"""A model as files, and files as a model: checksums, native formats, nothing else."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from geocrop_processes.errors import UnusableModel
from geocrop_processes.models.applicability import Applicability
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.counting import AS_THEY_ARE, Counting
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.members import MEMBERS
from geocrop_processes.registry.records import Learned

CARD, CHECKSUMS = "card.json", "checksums.json"
CALIBRATION, APPLICABILITY = "calibration.json", "applicability.npz"
"""The files of a model that are no members."""


def folder_of(as_of: str) -> str:
    """What the paths of the files of a model for a date start with: nothing for the whole season."""
    return f"as-of-{as_of}/" if as_of else ""


def pack(card: ModelCard, learned: Mapping[str, Learned]) -> dict[str, bytes]:
    """All files of a model by their paths; the same model gives the same bytes.

    Args:
        card: what is known of it.
        learned: what was trained, by as-of date; the whole season's is under the empty one.
    """
    files: dict[str, bytes] = {}
    for as_of, part in learned.items():
        folder = folder_of(as_of)
        for name, member in part.ensemble.members.items():
            files[f"{folder}{name}.{MEMBERS[name].suffix}"] = member.to_bytes()
        if part.ensemble.counting != AS_THEY_ARE:
            counting = part.ensemble.counting.to_json()
            files[f"{folder}{CALIBRATION}"] = json.dumps(counting, indent=1).encode()
        if part.applicability is not None:
            files[f"{folder}{APPLICABILITY}"] = part.applicability.to_bytes()
    files[CARD] = json.dumps(card.to_json(), indent=1).encode()
    files[CHECKSUMS] = json.dumps(
        {name: sha256(content) for name, content in files.items()}, indent=1
    ).encode()
    return files


def sha256(content: bytes) -> str:
    """The SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Stored:
    """The files of a registered model, each verified when it is read.

    Raises:
        UnusableModel: there are no checksums, they are not those that were registered, they name a file that no model
            has, or the files are not those that they name.
    """

    reference: str
    """What the model was asked for as: errors name it."""
    read: Callable[[str], bytes]
    """The content of a file by its path."""
    checksums: Mapping[str, str]
    """SHA-256 by path."""

    @classmethod
    def open(
        cls, reference: str, names: Iterable[str], read: Callable[[str], bytes], registered: str
    ) -> "Stored":
        """See that the files are those of a model, and no others.

        Args:
            reference: what the model was asked for as.
            names: the paths of all files that there are.
            read: the content of a file by its path.
            registered: the SHA-256 of the checksums as the registry's database has it; empty where it has none.
        """
        found = set(names)
        if not found:
            raise UnusableModel(
                f"The files of model {reference!r} cannot be read: there are none where it was stored."
            )
        if CHECKSUMS not in found:
            raise _lacks(reference, CHECKSUMS)
        content = read(CHECKSUMS)
        if registered and sha256(content) != registered:
            raise _changed(reference, CHECKSUMS)
        checksums = _object(reference, content)
        _check(reference, checksums, found - {CHECKSUMS})
        return cls(reference, read, checksums)

    def content(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            UnusableModel: it was changed.
        """
        content = self.read(name)
        if sha256(content) != self.checksums[name]:
            raise _changed(self.reference, name)
        return content

    def card(self) -> ModelCard:
        """What is known of the model.

        Raises:
            UnusableModel: the card was changed, or cannot be read.
        """
        return ModelCard.from_json(_object(self.reference, self.content(CARD)))

    def decisive(self, as_of: str) -> dict[str, str]:
        """The checksums of the files that decide the votes for a date, by path."""
        folder = folder_of(as_of)
        return {
            name: value
            for name, value in self.checksums.items()
            if name != CARD and name.rpartition("/")[0] == folder.rstrip("/")
        }

    def learned(self, card: ModelCard, as_of: str) -> Learned:
        """What votes for a date, ready to vote.

        Raises:
            UnusableModel: a file was changed or cannot be read, or the parts do not fit together.
        """
        folder = folder_of(as_of)
        contents = {path.removeprefix(folder): self.content(path) for path in self.decisive(as_of)}
        members = {
            name: kind.from_bytes(contents[f"{name}.{kind.suffix}"])
            for name, kind in MEMBERS.items()
            if f"{name}.{kind.suffix}" in contents
        }
        counting, applicability = AS_THEY_ARE, None
        if CALIBRATION in contents:
            counting = Counting.from_json(_object(self.reference, contents[CALIBRATION]))
        if APPLICABILITY in contents:
            applicability = Applicability.from_bytes(contents[APPLICABILITY])
        ensemble = Ensemble(
            *(card.legend.codes, members, counting.calibration, counting.weights),
            temperature=counting.temperature,
        )
        ensemble.check(len(card.features))
        if applicability is not None and len(applicability.mean) != len(card.features):
            raise UnusableModel(
                f"The area of applicability of model {self.reference!r} is one of {len(applicability.mean)} "
                f"features, the model of {len(card.features)}."
            )
        # the votes are made now, and not by the first block
        _ = ensemble.votes
        return Learned(ensemble, applicability)


_NAMES = frozenset(
    {*(f"{m.name}.{m.suffix}" for m in MEMBERS.values()), CALIBRATION, APPLICABILITY}
)


def _known(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return path == CARD or (name in _NAMES and (not folder or folder.startswith("as-of-")))


def _check(reference: str, checksums: Mapping[str, str], found: set[str]) -> None:
    """Accept the files that there are beside the checksums, or say which is none of a model's."""
    for name in checksums:
        if not _known(name):
            raise UnusableModel(
                f"Model {reference!r} holds {name}, which is no file of a model: members are stored in native "
                "formats only, never as a pickle."
            )
    for name in (CARD, *checksums):
        if name not in checksums or name not in found:
            raise _lacks(reference, name)
    for name in sorted(found - set(checksums)):
        raise UnusableModel(
            f"The file {name} was added to model {reference!r}: its checksums do not name it. It was not read."
        )


def _object(reference: str, content: bytes) -> dict[str, Any]:
    try:
        values = json.loads(content)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise UnusableModel(
            f"The card, checksums or calibration of model {reference!r} are no JSON object."
        )
    return values


def _changed(reference: str, name: str) -> UnusableModel:
    return UnusableModel(
        f"The file {name} of model {reference!r} was changed: its checksum is wrong."
    )


def _lacks(reference: str, name: str) -> UnusableModel:
    return UnusableModel(f"Model {reference!r} lacks the file {name!r}.")
