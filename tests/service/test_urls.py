"""The addresses that clients see."""

import pytest

from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import ServiceSettings, Settings


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (ServiceSettings(), "http://127.0.0.1:8000"),
        (ServiceSettings(host="::1", port=81), "http://[::1]:81"),
        (ServiceSettings(url="https://example.org/api/"), "https://example.org/api"),
    ],
)
def test_the_address_is_the_one_that_is_set_or_that_of_host_and_port(
    service: ServiceSettings, expected: str
) -> None:
    assert public_url(Settings(service=service)) == expected
