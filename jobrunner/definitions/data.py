"""How a job's data is checked: a model of pydantic, made of the function's parameters."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from jobrunner.errors import InvalidJobData, nearest


class DataModel:
    """What the parameters of a job's function allow."""

    def __init__(self, name: str, function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]) -> None:
        from pydantic import ConfigDict, create_model  # not before it is needed

        self._name = name
        self._parameters = list(parameters)
        hints = inspect.get_annotations(function, eval_str=True)
        fields: dict[str, Any] = {
            # Positional names, since pydantic reserves some that are fine as parameters.
            f"p{place}": (hints.get(parameter, Any), _field(parameter, kind))
            for place, (parameter, kind) in enumerate(parameters.items())
        }
        self._model = create_model(name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields)

    def arguments(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the function's arguments for a job's data.

        Raises:
            InvalidJobData: names the field that is missing, unknown or of the wrong type.
        """
        from pydantic import ValidationError

        try:
            valid = self._model.model_validate(data)
        except ValidationError as error:
            raise InvalidJobData(f"{self._name}: {self._first_fault(error)}") from None
        return {name: getattr(valid, f"p{place}") for place, name in enumerate(self._parameters)}

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        schema: dict[str, Any] = self._model.model_json_schema(by_alias=True)
        return schema

    def _first_fault(self, error: Any) -> str:
        faults = error.errors(include_url=False)
        fault = faults[0]
        place = self._place(fault)
        match fault["type"]:
            case "missing":
                # What is missing may be there under a name that is misspelt.
                unknown = [self._unknown(other) for other in faults if other["type"] == "extra_forbidden"]
                return " and ".join([f"{place!r} is missing", *unknown[:1]])
            case "extra_forbidden":
                return self._unknown(fault)
        # As Python writes it, so that 5 and '5' are told apart: that may be all that is wrong.
        return f"{place!r}: {fault['msg'].lower()}, got {fault['input']!r:.82}"

    def _place(self, fault: Any) -> str:
        names = self._parameters
        return ".".join(names[int(p[1:])] if re.fullmatch(r"p\d+", str(p)) else str(p) for p in fault["loc"])

    def _unknown(self, fault: Any) -> str:
        place = self._place(fault)
        return f"{place!r} is no parameter of it{nearest(place, self._parameters)}"


def _field(name: str, parameter: inspect.Parameter) -> Any:
    from pydantic import Field

    default = ... if parameter.default is parameter.empty else parameter.default
    return Field(default, alias=name)
