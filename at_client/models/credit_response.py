"""The credits of one account."""

# No postponed annotations: pydantic would have to evaluate each of them.
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Annotated, Any, overload

from pydantic import AliasChoices, BeforeValidator, Field
from typing_extensions import Self

from at_client.exceptions import ApiValueError
from at_client.models.base import ApiModel, WholeNumber

WARN_AT = 0.75
"""Part of the total from which on a usage bar is yellow."""

ALARM_AT = 0.9
"""Part of the total from which on a usage bar is red."""

CARD = (
    '<div style="max-width:26em;line-height:1.6">{title}<br/>'
    "<b>{remaining}</b> left"
    '<div role="img" aria-label="{used}" style="border:1px solid #8888">'
    '<div style="width:{width};height:.6em;background:{colour}"></div>'
    "</div>{used}<div>{reset}</div></div>"
)
"""Credits in a notebook, in the notebook's own colours but for the bar."""


def replace_none(value: object) -> object:
    """Return 0 for `None`."""
    return 0 if value is None else value


class CreditResponse(ApiModel):
    """Credits of one account in the current period.

    `total`, `used` and `remaining` are short for `total_credits`, `used_credits` and
    `remaining_credits`: to make a model, to read and to assign. What is written has the
    full names, as the service does.

    Attributes:
        total_credits: Credits granted for the period, purchased ones included.
        used_credits: Credits spent in the period.
        remaining_credits: Credits left.
        free_credits: Credits that come with the plan; `None` if the service does not
            say.
        purchased_credits: Credits bought on top of the plan; 0 if the service does not
            say.
        period: The period that the numbers are for, as the service writes it (such as
            `2026-11`).
        reset_date: When the next period starts, as the service writes it; `resets_at`
            is the same as a `datetime`.
        days_until_reset: Whole days until the next period.
        plan_tier: The plan of the account.

    Examples:
        >>> credits = CreditResponse(total=1000, used=250, remaining=750)
        >>> credits.remaining, credits.used_fraction
        (750, 0.25)
        >>> sorted(credits.to_dict())
        ['purchased_credits', 'remaining_credits', 'total_credits', 'used_credits']
    """

    total_credits: WholeNumber = Field(
        validation_alias=AliasChoices("total_credits", "total")
    )
    used_credits: WholeNumber = Field(
        validation_alias=AliasChoices("used_credits", "used")
    )
    remaining_credits: WholeNumber = Field(
        validation_alias=AliasChoices("remaining_credits", "remaining")
    )
    free_credits: WholeNumber | None = None
    purchased_credits: Annotated[WholeNumber, BeforeValidator(replace_none)] = 0
    period: str | None = None
    reset_date: str | None = None
    days_until_reset: WholeNumber | None = None
    plan_tier: str | None = None

    if TYPE_CHECKING:  # checkers know no aliases of validation

        @overload
        def __init__(
            self,
            *,
            total: int,
            used: int,
            remaining: int,
            free_credits: int | None = None,
            purchased_credits: int = 0,
            period: str | None = None,
            reset_date: str | None = None,
            days_until_reset: int | None = None,
            plan_tier: str | None = None,
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            total_credits: int,
            used_credits: int,
            remaining_credits: int,
            free_credits: int | None = None,
            purchased_credits: int = 0,
            period: str | None = None,
            reset_date: str | None = None,
            days_until_reset: int | None = None,
            plan_tier: str | None = None,
        ) -> None: ...

        def __init__(self, **fields: Any) -> None: ...

    @property
    def total(self) -> int:
        """The same as `total_credits`."""
        return self.total_credits

    @total.setter
    def total(self, value: int) -> None:
        self.total_credits = value

    @property
    def used(self) -> int:
        """The same as `used_credits`."""
        return self.used_credits

    @used.setter
    def used(self, value: int) -> None:
        self.used_credits = value

    @property
    def remaining(self) -> int:
        """The same as `remaining_credits`."""
        return self.remaining_credits

    @remaining.setter
    def remaining(self, value: int) -> None:
        self.remaining_credits = value

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> Self:
        """Return a copy; `update` is assigned to it, by full names or short ones.

        Raises:
            pydantic.ValidationError: A value of `update` has the wrong type.
        """
        copy = super().model_copy(deep=deep)
        for name, value in (update or {}).items():
            setattr(copy, name, value)

        return copy

    @property
    def used_fraction(self) -> float:
        """The used part of the total, 0.0 to 1.0; 1.0 if anything is used of 0."""
        if self.used <= 0:
            return 0.0

        if self.used >= self.total:
            return 1.0

        return self.used / self.total

    @property
    def resets_at(self) -> datetime | None:
        """`reset_date` as an aware `datetime`, in UTC if it has no offset.

        It is `None` if there is no date.

        Raises:
            ApiValueError: `reset_date` is not a date.
        """
        return parse_date(self.reset_date) if self.reset_date else None

    def _repr_html_(self) -> str:
        """Return the card that Jupyter shows: what is left, and a bar of the used."""
        from html import escape  # only notebooks need it

        title = "Agent Toolkit credits"
        if self.plan_tier:
            title += f", {escape(self.plan_tier)} plan"

        fraction = self.used_fraction
        percent = format_percent(self.used, self.total)
        return CARD.format(
            title=title,
            remaining=f"{self.remaining:,}",
            used=f"{self.used:,} of {self.total:,} used ({percent})",
            width=f"{fraction:.1%}",
            colour=choose_colour(fraction),
            reset=escape(format_reset(self)),
        )


