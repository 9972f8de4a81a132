"""What the domain has to say of each process's inputs, once they are as the process description wants them."""

from collections.abc import Callable, Mapping
from typing import Any

from geocrop_processes.service.checks import assessment, maps, samples, training
from geocrop_processes.service.checks.desk import Desk

Check = Callable[[dict[str, Any], Desk], dict[str, Any]]
"""Values as their schemas want them -> values that can be worked with; raises a problem that names the input."""

CHECK_OF: Mapping[str, Check] = {
    "crop-classification": maps.check,
    "sample-extraction": samples.check,
    "model-training": training.check,
    "feature-extraction": maps.check_place_and_season,
    "accuracy-assessment": assessment.check,
}
"""By process; any other one's inputs are as their schemas say."""
