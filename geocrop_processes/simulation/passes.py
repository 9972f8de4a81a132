"""When Sentinel-2 passes: two orbits, five days each, over one season, with some passes missing."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from geocrop_processes.domain.season import Season
from geocrop_processes.simulation.weather import DAYS

REVISIT_DAYS = 5
"""Two satellites of the same orbit, ten days each."""
_MISSING = 0.05
"""Share of passes of which nothing was delivered."""


@dataclass(frozen=True)
class Acquisition:
    """One pass of one satellite."""

    number: int
    """Counts all passes of both orbits in a season; the seed of this pass's clouds and noise."""
    when: datetime
    """UTC, aware."""
    dos: int
    """Days since 1 September, by the calendar without 29 February."""
    platform: str
    """`sentinel-2a` or `sentinel-2b`."""
    orbit: int
    """The relative orbit: 92 sees the whole place, 135 a part of it."""

    @property
    def partial(self) -> bool:
        """Whether the swath ends within the place."""
        return self.orbit == 135


def passes(season: Season, rng: np.random.Generator) -> list[Acquisition]:
    """All passes that were delivered, by time."""
    first = int(rng.integers(0, REVISIT_DAYS))
    second = (first + int(rng.integers(2, 4))) % REVISIT_DAYS
    found = []
    number = 0
    for orbit, start, clock in ((92, first, time(8, 17)), (135, second, time(8, 7))):
        for turn, day in enumerate(range(start, (season.last_day - season.start).days + 1, 5)):
            day_of = season.start + timedelta(days=day)
            second_of = int(rng.integers(0, 300))
            when = datetime.combine(day_of, clock, UTC) + timedelta(seconds=second_of)
            platform = "sentinel-2a" if (turn + orbit) % 2 else "sentinel-2b"
            if rng.random() >= _MISSING:
                found.append(Acquisition(number, when, dos(day_of, season), platform, orbit))
            number += 1
    return sorted(found, key=lambda a: a.when)


def dos(day: date, season: Season) -> int:
    """Days since 1 September; 29 February counts as 28 February."""
    days = (day - season.start).days
    leap = date(season.year + 1, 3, 1) - season.start == timedelta(days=182)
    after = leap and days >= 181
    return min(days - after, DAYS - 1)
