"""What a visit's features tell, in the words of people: each feature belongs to one topic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..events import PAGES
from ..inputs import NAMES, SEQUENCE

Values = Mapping[str, float]
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STEPS = {
    "search": "a search", "view": "a page", "detail": "a look at a product",
    "add": "a product put in", "remove": "a product taken out",
}  # fmt: skip


@dataclass(frozen=True)
class Topic:
    """Features that mean something together.

    Attributes:
        name: for programs.
        about: for people.
        features: their names.
        says: what a visit's features say, for people.
    """

    name: str
    about: str
    features: tuple[str, ...]
    message: Callable[[Values], str]


def _count(number: float, one: str, more: str = "") -> str:
    return f"{number:.0f} {one if round(number) == 1 else more or one + 's'}"


def _after(of: Values) -> str:
    if not of["after"]:
        return "nothing yet"
    pages, products = _count(of["after_views"], "page"), _count(of["after_details"], "product")
    return f"{_count(of['after'], 'event')}, {pages} and {products} looked at"


def _cart(of: Values) -> str:
    back = f", {_count(of['added_again'], 'return')} to it" if of["added_again"] else ""
    return f"{of['adds']:.0f} put in, {of['removes']:.0f} taken out{back}"


def _looks(of: Values) -> str:
    known = [f"{page} {of[f'page_{page}']:.0f}" for page in PAGES if of[f"page_{page}"]]
    types = f" ({', '.join(known)})" if known else ""
    return f"{_count(of['details'], 'product')}, {_count(of['views'], 'other page')}{types}"


def _products(of: Values) -> str:
    back = _count(of["skus_repeated"], "return")
    return f"{of['skus']:.0f} different, {back} to one seen before"


def _search(of: Values) -> str:
    if not of["searches"]:
        return "none"
    return f"{of['searches']:.0f}, {_count(of['clicks'], 'result')} clicked"


def _pace(of: Values) -> str:
    return f"{_time(of['seconds'])} in all, {_time(of['gap_last'])} before the last step"


def _price(of: Values) -> str:
    if not of["price_known"]:
        return "not known"
    # Without a price of those looked at there is no difference either.
    known = abs(of["price"] - of["price_seen"] - of["price_difference"]) < 0.01
    seen = f", those looked at {of['price_seen']:.1f}" if known else ""
    return f"{of['price']:.0f} of 10{seen}"


def _when(of: Values) -> str:
    return f"{DAYS[int(of['day_of_week'])]}, {of['hour']:.0f} h UTC"


def _steps(of: Values) -> str:
    last, before = (
        next((words for name, words in STEPS.items() if of[f"{which}_{name}"]), "nothing")
        for which in ("last", "previous")
    )
    return f"{last} after {before}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _named(*beginnings: str) -> tuple[str, ...]:
    return tuple(name for name in NAMES if name.startswith(beginnings) and name not in SEQUENCE)


TOPICS: tuple[Topic, ...] = (
    Topic(
        "after", "What follows the first add", ("after", "after_views", "after_details"), _after
    ),
    Topic(
        "cart", "The cart",
        ("adds", "removes", "cart", "skus_added", "added_again", "after_adds", "after_removes"),
        _cart,
    ),
    Topic(
        "looks", "Pages looked at",
        (
            *_named("events", "place", "views", "details", "page_", "after_page_"),
            "product_share",
        ),
        _looks,
    ),
    Topic(
        "products", "Products",
        ("skus", "skus_repeated", "added_seen", "categories", "category_share"), _products,
    ),
    Topic("search", "Searches", ("searches", "clicks", "after_searches"), _search),
    Topic("pace", "Pace", _named("seconds", "gap"), _pace),
    Topic("price", "Price of the first product added", _named("price"), _price),
    Topic("when", "Day and hour of the first add", _named("hour", "day_of_week", "weekend"), _when),
    Topic("steps", "The last steps", SEQUENCE, _steps),
)  # fmt: skip
