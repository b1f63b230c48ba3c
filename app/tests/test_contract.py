"""What OpenAPI promises is what the running services do: schemathesis invents the requests."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stack.application import Application

EXAMPLES = 25
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def fuzz(application: Application, name: str) -> int:
    """The number of requests made."""
    url = application.instances[name].url
    schema: Any = schemathesis.openapi.from_url(f"{url}/openapi.json")
    return sum(fuzz_operation(application, url, result.ok()) for result in schema.get_all_operations())


def fuzz_operation(application: Application, url: str, operation: Any) -> int:
    count = 0

    @given(data=st.data())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(data: st.DataObject) -> None:
        nonlocal count
        case = data.draw(operation.as_strategy())
        case.headers = {**(case.headers or {}), "Authorization": application.api_key}
        case.call_and_validate(base_url=url, checks=CHECKS)
        count += 1

    check()
    return count


def test_the_catalogue_keeps_its_contract(application: Application) -> None:
    assert fuzz(application, "catalog-1") >= 2 * EXAMPLES


def test_orders_keep_their_contract(application: Application) -> None:
    assert fuzz(application, "orders-1") >= 4 * EXAMPLES
