"""What the pages of a job show beside its status: its inputs, its outputs, its map."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.outcome import Outcome, Output
from geocrop_processes.service.tiles import PREFIX, SCHEME


@dataclass(frozen=True)
class Given:
    """An output as a page shows it."""

    name: str
    """Its id."""
    title: str
    """What it is called."""
    media_type: str
    """What it is, for programs."""
    value: Any = None
    """Its value, where it is no file, or a small one; None where it is not shown."""
    href: str = ""
    """Its address, where it is a file."""

    @property
    def file(self) -> str:
        """The file's name."""
        return self.href.rpartition("/")[2]

    @property
    def is_picture(self) -> bool:
        """Whether browsers show it."""
        return self.media_type in {"image/png", "image/jpeg"}


@dataclass(frozen=True)
class Product:
    """A published map as a page shows it."""

    tiles: str
    """The template of its tiles' addresses."""
    tilejson: str
    """Where their bounds are told."""
    figures: Mapping[str, Any] | None
    """Hectares of each class, as the map's summary has them."""

    @classmethod
    def of_job(cls, base: str, job_id: str, figures: Mapping[str, Any] | None) -> "Product":
        """The map of a job of this service, which lies under the path `base`."""
        tiles = f"{base}{PREFIX}/{quote(job_id, safe='')}/{SCHEME}"
        return cls(f"{tiles}/{{z}}/{{x}}/{{y}}.png", f"{tiles}/tilejson.json", figures)


def readable(outcome: Outcome) -> Outcome:
    """Results as a page shows them: values and small files of JSON as they are, other files by their addresses."""
    outputs = {
        name: replace(output, mode="value" if _is_shown(output) else "reference")
        for name, output in outcome.outputs.items()
    }
    return replace(outcome, outputs=outputs, response="document")


def _is_shown(output: Output) -> bool:
    if output.value is not None or output.file is None:
        return True
    return output.media_type.endswith("json") and output.is_small


def given(
    document: Mapping[str, Any], description: Mapping[str, Any], addresses: Mapping[str, str]
) -> list[Given]:
    """The outputs of a results document, in its order.

    Args:
        document: the results.
        description: the process description, which has their titles.
        addresses: those of the outputs that are files.
    """
    titles = {name: about["title"] for name, about in description["outputs"].items()}
    return [
        replace(
            _given(name, titles.get(name, name), value),
            href=addresses.get(name) or _href(value),
        )
        for name, value in document.items()
    ]


def _href(value: Any) -> str:
    return str(value["href"]) if isinstance(value, dict) and "href" in value else ""


def _given(name: str, title: str, value: Any) -> Given:
    if isinstance(value, dict) and "href" in value:
        return Given(name, title, str(value.get("type", "")))
    if isinstance(value, dict) and "value" in value:
        media_type = str(value.get("mediaType", "application/json"))
        shown = _BRIEF if value.get("encoding") == "base64" else value["value"]
        return Given(name, title, media_type, shown)
    return Given(name, title, "application/json", value)


_BRIEF = "given by value, in base64"


def product(base: str, job_id: str, outputs: list[Given]) -> Product | None:
    """The map among a job's outputs; None where there is none."""
    by_name = {one.name: one for one in outputs}
    classes = by_name.get("class-map")
    if not job_id or classes is None or classes.media_type != KINDS["class-map"].media_type:
        return None
    summary = by_name.get("summary")
    figures = summary.value if summary and isinstance(summary.value, dict) else None
    return Product.of_job(base, job_id, figures)


def shown_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a request without what may be a secret of whom it has told."""
    subscriber = request.get("subscriber")
    if not isinstance(subscriber, dict):
        return dict(request)
    plain = {
        name: str(address).partition("?")[0].partition("#")[0]
        for name, address in subscriber.items()
    }
    return {**request, "subscriber": plain}


def without_secrets(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A job's inputs without what may be a secret of an address, as signed ones have it."""
    return {
        name: {**value, "href": str(value["href"]).partition("?")[0]}
        if isinstance(value, dict) and "href" in value
        else value
        for name, value in inputs.items()
    }
