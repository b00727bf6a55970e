"""Every key of our files whose value is an address follows one rule."""

import jsonschema_rs
import pytest

from deckwatch.core.harmless_values import _iter_properties
from deckwatch.provisioning import schemas


def _address_schemas():
    """Return every key of all files whose value is an address, as a complete schema and resolved, by a name for it."""
    found = {}
    for kind, schema in schemas.build_schemas().items():
        for name, value in _iter_properties(schema):
            resolved = {**schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {}), **value}
            examples = [example for example in resolved.get("examples", ()) if isinstance(example, str)]
            examples += [resolved["default"]] if isinstance(resolved.get("default"), str) else []
            if "://" in "".join(examples) and "string" in str(resolved.get("type")):
                found[f"{kind} {name} {examples[0]}"] = ({**value, "$defs": schema["$defs"]}, resolved)
    return found


ADDRESSES = _address_schemas()


@pytest.mark.parametrize(("schema", "resolved"), ADDRESSES.values(), ids=list(ADDRESSES))
def test_every_key_with_an_address_rejects_secrets(schema, resolved) -> None:
    if resolved.get("writeOnly"):
        return  # no message prints any of it, and a connection string needs its user
    assert resolved.get("format") == "uri", "messages mask an address only if it is declared as one"
    validator = jsonschema_rs.Draft202012Validator(schema)
    example = (resolved.get("examples") or [resolved["default"]])[0]
    scheme = example.partition("://")[0].replace("unix", "http")
    assert validator.is_valid(example)
    for secret in (
        "me:hunter2@host/",
        "hunter2@host",
        "host/x?a=b&api_key=hunter2",
        "host/?TOKEN=hunter2",
        "h/?authToken=x",
    ):
        assert not validator.is_valid(f"{scheme}://{secret}"), secret
