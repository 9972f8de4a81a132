"""Runs: what MLflow keeps of each training."""

from collections.abc import Callable, Mapping
from math import isfinite

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from geocrop_processes.errors import StorageUnavailable
from geocrop_processes.models.card import ModelCard
from geocrop_processes.registry.files import Place
from geocrop_processes.registry.records import RunRecord

EXPERIMENT = "geocrop"
"""The MLflow experiment that runs are kept in."""
THERE_ALREADY = "RESOURCE_ALREADY_EXISTS"
"""MLflow's code of an error: somebody else made it at the same time."""
_FOLDER = "model"
"""What a model's own files are under, among all that is kept of its training."""


class Runs:
    """The runs of a deployment.

    Args:
        client: MLflow's.
        place: where files lie, by their address.
        artifacts: where new runs keep their files: a folder or `s3://bucket`.
    """

    def __init__(self, client: MlflowClient, place: Callable[[str], Place], artifacts: str) -> None:
        self._client = client
        self._place = place
        self._artifacts = artifacts

    def keep(
        self, files: Mapping[str, bytes], card: ModelCard, record: RunRecord
    ) -> tuple[str, str]:
        """Keep a run with all its files; gives its id and the address of the model's.

        Raises:
            StorageUnavailable: the files cannot be stored; the run is kept as one that failed.
        """
        run = self._client.create_run(self._experiment(), run_name=card.name)
        run_id, address = run.info.run_id, run.info.artifact_uri
        try:
            self._place(address).write(
                {f"{_FOLDER}/{n}": content for n, content in files.items()} | dict(record.files)
            )
        except StorageUnavailable:
            self._client.set_terminated(run_id, "FAILED")
            raise
        parameters = {
            "seed": card.seed,
            "features": card.fingerprint,
            "table_sha256": card.table_sha256,
            **record.parameters,
        }
        now = int(run.info.start_time)
        figures = {**card.accuracy, **record.metrics}
        self._client.log_batch(
            run_id,
            metrics=[Metric(n, v, now, 0) for n, v in figures.items() if isfinite(v)],
            params=[Param(n, str(v)) for n, v in parameters.items()],
        )
        self._client.set_terminated(run_id)
        return run_id, f"{address}/{_FOLDER}"

    def read(self, run_id: str, path: str) -> bytes:
        """A file of a run, by its path.

        Raises:
            StorageUnavailable: there is no such file, or the store does not answer.
        """
        return self._place(str(self._client.get_run(run_id).info.artifact_uri)).read(path)

    def _experiment(self) -> str:
        """The id of the experiment, made where it is missing; another process may make it at the same time."""
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(
                self._client.create_experiment(EXPERIMENT, artifact_location=self._artifacts)
            )
        except MlflowException as error:
            if error.error_code != THERE_ALREADY:
                raise
            return self._experiment()
