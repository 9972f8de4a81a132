"""The products of the job store: which there are, who uses them, what they are together."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from geocrop_processes.service import products, reuse
from geocrop_processes.service.database import Database


class ProductStore:
    """The products of a deployment, a part of the job store.

    Args:
        database: where they are written down.

    Raises (each method):
        StoreUnavailable: the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def whole_of(self, digest: str) -> str | None:
        """The newest product of a digest that lacks nothing."""
        with self._database.read() as connection:
            row = reuse.whole_of(connection, digest)
        return row and row.product

    def partial_of(self, digest: str) -> Sequence[str]:
        """The products of a digest that lack blocks, the newest first."""
        with self._database.read() as connection:
            return reuse.partial_of(connection, digest)

    def in_use(self, product: str) -> bool:
        """Whether a successful job's results are the files of `results/<product>/`."""
        with self._database.read() as connection:
            return products.in_use(connection, product)

    def products_to_clean(self, job_id: str) -> Sequence[str]:
        """Whose files a closed job leaves behind: its own, and those that no successful job uses any more."""
        with self._database.read() as connection:
            return products.left_behind(connection, job_id)

    def items(  # noqa: PLR0913 - the filters of a STAC search
        self,
        *,
        collections: Sequence[str] | None = None,
        ids: Sequence[str] | None = None,
        bbox: Sequence[float] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        area: Any = None,
        condition: products.Condition | None = None,
        order: Sequence[Any] = (),
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[Sequence[dict[str, Any]], int]:
        """A page of the STAC items of products, the newest first, and how many there are.

        Args:
            collections: of these collections; of any where None.
            ids: of these ids; of any where None.
            bbox: that meet (west, south, east, north), degrees.
            start: that end then or later.
            end: that begin then or earlier.
            area: whose footprints meet this geometry, degrees.
            condition: for which this holds, of the columns of `published`.
            order: by these clauses first.
            limit: the most items of the page.
            offset: how many that come before to leave out.
        """
        asked = products.Search(collections, ids, bbox, start, end, area, condition, order)
        with self._database.read() as connection:
            return products.find(connection, asked, limit, offset)

    def item(self, job_id: str) -> dict[str, Any] | None:
        """The STAC item of a job's own product; None where there is none."""
        with self._database.read() as connection:
            return products.item_of(connection, job_id)

    def state_of_items(self) -> tuple[int, int, int]:
        """What is another after any change of the products that there are."""
        with self._database.read() as connection:
            return products.state(connection)

    def contents(self) -> products.Contents:
        """What all products are together."""
        with self._database.read() as connection:
            return products.contents(connection)
