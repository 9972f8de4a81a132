"""What a check of a part says: how the part is, and what to do where it is not well."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal
from urllib.parse import quote, unquote

from geocrop_processes.settings import Settings

State = Literal["ok", "warning", "failed", "away"]
OK: State = "ok"
WARNING: State = "warning"
FAILED: State = "failed"
"""It stays so until somebody changes something."""
AWAY: State = "away"
"""It does not answer: that may pass by itself, as when all parts of a deployment are started at once."""

Said = tuple[State, str]
"""How a part is, and a sentence about it."""
Check = Callable[[Settings], Iterator[Said]]
"""Says what is to be said of one part, and raises nothing for what can be expected of it."""

_PASSWORD = re.compile(r"://([^:/?#@\s]*):([^@/\s]*)@")
_MASK = "***"


@dataclass(frozen=True)
class Finding:
    """One line of what the doctor says."""

    part: str
    """Which part of the deployment."""
    state: State
    """`ok`, `warning` or `failed`."""
    text: str
    """What is so, or what is wrong and what to do; no secret is in it."""
    may_pass: bool = False
    """Whether waiting may help."""

    @classmethod
    def of(cls, part: str, said: Said, settings: Settings) -> "Finding":
        """What a check has said, without secrets and in one line."""
        state, text = said
        line = " ".join(masked(text, settings).split())
        return cls(part, FAILED if state == AWAY else state, line, may_pass=state == AWAY)

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


def masked(text: str, settings: Settings) -> str:
    """A text without the deployment's secrets, and without anybody's password in an address."""
    for secret in _secrets(settings):
        text = text.replace(secret, _MASK)
    return _PASSWORD.sub(rf"://\1:{_MASK}@", text)


def _secrets(settings: Settings) -> set[str]:
    service, registry = settings.service, settings.registry
    found = {os.environ.get(name, "") for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
    found.add(settings.callbacks.secret or "")
    for address in (service.database, service.broker, registry.uri):
        for _, password in _PASSWORD.findall(address or ""):
            found |= {password, unquote(password), quote(unquote(password), safe="")}
    # what is as short as a word of ours is masked where addresses are
    return {secret for secret in found if len(secret) > 3}
