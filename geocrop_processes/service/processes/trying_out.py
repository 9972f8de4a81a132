"""The process `echo`: for trying out a client."""

import geocrop_processes
from geocrop_processes.service.echo import DEFAULT_MEASUREMENT
from geocrop_processes.service.processes.description import Description, optional, required

MAX_PAUSE_S = 60
"""The longest pause of an echo."""

_NUMBER_OR_TEXT = {"oneOf": [{"type": "number"}, {"type": "string"}]}
_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1000}
_CRS = [
    "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    "http://www.opengis.net/def/crs/OGC/0/CRS84h",
]
"""The reference systems of the OGC's own `bbox.yaml`: longitude, latitude, and height where there are six numbers."""
_BBOX = {
    "allOf": [
        {"type": "object", "format": "ogc-bbox"},
        {
            "type": "object",
            "required": ["bbox"],
            "properties": {
                "bbox": {
                    "type": "array",
                    "items": {"type": "number"},
                    "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
                },
                "crs": {"type": "string", "enum": _CRS, "default": _CRS[0]},
            },
        },
    ]
}
_DOCUMENT = {
    "type": "string",
    "contentMediaType": "text/plain",
    "contentEncoding": "base64",
}


DESCRIPTION: Description = {
    "id": "echo",
    "version": geocrop_processes.__version__,
    "title": "Echo",
    "description": "Gives back what it is given: for trying out a client.",
    "keywords": ["test"],
    "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
    "outputTransmission": ["value"],
    "inputs": {
        "message": required("Message", "A text.", {"type": "string"}),
        "pause": optional(
            "Pause",
            "Seconds to wait before the answer.",
            {"type": "integer", "minimum": 0, "maximum": MAX_PAUSE_S, "default": 0},
        ),
        "items": optional("Items", "A list of texts.", _TEXTS),
        "bbox": optional("Bounding box", "A box of the OGC's format.", _BBOX),
        "measurement": optional(
            "Measurement",
            "A number or a text.",
            _NUMBER_OR_TEXT | {"default": DEFAULT_MEASUREMENT},
        ),
        "document": optional("Document", "A plain text, base64 encoded.", _DOCUMENT),
    },
    "outputs": {
        "message": {
            "title": "Message",
            "description": "The text that was given.",
            "schema": {"type": "string"},
        },
        "length": {
            "title": "Length",
            "description": "Its number of characters.",
            "schema": {"type": "integer"},
        },
        "measurement": {
            "title": "Measurement",
            "description": "As it was given.",
            "schema": _NUMBER_OR_TEXT,
        },
        "items": {"title": "Items", "description": "As they were given.", "schema": _TEXTS},
        "bbox": {"title": "Bounding box", "description": "As it was given.", "schema": _BBOX},
        "document": {"title": "Document", "description": "As it was given.", "schema": _DOCUMENT},
    },
    "example": {"inputs": {"message": "mangwanani"}},
}
"""What it is called, what goes in, what comes out."""
