"""Models: save, promote, roll back, list, load. MLflow remembers them; members are stored in native formats only.

A registered version's files are one per member (`xgboost.ubj`, `lightgbm.txt`, `catboost.cbm`), `calibration.json`
where their votes are not counted as they are, `applicability.npz` where its area of applicability is known, the same
again in a folder per as-of date (`as-of-12-31/`), `card.json`, and `checksums.json` with the SHA-256 of each of them,
which a load verifies. Nothing is ever unpickled: a pickle runs whatever code its author wrote.
"""

import os

# MLflow reports its use to its makers unless told not to, and reads this once, on import
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# its own number of retries keeps whoever waits for a dead server waiting for minutes
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
# that it makes its tables is no news to whoever makes a map
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

from geocrop_processes.registry.names import PRODUCTION
from geocrop_processes.registry.records import Learned, ModelEntry, Move, RegisteredModel, RunRecord
from geocrop_processes.registry.registry import Registry
from geocrop_processes.registry.runs import EXPERIMENT

__all__ = [
    "EXPERIMENT",
    "PRODUCTION",
    "Learned",
    "ModelEntry",
    "Move",
    "RegisteredModel",
    "Registry",
    "RunRecord",
]
