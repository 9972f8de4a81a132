"""Objects in buckets: a folder with one folder per bucket, or any S3.

The buckets and their layouts are a contract between all parts of a deployment:

    geocrop-models/      the registry's artefacts: native model files and their cards
    geocrop-baselines/   dw/zim/summer/...  Dynamic World baselines
    geocrop-results/     results/<job_id>/...  published products; .../blocks/ checkpoints
    geocrop-datasets/    training tables, uploads/, features/

    entry.py      what is told of objects when they are listed
    refusals.py   what goes wrong, in sentences
    folder.py     a folder with one folder per bucket
    client.py     boto3's client as the store needs it
    s3.py         the buckets of an S3 server
    store.py      the store of a deployment, whichever it is
    rasters.py    its rasters, opened by GDAL
    scratch.py    temporary files of a process
"""

from geocrop_processes.storage.store import (
    BASELINES,
    BUCKETS,
    DATASETS,
    MODELS,
    RESULTS,
    Storage,
    result_key,
)

__all__ = ["BASELINES", "BUCKETS", "DATASETS", "MODELS", "RESULTS", "Storage", "result_key"]
