"""Ways of using models: what people do with a response once they have it."""

import copy
import json

import pydantic
from pydantic import BaseModel, TypeAdapter

import at_client
from at_client.models.credit_response import CreditResponse
from at_client.models.error_response import ErrorResponse
from at_client.models.http_validation_error import HTTPValidationError
from support.facts import CREDITS
from ways.stage import api, serve, telling

REFUSED = {"detail": [{"loc": ["body", 0], "msg": "bad", "type": "value_error"}]}
credit = CreditResponse.from_dict(CREDITS)

# %% `model_dump()` and `model_dump_json()` of a response
print(
    api().get_credits_api_v1_credits_get().model_dump(),
    credit.model_dump_json(),
)

# %% `model_dump` with its usual arguments
print(
    credit.model_dump(by_alias=True, mode="json"),
    credit.model_dump(exclude_none=True, exclude={"period"}, exclude_unset=True),
)

# %% `model_dump(include=...)` with the names on the wire
print(credit.model_dump(include={"total_credits", "period"}))


# %% A response inside one's own model
class Report(BaseModel):
    credit: CreditResponse


report = Report(credit=api().get_credits_api_v1_credits_get())
print(
    report.model_dump(),
    report.model_dump_json(),
)


# %% One's own model read from JSON with a response in it
class Row(BaseModel):
    credit: CreditResponse | None = None


row = Row.model_validate_json(json.dumps({"credit": CREDITS}))
print(row.model_dump())

# %% `TypeAdapter(list[CreditResponse])`
many = TypeAdapter(list[CreditResponse])
print(
    many.dump_python([credit]),
    many.dump_json([credit]),
    many.validate_python([CREDITS]) == [credit],
)


# %% One's own model that inherits from a response
class Mine(CreditResponse):
    note: str = ""

    @property
    def share(self) -> float:
        return self.used_credits / self.total_credits


mine = Mine(**CREDITS, note="x")
print(
    mine.share,
    mine.model_dump()["note"],
    type(Mine.from_dict(CREDITS)).__name__,
)

# %% `to_dict()`
print(api().get_credits_api_v1_credits_get().to_dict())

# %% `to_json()`
print(credit.to_json())

# %% `to_str()`
print(credit.to_str())

# %% `to_dict()` leaves out what was not set, and keeps a null that was
print(
    ErrorResponse(detail="no").to_dict(),
    ErrorResponse(detail="no", code=None).to_dict(),
)

# %% `from_dict(None)` and `from_json("null")`
print(
    CreditResponse.from_dict(None),
    CreditResponse.from_json("null"),
)

# %% Made by hand from the names on the wire
print(CreditResponse(**CREDITS) == credit)

# %% An attribute set
credit.used_credits = 300
print(
    credit.used_credits,
    credit.model_dump()["used_credits"],
)

# %% An attribute set to what it cannot be
try:
    credit.used_credits = "many"
except ValueError as e:
    print(
        isinstance(e, pydantic.ValidationError),
        credit.used_credits,
    )

# %% `getattr` over the names on the wire
print(
    {name: getattr(credit, name) for name in CREDITS} == CREDITS,
    hasattr(credit, "nonsense"),
)

# %% Copies
for copied in (
    copy.copy(credit),
    copy.deepcopy(credit),
    credit.model_copy(),
):
    print(
        copied == credit,
        copied is credit,
    )

# %% `model_copy(update=...)`
changed = credit.model_copy(update={"used_credits": 3})
print(
    changed.used_credits,
    changed.to_dict()["used_credits"],
    credit.used_credits,
)

# %% Taken apart by `match`
match credit:
    case CreditResponse(remaining_credits=left):
        print(left)

# %% The JSON schema
print(sorted(CreditResponse.model_json_schema()["properties"]))

# %% `dict(response)` and `vars(response)`
print(
    "total_credits" in dict(credit),
    "total_credits" in vars(credit),
)

# %% `model_fields`
print(list(CreditResponse.model_fields)[:3])

# %% A field that the service has added
# better: New and missing fields -> x
serve(json.dumps({**CREDITS, "tier_note": "x"}).encode())
written = api().get_credits_api_v1_credits_get().to_dict()
print(written.get("tier_note"))

# %% A field that the service may leave out
# better: New and missing fields -> None
serve(b'{"total_credits": 1, "used_credits": 1, "remaining_credits": 0}')
with telling(ValueError):
    print(api().get_credits_api_v1_credits_get().free_credits)

# %% A whole number written as 1000.0
# better: Whole numbers -> 1000
serve(json.dumps({**CREDITS, "total_credits": 1000.0}).encode())
with telling(ValueError):
    print(api().get_credits_api_v1_credits_get().total_credits)

# %% The models of errors
error = ErrorResponse.from_dict({"detail": "no", "code": "E1", "errors": None})
print(
    error.to_dict(),
    ErrorResponse.from_json(error.to_json()) == error,
)
refused = HTTPValidationError.from_dict(REFUSED)
print(
    refused.detail[0].msg,
    refused.to_dict()["detail"][0]["loc"],
)

# %% Nulls in `to_dict()` that the service has not sent
# better: Nulls -> {'detail': 'no'}
print(ErrorResponse.from_dict({"detail": "no"}).to_dict())

# %% A validation error made by hand
made = at_client.ValidationError(loc=[], msg="bad", type="t", ctx={"a": 1})
print(made.to_json())
