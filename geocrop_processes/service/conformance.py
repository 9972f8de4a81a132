"""What the service conforms to: exactly the classes whose every requirement holds."""

from geocrop_processes.service.collections.conformance import CONFORMS_TO as COLLECTIONS

_COMMON_1 = "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf"
_PROCESSES = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf"

CLASSES: tuple[str, ...] = (
    *(f"{_COMMON_1}/{name}" for name in ("core", "landing-page", "json", "html", "oas30")),
    *(
        f"{_PROCESSES}/{name}"
        for name in (
            "core",
            "ogc-process-description",
            "json",
            "html",
            "oas30",
            "job-list",
            "dismiss",
            "callback",
        )
    ),
    *COLLECTIONS,
)
"""The URIs of the classes of OGC API - Common (19-072), Processes (18-062r2), and of what the collections hold."""
