"""The credits of one account."""

# No postponed annotations: pydantic would have to evaluate each of them.
from datetime import datetime, timedelta, timezone
from typing import Annotated

from pydantic import BeforeValidator, Field

from at_client.exceptions import ApiValueError
from at_client.models.base import ApiModel, WholeNumber

WARN_AT, ALARM_AT = 0.75, 0.9
"""Parts of the total from which on a usage bar is yellow, and red."""


def _zero_if_null(value: object) -> object:
    return 0 if value is None else value


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
"""What a date without a part takes it from."""


def _zone(name: str | None, offset: int | None) -> timezone:
    """Make the zone of an offset, in seconds; none at all means UTC.

    Raises:
        ValueError: There is a mere name, such as EST, which means something else on another machine.
    """
    if offset is None and name is not None:
        raise ValueError(f"{name} is no offset")
    return timezone(timedelta(seconds=offset or 0))


class CreditResponse(ApiModel):
    """Credits of one account in the current period.

    Examples:
        >>> credits = CreditResponse(total=1000, used=250, remaining=750)
        >>> credits.remaining, credits.used_fraction
        (750, 0.25)
        >>> credits.to_dict()
        {'total_credits': 1000, 'used_credits': 250, 'remaining_credits': 750, 'purchased_credits': 0}
    """

    # No plain alias: type checkers would then ask for `CreditResponse(total_credits=...)`.
    total: WholeNumber = Field(validation_alias="total_credits", serialization_alias="total_credits")
    """Credits granted for the period, purchased ones included; `total_credits` on the wire."""

    used: WholeNumber = Field(validation_alias="used_credits", serialization_alias="used_credits")
    """Credits spent in the period; `used_credits` on the wire."""

    remaining: WholeNumber = Field(validation_alias="remaining_credits", serialization_alias="remaining_credits")
    """Credits left; `remaining_credits` on the wire."""

    free_credits: WholeNumber | None = None
    """Credits that come with the plan; `None` if the service does not say."""

    purchased_credits: Annotated[WholeNumber, BeforeValidator(_zero_if_null)] = 0
    """Credits bought on top of the plan; 0 if the service does not say."""

    period: str | None = None
    """The period that the numbers are for, as the service writes it (such as `2026-11`)."""

    reset_date: str | None = None
    """When the next period starts, as the service writes it; `resets_at` is the same as a `datetime`."""

    days_until_reset: WholeNumber | None = None
    """Whole days until the next period."""

    plan_tier: str | None = None
    """The plan of the account."""

    @property
    def total_credits(self) -> int:
        """The name of `total` on the wire."""
        return self.total

    @total_credits.setter
    def total_credits(self, value: int) -> None:
        self.total = value

    @property
    def used_credits(self) -> int:
        """The name of `used` on the wire."""
        return self.used

    @used_credits.setter
    def used_credits(self, value: int) -> None:
        self.used = value

    @property
    def remaining_credits(self) -> int:
        """The name of `remaining` on the wire."""
        return self.remaining

    @remaining_credits.setter
    def remaining_credits(self, value: int) -> None:
        self.remaining = value

    @property
    def used_fraction(self) -> float:
        """The part of the total that is spent, from 0.0 to 1.0; of a total of 0, anything spent is all of it."""
        if self.used <= 0:
            return 0.0
        return 1.0 if self.used >= self.total else self.used / self.total

    def _repr_html_(self) -> str:
        """Return the card that Jupyter shows: what is left, and a bar of what is used.

        Text and background are the notebook's own, light or dark; whatever the service wrote is escaped.
        """
        from html import escape  # only for notebooks

        fraction = self.used_fraction
        colour = "#d64545" if fraction >= ALARM_AT else "#d99a00" if fraction >= WARN_AT else "#2e9e5b"
        plan = f", {escape(self.plan_tier)} plan" if self.plan_tier else ""
        reset = f"<br/>Resets {escape(self.reset_date)}" if self.reset_date else ""
        # Rounded down: what is not quite used up must not read 100 %.
        used = f"{self.used:,} of {self.total:,} used ({int(fraction * 100)} %)"
        return (
            '<div style="max-width:26em;line-height:1.6">'
            f"Agent Toolkit credits{plan}<br/><b>{self.remaining:,}</b> left"
            f'<div role="img" aria-label="{used}" style="border:1px solid #8888">'
            f'<div style="width:{fraction:.1%};height:.6em;background:{colour}"></div></div>'
            f"{used}{reset}</div>"
        )

    @property
    def resets_at(self) -> datetime | None:
        """`reset_date` as an aware `datetime`: no offset means UTC; `None` if there is no date.

        Raises:
            ApiValueError: `reset_date` is not a date.
        """
        if not self.reset_date:
            return None
        from dateutil import parser  # not needed by who only reads the numbers

        try:
            return parser.parse(self.reset_date, default=_EPOCH, tzinfos=_zone)
        except (ValueError, OverflowError) as error:
            raise ApiValueError(f"reset_date is not a date: {self.reset_date[:40]!r}") from error
