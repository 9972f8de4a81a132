"""Every requirement of OGC API - Processes - Part 1: Core 1.0 (18-062r2), and the tests that show that it holds.

The names are those of the requirements in the published standard, and of the abstract tests of its annex A.
"""

from collections.abc import Mapping

REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "/req/core/landingpage-op": (
        "standard/test_core.py::test_the_landing_page_links_to_what_the_standard_names",
    ),
    "/req/core/landingpage-success": (
        "standard/test_core.py::test_the_landing_page_links_to_what_the_standard_names",
        "standard/test_walk.py::test_a_client_finds_its_way_from_the_landing_page_to_a_map",
    ),
    "/req/core/api-definition-op": (
        "standard/test_core.py::test_every_definition_of_the_api_that_is_linked_to_is_there",
    ),
    "/req/core/api-definition-success": (
        "standard/test_core.py::test_every_definition_of_the_api_that_is_linked_to_is_there",
    ),
    "/req/core/conformance-op": ("standard/test_core.py::test_conformance_names_the_classes",),
    "/req/core/conformance-success": ("standard/test_core.py::test_conformance_names_the_classes",),
    "/req/core/http": ("standard/test_walk.py::test_http_1_1_is_spoken",),
    "/req/core/process-list": (
        "standard/test_core.py::test_the_list_of_processes_has_pages_and_says_where_else_it_is",
    ),
    "/req/core/process-list-success": (
        "standard/test_core.py::test_the_list_of_processes_has_pages_and_says_where_else_it_is",
    ),
    "/req/core/pl-limit-definition": (
        "standard/test_core.py::test_the_list_of_processes_has_pages_and_says_where_else_it_is",
    ),
    "/req/core/pl-limit-response": (
        "standard/test_core.py::test_the_list_of_processes_has_pages_and_says_where_else_it_is",
    ),
    "/req/core/pl-links": (
        "standard/test_core.py::test_the_list_of_processes_has_pages_and_says_where_else_it_is",
    ),
    "/req/core/process": ("standard/test_core.py::test_a_description_is_one_by_the_ogcs_schemas",),
    "/req/core/process-success": (
        "standard/test_core.py::test_a_description_is_one_by_the_ogcs_schemas",
    ),
    "/req/core/process-exception/no-such-process": (
        "standard/test_core.py::test_a_process_that_is_not_there_is_no_such_process",
    ),
    "/req/core/test-process": (
        "standard/test_core.py::test_the_echo_is_what_the_standards_test_suite_needs",
    ),
    "/req/core/process-execute-op": (
        "standard/test_core.py::test_without_a_preference_a_process_answers_at_once_where_it_can",
    ),
    "/req/core/process-execute-request": (
        "standard/test_walk.py::test_an_execution_at_once_walks_to_its_results",
        "standard/test_walk.py::test_every_error_is_a_problem_document",
    ),
    "/req/core/process-execute-default-execution-mode": (
        "standard/test_core.py::test_without_a_preference_a_process_answers_at_once_where_it_can",
    ),
    "/req/core/process-execute-auto-execution-mode": (
        "standard/test_core.py::test_a_job_that_is_preferred_is_made",
        "standard/test_core.py::test_a_job_that_takes_longer_than_the_client_waits_is_told_of",
        "test_negotiation.py::test_preferences_are_found",
    ),
    "/req/core/process-execute-default-outputs": (
        "standard/test_results.py::test_all_outputs_are_given_where_none_is_named",
    ),
    "/req/core/process-execute-inputs": (
        "standard/test_core.py::test_inputs_are_taken_by_value_and_as_qualified_values",
        "test_referenced.py::test_every_input_of_an_echo_is_taken_by_reference",
        "worker/test_given_files.py::test_a_file_is_fetched_and_kept_under_its_checksum",
    ),
    "/req/core/process-execute-input-array": (
        "standard/test_core.py::test_no_input_takes_several_values_but_as_an_array",
    ),
    "/req/core/process-execute-input-inline-object": (
        "standard/test_core.py::test_inputs_are_taken_by_value_and_as_qualified_values",
        "standard/test_core.py::test_a_kind_of_several_is_told_by_the_media_type_of_a_qualified_value",
    ),
    "/req/core/process-execute-input-mixed-type": (
        "standard/test_core.py::test_a_kind_of_several_is_told_by_the_media_type_of_a_qualified_value",
    ),
    "/req/core/process-execute-input-inline-bbox": (
        "standard/test_core.py::test_inputs_are_taken_by_value_and_as_qualified_values",
        "test_referenced.py::test_a_box_that_is_none_is_refused_inline_and_by_reference",
    ),
    "/req/core/process-execute-input-inline-binary": (
        "standard/test_core.py::test_inputs_are_taken_by_value_and_as_qualified_values",
    ),
    "/req/core/process-execute-input-validation": (
        "standard/test_core.py::test_an_input_that_is_not_as_described_is_refused_and_named",
        "test_referenced.py::test_what_is_no_value_is_refused_with_its_input_and_address",
        "worker/test_given_files.py::test_a_fetched_file_that_cannot_be_used_fails_the_job_in_the_same_words",
    ),
    "/req/core/process-execute-success-async": (
        "standard/test_core.py::test_a_job_that_is_preferred_is_made",
    ),
    "/req/core/process-execute-sync-document": (
        "standard/test_results.py::test_a_document_holds_values_and_references",
    ),
    "/req/core/process-execute-sync-raw-value-one": (
        "standard/test_results.py::test_one_raw_output_of_an_execution_at_once_is_its_value",
    ),
    "/req/core/process-execute-sync-raw-value-multi": (
        "standard/test_results.py::test_several_raw_outputs_of_an_execution_at_once_come_in_parts",
    ),
    # references are not offered of an execution at once: what is asked for so is refused
    "/req/core/process-execute-sync-raw-ref": (
        "standard/test_results.py::test_a_mode_or_format_that_is_not_offered_is_refused",
    ),
    "/req/core/process-execute-sync-raw-mixed-multi": (
        "standard/test_results.py::test_a_mode_or_format_that_is_not_offered_is_refused",
    ),
    "/req/core/job": ("standard/test_jobs.py::test_a_job_s_status_is_status_info",),
    "/req/core/job-success": ("standard/test_jobs.py::test_a_job_s_status_is_status_info",),
    "/req/core/job-exception-no-such-job": (
        "standard/test_jobs.py::test_an_unknown_job_is_no_such_job",
    ),
    "/req/core/job-results": (
        "standard/test_results.py::test_a_document_holds_values_and_references",
    ),
    "/req/core/job-results-success-sync": (
        "standard/test_core.py::test_a_job_that_ends_while_the_client_waits_is_answered_with_its_results",
    ),
    "/req/core/job-results-async-document": (
        "standard/test_results.py::test_a_document_holds_values_and_references",
        "standard/test_results.py::test_a_document_holds_files_where_they_are_asked_for_by_value",
    ),
    "/req/core/job-results-async-raw-value-one": (
        "standard/test_results.py::test_one_raw_output_is_its_bytes_with_ranges_and_a_checksum",
    ),
    "/req/core/job-results-async-raw-value-multi": (
        "standard/test_results.py::test_several_raw_outputs_come_in_parts",
    ),
    "/req/core/job-results-async-raw-ref": (
        "standard/test_results.py::test_raw_references_are_links_without_a_body",
    ),
    "/req/core/job-results-async-raw-mixed-multi": (
        "standard/test_results.py::test_raw_references_and_values_are_mixed_in_parts",
    ),
    "/req/core/job-results-exception/no-such-job": (
        "standard/test_jobs.py::test_an_unknown_job_is_no_such_job",
    ),
    "/req/core/job-results-exception/results-not-ready": (
        "standard/test_jobs.py::test_results_of_a_running_job_are_not_ready",
    ),
    "/req/core/job-results-failed": (
        "standard/test_jobs.py::test_results_of_a_failed_job_are_the_reason",
    ),
    "/req/ogc-process-description/json-encoding": (
        "standard/test_core.py::test_a_description_is_one_by_the_ogcs_schemas",
    ),
    "/req/ogc-process-description/inputs-def": (
        "standard/test_core.py::test_a_description_is_one_by_the_ogcs_schemas",
    ),
    "/req/ogc-process-description/input-def": (
        "standard/test_core.py::test_a_description_is_one_by_the_ogcs_schemas",
        "standard/test_core.py::test_an_input_that_is_not_as_described_is_refused_and_named",
    ),
    "/req/ogc-process-description/input-binary": (
        "standard/test_core.py::test_inputs_are_taken_by_value_and_as_qualified_values",
    ),
    "/req/ogc-process-description/input-mixed-type": (
        "standard/test_core.py::test_what_can_be_of_several_kinds_is_described_by_one_of",
    ),
    "/req/ogc-process-description/outputs-def": (
        "standard/test_core.py::test_a_description_is_one_by_the_ogcs_schemas",
    ),
    "/req/ogc-process-description/output-def": (
        "standard/test_core.py::test_a_description_is_one_by_the_ogcs_schemas",
    ),
    "/req/ogc-process-description/output-mixed-type": (
        "standard/test_core.py::test_what_can_be_of_several_kinds_is_described_by_one_of",
    ),
    "/req/json/definition": (
        "standard/test_core.py::test_json_is_given_where_nothing_is_asked_for",
    ),
    "/req/html/definition": (
        "standard/test_pages_and_definition.py::test_every_answer_is_a_page_where_one_is_asked_for",
    ),
    "/req/html/content": (
        "standard/test_pages_and_definition.py::test_a_page_holds_every_link_of_its_json",
        "test_pages.py::test_a_page_says_all_that_the_json_says_and_has_its_links",
    ),
    "/req/oas30/oas-definition-1": (
        "test_openapi.py::test_it_is_served_as_json_and_yaml",
        "test_openapi.py::test_people_see_it_by_files_of_the_service",
    ),
    "/req/oas30/oas-definition-2": ("test_openapi.py::test_it_is_valid_openapi_3_0",),
    "/req/oas30/oas-impl": (
        "standard/test_pages_and_definition.py::test_every_path_of_the_definition_is_there",
    ),
    "/req/oas30/completeness": ("test_openapi.py::test_every_operation_says_what_it_is",),
    "/req/oas30/exceptions-codes": ("test_openapi.py::test_problems_are_problem_documents",),
    "/req/oas30/security": (
        "standard/test_pages_and_definition.py::test_no_operation_is_access_controlled_or_says_so",
    ),
    "/req/job-list/job-list-op": (
        "standard/test_jobs.py::test_jobs_are_listed_in_pages_that_lead_to_each_other",
    ),
    "/req/job-list/job-list-success": (
        "standard/test_jobs.py::test_jobs_are_listed_in_pages_that_lead_to_each_other",
    ),
    "/req/job-list/links": (
        "standard/test_jobs.py::test_jobs_are_listed_in_pages_that_lead_to_each_other",
    ),
    "/req/job-list/limit-definition": (
        "standard/test_jobs.py::test_jobs_are_listed_in_pages_that_lead_to_each_other",
        "standard/test_jobs.py::test_a_filter_that_cannot_be_used_is_refused_and_named",
    ),
    "/req/job-list/limit-response": (
        "standard/test_jobs.py::test_jobs_are_listed_in_pages_that_lead_to_each_other",
    ),
    "/req/job-list/processID-mandatory": (
        "standard/test_jobs.py::test_a_job_s_status_is_status_info",
        "standard/test_jobs.py::test_jobs_are_listed_in_pages_that_lead_to_each_other",
    ),
    "/req/job-list/processID-definition": (
        "standard/test_jobs.py::test_jobs_are_filtered_by_process_status_and_type",
    ),
    "/req/job-list/processid-response": (
        "standard/test_jobs.py::test_jobs_are_filtered_by_process_status_and_type",
    ),
    "/req/job-list/status-definition": (
        "standard/test_jobs.py::test_jobs_are_filtered_by_process_status_and_type",
        "standard/test_jobs.py::test_a_filter_that_cannot_be_used_is_refused_and_named",
    ),
    "/req/job-list/status-response": (
        "standard/test_jobs.py::test_jobs_are_filtered_by_process_status_and_type",
    ),
    "/req/job-list/type-definition": (
        "standard/test_jobs.py::test_jobs_are_filtered_by_process_status_and_type",
        "standard/test_jobs.py::test_a_filter_that_cannot_be_used_is_refused_and_named",
    ),
    "/req/job-list/type-response": (
        "standard/test_jobs.py::test_jobs_are_filtered_by_process_status_and_type",
    ),
    "/req/job-list/datetime-definition": (
        "standard/test_jobs.py::test_jobs_are_filtered_by_when_they_were_created",
        "standard/test_jobs.py::test_a_filter_that_cannot_be_used_is_refused_and_named",
    ),
    "/req/job-list/datetime-response": (
        "standard/test_jobs.py::test_jobs_are_filtered_by_when_they_were_created",
    ),
    "/req/job-list/duration-definition": (
        "standard/test_jobs.py::test_jobs_are_filtered_by_how_long_they_ran",
        "standard/test_jobs.py::test_a_filter_that_cannot_be_used_is_refused_and_named",
    ),
    # the standard names it `status-response` by mistake, its abstract test as here
    "/req/job-list/duration-response": (
        "standard/test_jobs.py::test_jobs_are_filtered_by_how_long_they_ran",
    ),
    "/req/callback/job-callback": (
        "test_callbacks.py::test_a_request_over_http_has_its_subscriber_told",
        "test_callbacks.py::test_a_successful_job_is_told_with_its_results_and_a_signature",
        "test_callbacks.py::test_a_failed_job_is_told_with_its_reason",
        "test_callbacks.py::test_progress_is_told_while_there_is_some_and_only_then",
    ),
    "/req/dismiss/job-dismiss-op": (
        "standard/test_jobs.py::test_a_running_job_that_is_dismissed_stops_and_stays_readable",
    ),
    "/req/dismiss/job-dismiss-success": (
        "standard/test_jobs.py::test_a_running_job_that_is_dismissed_stops_and_stays_readable",
    ),
}
"""Of each requirement, the tests under `tests/service`."""

