"""The conformance classes that the collections hold: those of drafts by the names that the drafts have."""

_COMMON = "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/"
_COVERAGES = "http://www.opengis.net/spec/ogcapi-coverages-1/1.0/conf/"
_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
_TMS = "http://www.opengis.net/spec/tms/2.0/conf/"

CONFORMS_TO = (
    f"{_COMMON}collections",
    *(
        f"{_COVERAGES}{name}"
        for name in (
            "core",
            "subsetting-spatial",
            "subsetting-temporal",
            "scaling-spatial",
            "field-selection",
            "crs",
            "geotiff",
            "cog",
            "coveragejson",
            "png",
        )
    ),
    *(f"{_TILES}{name}" for name in ("core", "tileset", "tilesets-list", "png")),
    *(f"{_TMS}{name}" for name in ("tilematrixset", "json-tilematrixset")),
)
"""What the declaration of conformance lists of them."""
