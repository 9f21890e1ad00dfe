"""Whether a contract covers a request: yes, no or not known, with the reason."""

from datetime import date

import pytest

from triage.entitlement import Contract, Entitlement, covered, in_scope, read_entitlement
from triage.reading import read

PACK = """\
kinds: [production-support]
clause: "§1"
products: [Gateway, Identity Server]
products_clause: "§2"
excluded:
  - {names: [template, plug-in], reason: outside the perimeter, clause: "§3"}
"""


def told(text: str) -> tuple[Entitlement, list[str]]:
    """The entitlement in a text, and the mistakes."""
    node = read(text, "mine.yaml")
    return read_entitlement(node), node.mistakes


RULE, MISTAKES = told(PACK)
DAY = date(2026, 6, 30)
GATEWAY = Contract(kind="production-support", product="Gateway", since=date(2025, 7, 1), until=DAY)


@pytest.mark.parametrize(
    ("contracts", "product", "day", "answer", "reason"),
    [
        ([GATEWAY], "gateway", DAY, True, "covered by a production-support contract"),
        ([GATEWAY], "Gateway", date(2026, 7, 1), False, "the contract ended on 2026-06-30"),
        ([GATEWAY], "Gateway", date(2025, 6, 30), False, "the contract has not begun yet"),
        ([GATEWAY], "Identity Server", DAY, False, "no contract of the account covers this product"),
        ([GATEWAY], None, DAY, None, "covered for some products; which one is not known"),
        ([Contract(kind="production-support")], None, DAY, True, "covered by a production-support contract"),
        ([Contract(kind="training")], "Gateway", DAY, False, "the account has no contract of this policy"),
        ([], "Gateway", DAY, False, "the account has no contract of this policy"),
        (None, "Gateway", DAY, None, "the account's contracts are not known"),
    ],
)
def test_a_contract_covers_a_product_for_a_time(contracts, product, day, answer, reason: str):
    """Both days of a contract count; what is not known is not refused, and every answer has its reason."""
    found = covered(RULE, contracts, product, day)
    assert (found.answer, found.reason, found.clause) == (answer, reason, "§1")


@pytest.mark.parametrize(
    ("product", "component", "answer", "clause"),
    [
        ("Gateway", "Plug-in", False, "§3"),
        ("Gateway", "router", True, "§2"),
        ("Toaster", None, False, "§2"),
        (None, None, None, "§2"),
    ],
)
def test_what_lies_outside_the_policy_says_why(product, component, answer, clause: str):
    """A template is out of scope whatever product it belongs to."""
    found = in_scope(RULE, product, component)
    assert (found.answer, found.clause) == (answer, clause)


def test_without_a_list_of_products_only_what_is_excluded_is_out():
    """A component that is not known may be one of them."""
    rule, mistakes = told(PACK.replace('products: [Gateway, Identity Server]\nproducts_clause: "§2"\n', ""))
    assert mistakes == []
    assert [in_scope(rule, None, one).answer for one in ("router", "template", None)] == [True, False, None]


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("kinds: [production-support]", "kinds: []", "write at least one entry"),
        ("reason: outside", "raeson: outside", "unknown key; did you mean 'reason'?"),
        ("products_clause", "product_clause", "did you mean 'products_clause'?"),
    ],
)
def test_a_mistake_is_told_with_its_place(good: str, bad: str, words: str):
    """Each names file, line and column, and what to write instead."""
    assert MISTAKES == []
    found = told(PACK.replace(good, bad))[1]
    assert any(mistake.startswith("mine.yaml:") and words in mistake for mistake in found), found
