"""Whether an account's contract covers a request: yes, no or not known, each with its reason. Pure.

A request that is not covered is logged all the same; it is flagged, and a person decides.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from triage.reading import Node
from triage.sections import flag, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What an account has bought: of a `kind` the policy knows, for a `product` (empty: all), both days included."""

    kind: str
    product: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """What a policy does not cover, and the clause that says so."""

    names: tuple[str, ...]
    reason: str
    clause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """Whom and what a policy covers: `kinds` of contract, `products` (empty: any), what is `excluded`."""

    kinds: tuple[str, ...]
    products: tuple[str, ...]
    excluded: tuple[Excluded, ...]
    clause: str
    products_clause: str = ""
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Whether something is covered (None: not known), why, and the clause."""

    answer: bool | None
    reason: str
    clause: str


def covered(entitlement: Entitlement, contracts: Iterable[Contract] | None, product: str | None, day: date) -> Coverage:
    """Whether a contract covers a product on a day. `contracts` None: we know of none either way."""
    if contracts is None:
        return Coverage(answer=None, reason="the account's contracts are not known", clause=entitlement.clause)
    mine = [one for one in contracts if one.kind in entitlement.kinds]
    wanted = (product or "").strip().casefold()
    fitting = [one for one in mine if not one.product or not wanted or one.product.casefold() == wanted]
    valid = [one for one in fitting if (one.since or day) <= day <= (one.until or day)]
    if valid:
        if wanted or any(not one.product for one in valid):
            return Coverage(answer=True, reason=f"covered by a {valid[0].kind} contract", clause=entitlement.clause)
        return Coverage(
            answer=None, reason="covered for some products; which one is not known", clause=entitlement.clause
        )
    return Coverage(answer=False, reason=_refusal(mine, fitting, day), clause=entitlement.clause)


def in_scope(entitlement: Entitlement, product: str | None, component: str | None) -> Coverage:
    """Whether what a request is about lies within the policy at all; what is not named is not known."""
    for name in (component, product):
        for one in entitlement.excluded:
            if name and name.strip().casefold() in {each.casefold() for each in one.names}:
                return Coverage(answer=False, reason=one.reason, clause=one.clause)
    clause = entitlement.products_clause or entitlement.clause
    if not entitlement.products:
        excluded = entitlement.excluded[0] if entitlement.excluded else None
        known = bool(component) or excluded is None
        reason = "not excluded" if known else "the component is not known"
        return Coverage(answer=True if known else None, reason=reason, clause=excluded.clause if excluded else clause)
    if not product:
        return Coverage(answer=None, reason="the product is not known", clause=clause)
    inside = product.strip().casefold() in {each.casefold() for each in entitlement.products}
    reason = f"{product} is {'one' if inside else 'none'} of the products the policy names"
    return Coverage(answer=inside, reason=reason, clause=clause)


def _refusal(mine: list[Contract], fitting: list[Contract], day: date) -> str:
    if not mine:
        return "the account has no contract of this policy"
    if not fitting:
        return "no contract of the account covers this product"
    ended = [one.until for one in fitting if one.until and one.until < day]
    return f"the contract ended on {max(ended):%Y-%m-%d}" if ended else "the contract has not begun yet"


def read_entitlement(node: Node) -> Entitlement:
    """Whom and what a policy covers, from a pack's `entitlement:`; mistakes are noted at their places."""
    at = node.fields(frozenset({"kinds", "clause"}), frozenset({"products", "products_clause", "excluded", "assumed"}))
    kinds = tuple(entry.slug() for entry in at["kinds"].entries()) if "kinds" in at else ()
    if "kinds" in at:
        at["kinds"].unique(kinds)
    return Entitlement(
        kinds=kinds,
        products=at["products"].texts() if "products" in at else (),
        excluded=tuple(_excluded(entry) for entry in at["excluded"].entries()) if "excluded" in at else (),
        clause=words(at, "clause"),
        products_clause=words(at, "products_clause"),
        assumed=flag(at, "assumed"),
    )


def _excluded(node: Node) -> Excluded:
    at = node.fields(frozenset({"names", "reason", "clause"}))
    return Excluded(
        names=at["names"].texts() if "names" in at else (), reason=words(at, "reason"), clause=words(at, "clause")
    )
