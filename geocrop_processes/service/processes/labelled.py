"""Inputs and outputs that several processes of learning share."""

from geocrop_processes.pipeline.labels import GEOJSON, MEDIA_TYPES
from geocrop_processes.pipeline.table import MEDIA_TYPE as PARQUET
from geocrop_processes.service.given import FileKind
from geocrop_processes.service.processes.description import file_of, optional

LABELS = FileKind(MEDIA_TYPES, as_object=GEOJSON)
"""Labelled points or polygons."""
LABELS_SCHEMA = file_of(*MEDIA_TYPES, as_object=GEOJSON)
"""How they are given."""
TABLE = FileKind((PARQUET,))
"""A table of samples."""
TABLE_SCHEMA = file_of(PARQUET)
"""How it is given."""
AS_OF_SCHEMA = {
    "type": "array",
    "items": {"type": "string", "pattern": "^[0-9]{2}-[0-9]{2}$"},
    "maxItems": 20,
    "uniqueItems": True,
}
"""Dates within the season."""
HOW = (
    "By value (an object of GeoJSON, or base64 with its `mediaType`), or by reference (`href`) to an output of an "
    "earlier job of this service or to a file of a host that it allows."
)
"""How files are given, in words for people."""
SEED = optional(
    "Seed",
    "The same seed gives the same result.",
    {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 1},
)
"""The input of whatever is drawn by chance."""
