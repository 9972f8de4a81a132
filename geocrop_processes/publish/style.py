"""Names and colours of a legend in the words of others: styles of QGIS and OGC, a GDAL attribute table."""

from xml.etree import ElementTree as ET

from geocrop_processes.domain.legend import NO_DATA, CropClass, Legend

_QML_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_QML_VERSION = "3.22.0"
"""Elements and attributes are those that QGIS has written since this version."""

_SLD = "http://www.opengis.net/sld"
"""The namespace of Styled Layer Descriptor 1.0."""

_INTEGER, _STRING = 0, 2
"""Types of a column of a GDAL attribute table (`GDALRATFieldType`)."""
_GENERIC, _NAME, _MIN_MAX, _RED, _GREEN, _BLUE, _ALPHA = 0, 2, 5, 6, 7, 8, 9
"""What a column means (`GDALRATFieldUsage`)."""
_COLUMNS = (
    ("Value", _INTEGER, _MIN_MAX),
    ("Class", _STRING, _NAME),
    ("Red", _INTEGER, _RED),
    ("Green", _INTEGER, _GREEN),
    ("Blue", _INTEGER, _BLUE),
    ("Alpha", _INTEGER, _ALPHA),
    ("WorldCereal", _STRING, _GENERIC),
)


def qml(legend: Legend) -> str:
    """A QGIS layer style (`.qml`): one palette entry per class, no data left transparent.

    QGIS loads it by itself when it lies beside the raster under the same name.
    """
    root = ET.Element("qgis", version=_QML_VERSION, styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe,
        "rasterrenderer",
        type="paletted",
        band="1",
        opacity="1",
        alphaBand="-1",
        nodataColor="",
    )
    ET.SubElement(renderer, "rasterTransparency")
    palette = ET.SubElement(renderer, "colorPalette")
    for c in legend:
        ET.SubElement(
            palette, "paletteEntry", value=str(c.code), color=c.colour, label=c.name, alpha="255"
        )
    ET.SubElement(pipe, "brightnesscontrast", brightness="0", contrast="0", gamma="1")
    ET.SubElement(pipe, "huesaturation", saturation="0", grayscaleMode="0", colorizeOn="0")
    ET.SubElement(pipe, "rasterresampler", maxOversampling="2")
    ET.SubElement(root, "blendMode").text = "0"
    return _QML_DOCTYPE + _text(root)


def sld(legend: Legend, layer: str) -> str:
    """An OGC Styled Layer Descriptor (1.0.0): a colour map by values, whose range GeoServer and QGIS read.

    Args:
        legend: the classes.
        layer: the name of the layer that it is for.
    """
    root = ET.Element(
        "StyledLayerDescriptor",
        {"version": "1.0.0", "xmlns": _SLD, "xmlns:ogc": "http://www.opengis.net/ogc"},
    )
    named = ET.SubElement(root, "NamedLayer")
    ET.SubElement(named, "Name").text = layer
    style = ET.SubElement(named, "UserStyle")
    ET.SubElement(style, "Name").text = "classes"
    ET.SubElement(style, "Title").text = "Crop classes"
    rule = ET.SubElement(ET.SubElement(style, "FeatureTypeStyle"), "Rule")
    colours = ET.SubElement(ET.SubElement(rule, "RasterSymbolizer"), "ColorMap", type="values")
    nothing = {"color": "#000000", "quantity": str(NO_DATA), "label": "no data", "opacity": "0"}
    ET.SubElement(colours, "ColorMapEntry", nothing)
    for c in legend:
        entry = {"color": c.colour, "quantity": str(c.code), "label": c.name, "opacity": "1"}
        ET.SubElement(colours, "ColorMapEntry", entry)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _text(root)


def gdal_pam(legend: Legend) -> str:
    """A GDAL side file (`.tif.aux.xml`): category names and a raster attribute table of band 1.

    GDAL 3.12 and later read the table from inside the TIFF; older ones need this file, and so does every version
    for category names, which QGIS takes as labels where it has no style.
    """
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    names = {NO_DATA: "no data", **{c.code: c.name for c in legend}}
    categories = ET.SubElement(band, "CategoryNames")
    for code in range(legend.codes[-1] + 1):
        ET.SubElement(categories, "Category").text = names.get(code, "")
    table = ET.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for index, (name, kind, usage) in enumerate(_COLUMNS):
        column = ET.SubElement(table, "FieldDefn", index=str(index))
        ET.SubElement(column, "Name").text = name
        ET.SubElement(column, "Type").text = str(kind)
        ET.SubElement(column, "Usage").text = str(usage)
    for index, row in enumerate([_NO_DATA_ROW, *(_row(c) for c in legend)]):
        cells = ET.SubElement(table, "Row", index=str(index))
        for value in row:
            ET.SubElement(cells, "F").text = str(value)
    return _text(root)


_NO_DATA_ROW = (NO_DATA, "no data", 0, 0, 0, 0, "")


def _row(c: CropClass) -> tuple[int | str, ...]:
    return c.code, c.name, *c.rgb, 255, "" if c.worldcereal is None else str(c.worldcereal)


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"
