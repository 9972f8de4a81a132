"""Colours for classes that came without any, told apart by people who see colours differently.

The first nine are the scheme "muted" of Paul Tol (Colour Schemes, SRON/EPS/TN/09-002, issue 3.2, 2021), the next
seven those of Okabe & Ito 2008 (Color Universal Design) without black. More classes than that no scheme tells apart:
they get the same colours, lighter or darker each time.
"""

SCHEME = (
    *("#88ccee", "#cc6677", "#ddcc77", "#117733", "#332288", "#aa4499", "#44aa99", "#999933"),
    *("#882255", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"),
)
"""`#rrggbb`, lower case."""


def colour(number: int) -> str:
    """The colour of the class of a number from 0, `#rrggbb`; no two of the first 254 are the same."""
    turn, place = divmod(number, len(SCHEME))
    base = SCHEME[place]
    # towards white and black in turns, further each time
    target, share = 255 * (turn % 2), (turn + 1) // 2 * 0.11
    channels = (int(base[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(c + (target - c) * share):02x}" for c in channels)