COUNTS: Mapping[str, int] = {
    "core": 47,
    "ogc-process-description": 8,
    "json": 1,
    "html": 2,
    "oas30": 6,
    "job-list": 16,
    "callback": 1,
    "dismiss": 2,
}
"""How many requirements each class of the standard has."""

DRAFT_2_0: Mapping[str, tuple[str, ...]] = {
    "/req/core/job-result-op": (
        "standard/test_results.py::test_one_output_is_given_as_it_is_however_it_was_to_be_told",
    ),
    "/req/core/job-results-param-outputs": (
        "standard/test_results.py::test_some_of_the_outputs_are_given",
    ),
    "/req/core/job-results-param-outputs-response": (
        "standard/test_results.py::test_some_of_the_outputs_are_given",
    ),
    "/req/core/job-results-exception/invalid-query-parameter-value": (
        "standard/test_results.py::test_some_of_the_outputs_are_given",
    ),
    "/req/core/job-results-exception-no-such-output": (
        "standard/test_results.py::test_one_output_is_given_as_it_is_however_it_was_to_be_told",
    ),
}
"""What is taken from the draft of version 2.0, likewise."""

RENAMED: Mapping[str, str] = {
    "/conf/core/job-op": "/req/core/job",
    "/conf/core/job-results-sync": "/req/core/job-results-success-sync",
    "/conf/core/job-results-exception-no-such-job": "/req/core/job-results-exception/no-such-job",
    "/conf/core/job-results-exception-results-not-ready": "/req/core/job-results-exception/results-not-ready",
    "/conf/core/process-exception-no-such-process": "/req/core/process-exception/no-such-process",
    "/conf/core/job-creation-input-inline": "/req/core/process-execute-inputs",
    "/conf/core/job-creation-input-ref": "/req/core/process-execute-inputs",
    "/conf/core/job-creation-input-inline-mixed": "/req/core/process-execute-input-mixed-type",
    "/conf/core/job-creation-success-async": "/req/core/process-execute-success-async",
    "/conf/job-list/processID-response": "/req/job-list/processid-response",
}
"""Abstract tests whose names are not made of their requirements'."""

