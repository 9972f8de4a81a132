"""The collection of all products: one coverage that answers for a place and a season, the newest map on top.

Maps can be of models whose legends differ. Theirs become one, in the store: see `service.class_codes`.
"""

import numpy as np
import numpy.typing as npt

from geocrop_processes.domain.aoi import utm_epsg
from geocrop_processes.domain.legend import NO_DATA, CropClass, Legend
from geocrop_processes.service.assets import published
from geocrop_processes.service.class_codes import all_classes
from geocrop_processes.service.collections.coverage import Coverage, Layer, coverage_of, layer_of
from geocrop_processes.service.collections.crs import CRS84, Box, Crs, PixelGrid, moved
from geocrop_processes.service.collections.fields import (
    class_field,
    confidence_fields,
    legend_of,
)
from geocrop_processes.service.collections.queries import newest, reach
from geocrop_processes.service.collections.times import Interval
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.problems import BLANK, Problem
from geocrop_processes.service.products import COLLECTION
from geocrop_processes.settings import Settings
from geocrop_processes.settings.sections import RegionSettings
from geocrop_processes.storage import Storage

_UNKNOWN = Legend((CropClass(1, "not mapped yet", "#000000"),))
"""The legend where there is no product: a legend has a class."""


class Collections:
    """What is published, as coverages.

    Args:
        settings: the deployment.
        store: its jobs.
        storage: its files.
    """

    def __init__(self, settings: Settings, store: JobStore, storage: Storage) -> None:
        self.settings, self.store, self.storage = settings, store, storage
        self.zones = _zones(settings.region)
        """The UTM zones of the region that is mapped."""

    def get(self, name: str) -> Coverage:
        """A collection by its name: a product's job, or all of them.

        Raises:
            Problem: there is none of that name (404).
        """
        if name == COLLECTION:
            return self.everything()
        try:
            item = published(self.store, name)
        except Problem as problem:
            detail = f"There is no collection {name[:80]!r}: a collection is {COLLECTION!r}, or the job of a map."
            raise Problem(404, "No such collection", detail, BLANK) from problem
        return coverage_of(item, self.zones)

    def everything(self) -> Coverage:
        """All products."""
        region, legend = self.settings.region, self.legend()
        box = (region.west, region.south, region.east, region.north)
        with self.store.database.read() as connection:
            interval = reach(connection)
        return Coverage(
            id=COLLECTION,
            title=f"Crop maps of {region.name}",
            description="All published maps as one: ask for a place and a time, and the newest map lies on top. "
            "Without a time the newest season that has a map there answers.",
            storage=CRS84,
            extent=box,
            bbox=box,
            interval=interval,
            fields=(class_field(legend), *confidence_fields()),
            legend=legend,
            zones=self.zones,
        )

    def layers(self, coverage: Coverage, grid: PixelGrid, interval: Interval | None) -> list[Layer]:
        """The products that answer for a grid, the newest first.

        Raises:
            Problem: there are more than are opened for one request (413).
        """
        if coverage.item is not None:
            return [layer_of(coverage.item, self.storage)]
        box, most = moved(grid.bounds, grid.crs, CRS84), self.settings.coverage.max_products
        if box is None:
            return []
        with self.store.database.read() as connection:
            found = newest(connection, box, interval, most + 1)
        if len(found) > most:
            detail = f"More than {most} maps lie there (GEOCROP_COVERAGE__MAX_PRODUCTS): ask for a smaller place."
            raise Problem(413, "Too large", detail)
        return [
            layer_of(item, self.storage, self._codes(legend_of(item), coverage.legend))
            for item in found
        ]

    def legend(self) -> Legend:
        """The classes of all products."""
        with self.store.database.read() as connection:
            classes = all_classes(connection)
        return Legend(classes) if classes else _UNKNOWN

    @staticmethod
    def _codes(own: Legend, common: Legend) -> npt.NDArray[np.uint8] | None:
        """By code of a product the code of all; None where they are the same."""
        known = {c.name: c.code for c in common}
        codes = np.full(256, NO_DATA, np.uint8)
        for c in own:
            codes[c.code] = known.get(c.name, NO_DATA)
        return None if all(codes[c.code] == c.code for c in own) else codes


def _zones(region: RegionSettings) -> tuple[Crs, ...]:
    lons = np.append(np.arange(region.west, region.east, 6.0), region.east)
    codes = {utm_epsg(lon, lat) for lon in lons for lat in (region.south, region.north)}
    return tuple(Crs("EPSG", str(code)) for code in sorted(codes))


def degrees(coverage: Coverage) -> Box:
    """West, south, east, north of all of a coverage's pixels."""
    return moved(coverage.extent, coverage.storage, CRS84) or coverage.bbox
