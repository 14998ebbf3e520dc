"""The queries of infra/queries, as Microsoft's language service for Kusto reads them."""

import re
from functools import cache
from typing import Final

import pytest

from local.kusto import language
from local.kusto.language import Checked
from shared.kernel.cloud_error import Code
from shared.runs.record import Reason
from shared.runs.result import ResultStatus
from tests import log_lines
from tests.infra.azure_tables import TABLES
from tests.infra.checks_of_alerts import LOG_ALERTS
from tests.infra.scenarios import expand

FILES: Final = {path.name: path.read_text() for path in sorted(log_lines.QUERIES.glob("*.kql"))}
WORDS: Final = {"code": Code, "reason": Reason, "status": ResultStatus}
BROKEN: Final = {
    "column": "AppTraces | where Mesage == ''",
    "table": "AppTrace | take 1",
    "function": "AppTraces | extend size = strlen(Message, 1)",
    "operator": "AppTraces | filtr Message == ''",
    "keyword as a name": "AppTraces | summarize last = max(TimeGenerated) | order by last",
    "field that was not read": 'AppTraces | parse-kv Message as (a: long) with (pair_delimiter=" ", kv_delimiter="=") | project b',
}


@cache
def checked() -> dict[str, Checked]:
    return language.check(TABLES, FILES | BROKEN)


@pytest.mark.parametrize("name", FILES)
def test_a_query_is_sound(name: str) -> None:
    assert checked()[name].faults == ()
    assert checked()[name].columns


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_found(name: str) -> None:
    assert checked()[name].faults


@pytest.mark.parametrize("name", FILES)
def test_a_query_begins_with_its_question(name: str) -> None:
    assert re.match(r"// [A-Z][^\n]*\?", FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_a_query_compares_with_words_that_there_are(name: str) -> None:
    for part in log_lines.parts(FILES[name]):
        for field, values in (*part.values.items(), *part.others.items()):
            assert values <= {word.value for word in WORDS[field]}, field


def test_alerts_measure_columns_of_their_queries() -> None:
    by_text = {text: name for name, text in FILES.items()}
    for alert in expand(log_lines.ROOT).deployments["least"].of_type(LOG_ALERTS):
        (criterion,) = alert.body["properties"]["criteria"]["allOf"]
        columns = checked()[by_text[criterion["query"]]].columns
        measure = criterion["metricMeasureColumn"]
        assert measure is None or columns[measure] in {"long", "int", "real"}
