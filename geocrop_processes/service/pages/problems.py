"""Problems as those who ask want to read them."""

from fastapi import Request, Response

from geocrop_processes.service.negotiation import wants_html
from geocrop_processes.service.pages import page
from geocrop_processes.service.problems import Problem


def problem_page(request: Request, problem: Problem) -> Response:
    """A problem as a page, where one is asked for; else as a problem document."""
    try:
        is_page = wants_html(request)
    except Problem:
        is_page = False
    if not is_page:
        return problem.response()
    return page(
        request,
        "problem.html",
        status=problem.status,
        headers=problem.headers,
        document=problem.document(),
    )
