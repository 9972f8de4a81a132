"""GeoCrop: crop-type maps of Zimbabwe from Sentinel-2, as a standards-compliant service.

Read the package in this order; it is the story of a crop map:
`errors`, `domain`, `features`, `models`, `imagery`, `storage`, `registry`, `publish`, `pipeline`,
`simulation`, `settings`, `service`, `cli`.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("geocrop")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"