ABSTRACT_TESTS: tuple[str, ...] = (
    *(
        f"/conf/core/{name}"
        for name in (
            *(
                "landingpage-op",
                "landingpage-success",
                "api-definition-op",
                "api-definition-success",
            ),
            *(
                "conformance-op",
                "conformance-success",
                "http",
                "process-list",
                "process-list-success",
            ),
            *("pl-limit-definition", "pl-limit-response", "pl-links", "process", "process-success"),
            *("process-exception-no-such-process", "job-creation-op", "job-creation-request"),
            *("job-creation-default-execution-mode", "job-creation-auto-execution-mode"),
            *("job-creation-default-outputs", "job-creation-inputs", "job-creation-input-array"),
            *(
                "job-creation-input-inline",
                "job-creation-input-ref",
                "job-creation-input-validation",
            ),
            *("job-creation-input-inline-bbox", "job-creation-input-inline-binary"),
            *("job-creation-input-inline-mixed", "job-creation-input-inline-object"),
            *("job-creation-success-async", "job-creation-sync-document"),
            *("job-creation-sync-raw-mixed-multi", "job-creation-sync-raw-ref"),
            *("job-creation-sync-raw-value-multi", "job-creation-sync-raw-value-one"),
            *(
                "job-op",
                "job-success",
                "job-exception-no-such-job",
                "job-results",
                "job-results-sync",
            ),
            *("job-results-async-document", "job-results-async-raw-mixed-multi"),
            *("job-results-async-raw-ref", "job-results-async-raw-value-multi"),
            *("job-results-async-raw-value-one", "job-results-exception-no-such-job"),
            *("job-results-exception-results-not-ready", "job-results-failed"),
        )
    ),
    *(
        f"/conf/ogc-process-description/{name}"
        for name in (
            *("input-def", "input-mixed-type", "inputs-def", "json-encoding"),
            *("output-def", "output-mixed-type", "outputs-def"),
        )
    ),
    "/conf/json/definition",
    *(f"/conf/html/{name}" for name in ("content", "definition")),
    *(
        f"/conf/oas30/{name}"
        for name in (
            *("completeness", "oas-definition-1", "oas-definition-2", "exceptions-codes"),
            *("oas-impl", "security"),
        )
    ),
    *(
        f"/conf/job-list/{name}"
        for name in (
            *("datetime-definition", "datetime-response", "duration-definition"),
            *("duration-response", "limit-definition", "limit-response", "links", "job-list-op"),
            *("processID-definition", "processID-mandatory", "processID-response"),
            *("status-definition", "status-response", "job-list-success", "type-definition"),
            "type-response",
        )
    ),
    "/conf/callback/job-callback",
    *(f"/conf/dismiss/{name}" for name in ("job-dismiss-op", "job-dismiss-success")),
)
"""The abstract tests of annex A."""


def requirement_of(abstract_test: str) -> str:
    """What an abstract test shows."""
    if abstract_test in RENAMED:
        return RENAMED[abstract_test]
    return abstract_test.replace("/conf/", "/req/", 1).replace(
        "/job-creation-", "/process-execute-", 1
    )
