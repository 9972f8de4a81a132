"""The files of a product: what they are called, what they hold, and their checksums."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
"""What a cloud-optimised GeoTIFF is, for programs."""
GEOJSON = "application/geo+json"
"""What a STAC item is, for programs."""


@dataclass(frozen=True)
class AssetKind:
    """One of the files that a product can have."""

    file_name: str
    """Its name within the product's folder."""
    media_type: str
    """What it is, for programs."""
    title: str
    """What it is, for people."""
    roles: tuple[str, ...]
    """What it is for, in STAC's words."""


KINDS: Mapping[str, AssetKind] = MappingProxyType(
    {
        "class-map": AssetKind("class-map.tif", COG, "Crop classes", ("data",)),
        "confidence": AssetKind("confidence.tif", COG, "Confidence and clear views", ("data",)),
        "probabilities": AssetKind("probabilities.tif", COG, "Class probabilities", ("data",)),
        "summary": AssetKind("summary.json", "application/json", "Figures", ("metadata",)),
        "quicklook": AssetKind("quicklook.png", "image/png", "Picture", ("overview",)),
        "style": AssetKind("class-map.qml", "application/xml", "QGIS style", ("style",)),
        "class-names": AssetKind(
            "class-map.tif.aux.xml", "application/xml", "Class names for GDAL", ("metadata",)
        ),
        "model-card": AssetKind("model-card.json", "application/json", "Model card", ("metadata",)),
        "model-page": AssetKind(
            "model-card.html", "text/html", "Model card as a page", ("metadata", "overview")
        ),
    }
)
"""All files of a product by the key of their asset, in the order in which an item lists them."""
CARDS = ("model-card", "model-page")
"""Those that describe the model; an item links them."""


@dataclass(frozen=True)
class ProductAsset:
    """A file of a product as it was written."""

    key: str
    """One of `KINDS`."""
    sha256: str
    """Its SHA-256, hexadecimal."""
    size: int
    """Its bytes."""

    @classmethod
    def of_file(cls, key: str, path: Path) -> "ProductAsset":
        """Read a written file's checksum and size."""
        with path.open("rb") as file:
            return cls(key, hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)

    @property
    def kind(self) -> AssetKind:
        """What it is; `KeyError` where no product has such a file."""
        return KINDS[self.key]

    @property
    def multihash(self) -> str:
        """The checksum as a multihash: 0x12 for SHA-256, 0x20 bytes long, then the bytes."""
        return "1220" + self.sha256


@dataclass(frozen=True)
class ProducedFile:
    """A file that a job other than a map's has stored in the bucket of results."""

    key: str
    """Its name among the job's outputs."""
    file_name: str
    """Its name within the job's folder."""
    media_type: str
    """What it is, for programs."""
    sha256: str
    """Its SHA-256, hexadecimal."""
    size: int
    """Its bytes."""

    @classmethod
    def of_bytes(cls, key: str, file_name: str, media_type: str, content: bytes) -> "ProducedFile":
        """Take checksum and size of what the file holds."""
        digest = hashlib.sha256(content).hexdigest()
        return cls(key, file_name, media_type, digest, len(content))

    @classmethod
    def of_file(cls, key: str, path: Path, media_type: str) -> "ProducedFile":
        """Read a written file's checksum and size."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(key, path.name, media_type, digest, path.stat().st_size)
