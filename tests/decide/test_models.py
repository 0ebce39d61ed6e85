"""What is decided about models where no random request comes by: filters, costs, who is fastest."""

from compiler.decide.trace import Decider
from compiler.decide.world import Answer, Fault
from compiler.plan import Lane
from tests.decide.deciding import answers, asked, model, told

FILTERED = Answer(fault=Fault.CONTENT_FILTER)
CHAIN = "targets: [a/x, c/x], fallback: { on: [content_filter] }, apis: chat"


def test_a_filter_that_says_so_in_an_answer():
    """The chain goes on where nothing was said, and else the answer is the client's."""
    trace = asked(model(CHAIN), answers=answers(a=FILTERED))
    assert told(trace) == [("a/x", "content_filter"), ("c/x", "served")]
    trace = asked(model("targets: [a/x], apis: chat"), answers=answers(a=FILTERED))
    assert (trace.status, trace.served) == (200, "a/x")


def test_an_answer_costs_what_its_tokens_cost():
    """In pico-USD, by the target that served; unknown where the price is."""
    billed = Answer(input_tokens=10, output_tokens=5)
    trace = asked(model("targets: [a/x], apis: chat"), answers=answers(a=billed))
    assert trace.cost == 10 * 1_000_000 + 5 * 2_000_000
    assert asked(model("targets: [c/unknown-model], apis: chat")).cost is None


def test_the_fastest_is_first_and_whoever_is_not_known_before_it():
    """Where nothing is known at all, the order is as it was written."""
    text = model("targets: [a/x, c/x], choose: latency, fallback: { on: [overloaded] }, apis: chat")
    assert asked(text).served == "a/x"
    assert asked(text, latencies={"a/x": 2.0, "c/x": 1.0}).served == "c/x"
    assert asked(text, latencies={"a/x": 2.0}).served == "c/x"


def test_a_draw_falls_by_weight():
    """The draws of the world fall among the targets' shares, in the plan's order."""
    text = model("targets: [{ to: a/x, weight: 3 }, { to: c/x, weight: 1 }], apis: chat")
    assert asked(text, draws=(0.74,)).served == "a/x"
    assert asked(text, draws=(0.76,)).served == "c/x"


def test_lanes_are_the_plans():
    """A target that is translated to is reached by the edge, its own API's by Envoy."""
    text = model("targets: [a/x, b/x], fallback: { on: [overloaded] }")
    trace = asked(text, answers=answers(a=Answer(503)))
    assert [one.lane for one in trace.attempts] == [Lane.NATIVE, Lane.SERVICE]
    assert trace.attempts[1].sent.path == "/v1/messages"
    assert trace.attempts[1].sent.model == "x"


def test_the_time_of_a_request_bounds_all_of_its_attempts():
    """Where it is over in the middle of a chain, nobody else is asked."""
    text = (
        "targets: [a/x, c/x], apis: chat, timeout: 3s, "
        "fallback: {{ on: [timeout], attempt_timeout: {} }}"
    )
    silent = answers(a=Answer(fault=Fault.TIMEOUT))
    assert asked(model(text.format("1s")), answers=silent).served == "c/x"
    trace = asked(model(text.format("3s")), answers=silent)
    assert (trace.status, trace.code, trace.decider) == (504, "timeout", Decider.NOBODY)


def test_steps_name_their_lines():
    """Each decision that the policy made says where it is written."""
    trace = asked(model("targets: [a/x]"))
    by = {step.about: step.at for step in trace.steps}
    assert all(by[about] is not None for about in ("listener", "route", "model", "target"))
