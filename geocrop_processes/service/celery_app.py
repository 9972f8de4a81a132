"""`celery -A geocrop_processes.service.celery_app worker`: the worker of the deployment's settings."""

from geocrop_processes.service.worker import create_worker
from geocrop_processes.settings import Settings

app = create_worker(Settings.read())
