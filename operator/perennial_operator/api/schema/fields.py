"""How a field of the API is declared: a default, a sentence, and its JSON-schema rules.

The CRDs are generated from these declarations (`api.schema`), so each rule exists once.
"""

from dataclasses import MISSING, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Cel:
    """One CEL rule: `rule` over `self`, the `message` that says what to write instead.

    Rules over several fields stand in a class's `RULES`; `field_path` (like `.canary`) then
    names the field at fault.
    """

    rule: str
    message: str
    field_path: str = ""
    reason: str = "FieldValueInvalid"


def spec(
    doc: str,
    *,
    default: Any = MISSING,  # noqa: ANN401  # like dataclasses.field
    cel: tuple[Cel, ...] = (),
    raw: dict[str, Any] | None = None,
    list_type: str = "atomic",
    **rules: Any,  # noqa: ANN401  # JSON-schema keywords as they are named there
) -> Any:  # noqa: ANN401  # like dataclasses.field
    """Declare a field: `rules` are JSON-schema keywords, `raw` replaces the derived schema.

    A default here is the planner's and is not written into the schema (values stay as users
    wrote them). `list_type` is `atomic`, `set`, or `map:` and the key of the items.
    """
    metadata = {"doc": doc, "rules": rules, "cel": cel, "raw": raw, "list_type": list_type}
    if default is MISSING:
        return field(metadata=metadata)
    if default == {}:  # dataclasses refuse a shared dict, rightly
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)