def parse_date(text: str) -> datetime:
    """Return a date as an aware `datetime`, in UTC if it has no offset.

    Raises:
        ApiValueError: It is not a date.
    """
    from dateutil import parser  # slow to load, and the numbers need none of it

    midnight = datetime(1970, 1, 1, tzinfo=timezone.utc)
    try:
        return parser.parse(text, default=midnight, tzinfos=make_zone)
    except (ValueError, OverflowError) as error:
        raise ApiValueError(f"reset_date is not a date: {text[:40]!r}") from error


def make_zone(name: str | None, offset: int | None) -> timezone:
    """Return the zone of an offset in seconds, for dateutil.

    Raises:
        ValueError: There is a name alone, such as EST: it is not the same zone on every
            machine.
    """
    if offset is None and name:
        raise ValueError(f"{name} is not an offset")

    return timezone(timedelta(seconds=offset or 0))


def choose_colour(fraction: float) -> str:
    """Return the colour of a usage bar: green, yellow or red."""
    if fraction >= ALARM_AT:
        return "#d64545"

    if fraction >= WARN_AT:
        return "#d99a00"

    return "#2e9e5b"


def format_percent(used: int, total: int) -> str:
    """Return the used part of a total as `25 %`, rounded down: 100 % is all of it.

    Examples:
        >>> format_percent(29, 100), format_percent(9999, 10000)
        ('29 %', '99 %')
    """
    if used <= 0:
        return "0 %"

    if used >= total:
        return "100 %"

    return f"{used * 100 // total} %"


def format_reset(credits: CreditResponse) -> str:
    """Return when the period ends, as `Resets 2026-12-01, in 9 days`.

    A time is in UTC, and left out at midnight; a date that cannot be read is shown as
    the service wrote it. Empty if the service does not say.
    """
    words = []
    if credits.reset_date:
        words.append(format_date(credits.reset_date))

    days = credits.days_until_reset
    if days is not None:
        unit = "day" if days == 1 else "days"
        words.append(f"in {days:,} {unit}")

    return f"Resets {', '.join(words)}" if words else ""


def format_date(text: str) -> str:
    """Return the day of a date, with the time in UTC unless that is midnight."""
    try:
        utc = parse_date(text).astimezone(timezone.utc)
    except (ApiValueError, OverflowError):
        return text

    return f"{utc:%Y-%m-%d %H:%M} UTC".removesuffix(" 00:00 UTC")
