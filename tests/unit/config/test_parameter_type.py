"""Nothing is converted: a value is of the declared type, or it is not."""

from typing import Any, get_args

import pytest

from shared.config.parameter_type import ParameterType, article, fits

OF_TYPES: dict[str, list[Any]] = {
    "string": ["", "5"],
    "int": [5, 0, -1, 5.0],
    "float": [5, 5.5],
    "bool": [True, False],
    "array": [[], [1]],
    "object": [{}, {"a": 1}],
}
VALUES: list[Any] = ["5", 5, 5.5, True, [], {}, None]


@pytest.mark.parametrize("declared", get_args(ParameterType))
def test_a_value_is_of_its_type_alone(declared: ParameterType) -> None:
    assert all(fits(value, declared) for value in OF_TYPES[declared])
    expected = {"string": 1, "int": 1, "float": 2, "bool": 1, "array": 1, "object": 1}
    assert sum(fits(value, declared) for value in VALUES) == expected[declared]


def test_without_a_type_every_value_will_do() -> None:
    assert all(fits(value, None) for value in VALUES)


def test_a_type_reads_as_a_word() -> None:
    assert [article("int"), article("string")] == ["an int", "a string"]
