"""The addresses that clients see."""

from geocrop_processes.settings import Settings


def public_url(settings: Settings) -> str:
    """The service's own address without a trailing slash: the setting's, or that of host and port."""
    configured = settings.service.url
    if configured is not None:
        return configured.rstrip("/")
    host = settings.service.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.service.port}"
