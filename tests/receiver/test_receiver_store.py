"""What the stand-in holds after records were merged, replaced, purged and cleared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submitter.receiver.store import ChildStore, Mode

MODES: list[Mode] = ["merge", "replace"]


def details(**more: object) -> dict[str, Any]:
    return {"sex": "F", "disabilities": ["NONE"], "uasc_flag": False, "purge": False, **more}


def child(*episodes: dict[str, Any], **more: object) -> dict[str, Any]:
    full = {"la_child_id": "1", "purge": False, "child_details": details()}
    return {**full, **({"social_care_episodes": list(episodes)} if episodes else {}), **more}


def episode(name: str, **more: object) -> dict[str, Any]:
    return {"social_care_episode_id": name, "purge": False, **more}


def plan(name: str, **more: object) -> dict[str, Any]:
    return {"child_in_need_plan_id": name, "purge": False, **more}


records = st.lists(
    st.builds(
        lambda name, plans, date: (
            episode(name, referral_date=date)
            | ({"child_in_need_plans": [plan(each) for each in plans]} if plans else {})
        ),
        st.text("abc", min_size=1, max_size=3),
        st.lists(st.text("xyz", min_size=1, max_size=2), unique=True, max_size=3),
        st.dates().map(str),
    ),
    unique_by=lambda each: each["social_care_episode_id"],
    max_size=4,
)


@given(records, st.sampled_from(MODES), st.text(min_size=1))
def test_a_child_sent_whole_is_held_exactly(episodes: list[dict[str, Any]], mode: Mode, surname: str) -> None:
    store = ChildStore(mode)
    sent = child(*episodes, child_details=details(surname=surname))
    store.receive(sent)
    assert store.get("1") == sent
    store.receive(sent)
    assert store.get("1") == sent
    assert len(store) == 1


@pytest.mark.parametrize("mode", MODES)
def test_records_not_sent_stay(mode: Mode) -> None:
    store = ChildStore(mode)
    store.receive(child(episode("e1", child_in_need_plans=[plan("p1"), plan("p2")]), episode("e2")))
    store.receive(child(episode("e1", child_in_need_plans=[plan("p2", end_date="2025-01-01")])))
    held = store.get("1")
    assert held is not None
    first, second = held["social_care_episodes"]
    assert {each["child_in_need_plan_id"]: each for each in first["child_in_need_plans"]} == {
        "p1": plan("p1"),
        "p2": plan("p2", end_date="2025-01-01"),
    }
    assert second == episode("e2")


@pytest.mark.parametrize(("mode", "ethnicity"), [("merge", "WBRI"), ("replace", None)])
def test_attributes_not_sent_stay_or_go_by_mode(mode: Mode, ethnicity: str | None) -> None:
    store = ChildStore(mode)
    store.receive(child(child_details=details(ethnicity="WBRI")))
    store.receive(child())
    held = store.get("1")
    assert held is not None
    assert held["child_details"].get("ethnicity") == ethnicity


@pytest.mark.parametrize("mode", MODES)
def test_null_clears(mode: Mode) -> None:
    store = ChildStore(mode)
    store.receive(child(child_details=details(ethnicity="WBRI"), health_and_wellbeing={"purge": False}))
    store.receive(child(child_details=details(ethnicity=None), health_and_wellbeing={"purge": True}))
    assert store.get("1") == child()


@pytest.mark.parametrize("mode", MODES)
def test_purge_deletes_a_record_and_what_is_under_it(mode: Mode) -> None:
    store = ChildStore(mode)
    adopted = {"purge": False, "placed_date": "2025-01-01"}
    store.receive(child(episode("e1", child_in_need_plans=[plan("p1")], adoption=adopted), episode("e2")))
    store.receive(child(episode("e1", child_in_need_plans=[{"child_in_need_plan_id": "p1", "purge": True}])))
    assert store.get("1") == child(episode("e1", adoption=adopted), episode("e2"))
    store.receive(child(episode("e1", adoption={"purge": True})))
    assert store.get("1") == child(episode("e1"), episode("e2"))
    store.receive(
        child({"social_care_episode_id": "e1", "purge": True}, {"social_care_episode_id": "e2", "purge": True})
    )
    assert store.get("1") == child()
    store.receive({"la_child_id": "1", "purge": True})
    assert store.get("1") is None
    assert store.ids() == []


@pytest.mark.parametrize("mode", MODES)
def test_a_record_purged_and_sent_again_begins_anew(mode: Mode) -> None:
    store = ChildStore(mode)
    store.receive(child(episode("e1", child_in_need_plans=[plan("p1")])))
    store.receive({"la_child_id": "1", "purge": True})
    store.receive(child(episode("e1")))
    assert store.get("1") == child(episode("e1"))


@pytest.mark.parametrize("mode", MODES)
def test_empty_lists_are_held_as_sent_and_delete_nothing(mode: Mode) -> None:
    store = ChildStore(mode)
    sent = child(episode("e1", child_in_need_plans=[], care_worker_details=[]))
    store.receive(sent)
    assert store.get("1") == sent
    store.receive(child(episode("e1", child_in_need_plans=[plan("p1")], care_worker_details=[])))
    store.receive(sent)
    assert store.get("1") == child(episode("e1", child_in_need_plans=[plan("p1")], care_worker_details=[]))


@pytest.mark.parametrize("mode", MODES)
def test_null_clears_a_list_without_ids(mode: Mode) -> None:
    store = ChildStore(mode)
    store.receive(child(episode("e1", care_worker_details=[{"worker_id": "a"}])))
    store.receive(child(episode("e1", care_worker_details=None)))
    assert store.get("1") == child(episode("e1"))


@pytest.mark.parametrize("mode", MODES)
def test_records_of_the_same_id_in_two_places_are_two(mode: Mode) -> None:
    store = ChildStore(mode)
    store.receive(child(episode("e1", child_in_need_plans=[plan("p")]), episode("e2", child_in_need_plans=[plan("p")])))
    store.receive(child(episode("e1", child_in_need_plans=[{"child_in_need_plan_id": "p", "purge": True}])))
    assert store.get("1") == child(episode("e1"), episode("e2", child_in_need_plans=[plan("p")]))


@pytest.mark.parametrize("mode", MODES)
def test_what_was_read_is_a_copy(mode: Mode) -> None:
    store = ChildStore(mode)
    store.receive(child())
    read = store.get("1")
    assert read is not None
    read["child_details"]["sex"] = "M"
    assert store.get("1") == child()


@pytest.mark.parametrize("mode", MODES)
def test_lists_without_ids_are_replaced_whole(mode: Mode) -> None:
    store = ChildStore(mode)
    store.receive(child(episode("e1", care_worker_details=[{"worker_id": "a"}, {"worker_id": "b"}])))
    store.receive(child(episode("e1", care_worker_details=[{"worker_id": "b"}])))
    assert store.get("1") == child(episode("e1", care_worker_details=[{"worker_id": "b"}]))
