"""`celery -A geocrop_processes.service.celery_app worker`: the worker of the deployment's settings."""

from geocrop_processes.service.beginning import begun
from geocrop_processes.service.worker import create_worker

app = create_worker(begun())
