"""The credits of one account."""

# No postponed annotations: pydantic would have to evaluate each of them.
from datetime import datetime, timedelta, timezone
from operator import attrgetter
from typing import Annotated, cast

from pydantic import BeforeValidator, Field

from at_client.exceptions import ApiValueError
from at_client.models.base import ApiModel, WholeNumber

WARN_AT, ALARM_AT = 0.75, 0.9
"""Parts of the total from which on a usage bar is yellow, and red."""


def _zone(name: str | None, offset: int | None) -> timezone:
    """Return the zone of an offset in seconds; a mere name, such as EST, is not the same zone on every machine."""
    if offset is None and name:
        raise ValueError(f"{name} is no offset")
    return timezone(timedelta(seconds=offset or 0))


def _twin(field: str) -> int:
    """Return a property that is another name of a field, and an `int` for type checkers."""
    doc = f"The same as `{field}`, by its name on the wire."
    return cast(
        "int",
        property(
            attrgetter(field),
            lambda model, value: setattr(model, field, value),
            doc=doc,
        ),
    )


class CreditResponse(ApiModel, populate_by_name=True, serialize_by_alias=True):
    """Credits of one account in the current period; written with the names on the wire.

    Attributes:
        total: Credits granted for the period, purchased ones included; `total_credits` on the wire.
        used: Credits spent in the period; `used_credits` on the wire.
        remaining: Credits left; `remaining_credits` on the wire.
        free_credits: Credits that come with the plan; `None` if the service does not say.
        purchased_credits: Credits bought on top of the plan; 0 if the service does not say.
        period: The period that the numbers are for, as the service writes it (such as `2026-11`).
        reset_date: When the next period starts, as the service writes it; `resets_at` is the same as a `datetime`.
        days_until_reset: Whole days until the next period.
        plan_tier: The plan of the account.

    Examples:
        >>> credits = CreditResponse(total=1000, used=250, remaining=750)
        >>> credits.remaining, credits.used_fraction
        (750, 0.25)
        >>> credits.to_dict()
        {'total_credits': 1000, 'used_credits': 250, 'remaining_credits': 750, 'purchased_credits': 0}
    """

    # No plain alias: type checkers would then ask for `CreditResponse(total_credits=...)`.
    total: WholeNumber = Field(
        validation_alias="total_credits", serialization_alias="total_credits"
    )
    used: WholeNumber = Field(
        validation_alias="used_credits", serialization_alias="used_credits"
    )
    remaining: WholeNumber = Field(
        validation_alias="remaining_credits", serialization_alias="remaining_credits"
    )
    free_credits: WholeNumber | None = None
    purchased_credits: Annotated[
        WholeNumber, BeforeValidator(lambda value: 0 if value is None else value)
    ] = 0
    period: str | None = None
    reset_date: str | None = None
    days_until_reset: WholeNumber | None = None
    plan_tier: str | None = None

    total_credits = _twin("total")
    used_credits = _twin("used")
    remaining_credits = _twin("remaining")

    @property
    def used_fraction(self) -> float:
        """The used part of the total, 0.0 to 1.0; 1.0 if anything is used of a total of 0."""
        return (
            0.0
            if self.used <= 0
            else 1.0
            if self.used >= self.total
            else self.used / self.total
        )

    def _repr_html_(self) -> str:
        """Return the card that Jupyter shows, in the notebook's colours: what is left, and a bar of what is used."""
        from html import escape  # only for notebooks

        fraction = self.used_fraction
        colour = (
            "#d64545"
            if fraction >= ALARM_AT
            else "#d99a00"
            if fraction >= WARN_AT
            else "#2e9e5b"
        )
        plan = f", {escape(self.plan_tier)} plan" if self.plan_tier else ""
        reset = f"<br/>Resets {escape(self.reset_date)}" if self.reset_date else ""
        used = f"{self.used:,} of {self.total:,} used ({int(fraction * 100)} %)"  # not 100 % before all is used
        bar = (
            f'<div style="width:{fraction:.1%};height:.6em;background:{colour}"></div>'
        )
        return (
            f'<div style="max-width:26em;line-height:1.6">Agent Toolkit credits{plan}<br/>'
            f'<b>{self.remaining:,}</b> left<div role="img" aria-label="{used}" style="border:1px solid #8888">'
            f"{bar}</div>{used}{reset}</div>"
        )

    @property
    def resets_at(self) -> datetime | None:
        """`reset_date` as an aware `datetime`, in UTC if it has no offset; `None` if there is no date.

        Raises:
            ApiValueError: `reset_date` is not a date.
        """
        if not self.reset_date:
            return None
        from dateutil import parser  # not needed to read the numbers

        try:
            return parser.parse(
                self.reset_date,
                default=datetime.fromtimestamp(0, timezone.utc),
                tzinfos=_zone,
            )
        except (ValueError, OverflowError) as error:
            raise ApiValueError(
                f"reset_date is not a date: {self.reset_date[:40]!r}"
            ) from error
