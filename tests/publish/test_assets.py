"""Files of a product: checksums as others compute them."""

import hashlib
from pathlib import Path

import pytest

from geocrop_processes.publish.assets import KINDS, ProductAsset


def test_checksum_and_size_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_bytes(b"{}\n")
    asset = ProductAsset.of_file("summary", path)
    assert (asset.size, asset.sha256) == (3, hashlib.sha256(b"{}\n").hexdigest())
    assert asset.multihash == f"1220{asset.sha256}"


def test_each_kind_has_a_file_name_of_its_own() -> None:
    assert len({kind.file_name for kind in KINDS.values()}) == len(KINDS)


def test_side_files_are_named_as_gdal_and_qgis_look_for_them() -> None:
    class_map = KINDS["class-map"].file_name
    assert KINDS["class-names"].file_name == f"{class_map}.aux.xml"
    assert KINDS["style"].file_name == class_map.replace(".tif", ".qml")


def test_a_file_that_no_product_has_is_an_error() -> None:
    with pytest.raises(KeyError):
        _ = ProductAsset("map", "", 0).kind
