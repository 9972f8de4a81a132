"""Where compiled kernels are kept for the workers that tests start: each would compile them anew, for half a minute."""

from pathlib import Path

KERNELS = Path(__file__).parents[1] / ".geocrop" / "cache" / "kernels"
"""One folder for all; numba looks whether the sources are still those that it has compiled."""
