"""Where the files of a job lie, and what its results tell of them."""


def folder_of(job_id: str) -> str:
    """The prefix of the files of a job, in the bucket of results."""
    return f"results/{job_id}/"
