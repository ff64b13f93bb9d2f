"""The compiled form of a policy answers what the interpreter answers, for random policies and facts."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from baybridge.policy.document.reader import load
from baybridge.policy.document.shapes import Score
from baybridge.policy.language import expression as tree
from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.generate import conditions as source_of
from baybridge.policy.one_case.interpret import Evaluation, exact_facts
from baybridge.policy.one_case.verdict import outcome, score_bounds
from policy_generators import TYPES, documents, facts

MANY = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def expressions(policy):
    """Every expression of a policy."""
    rules = (*policy.body.rules, *policy.flags, *policy.values)
    return [*policy.define.values(), *(rule.expression for rule in rules)]


def alike(one, other):
    """Equal, of one type, and not-a-number never."""
    return type(one) is type(other) and one == other


@MANY
@given(documents(), facts())
def test_compiled_rules_answer_what_the_interpreter_answers(text, known):
    policy = load(text, "r.yaml", TYPES)
    form, evaluation = compiled(policy), Evaluation(exact_facts(known, TYPES), policy.define)
    truths = form.truths(known.get)
    assert truths == tuple(evaluation.holds(rule.expression) for rule in policy.body.rules)
    assert all(truth is None or isinstance(truth, bool) for truth in truths)
    by_id = dict(zip(form.rule_ids, truths, strict=True))
    assert form.outcome(truths) == outcome(policy.body, by_id)
    if isinstance(policy.body, Score):
        expected = score_bounds(policy.body, by_id)
        assert form.bounds(truths) == (expected.low, expected.high)
    for rule, found in zip((*policy.flags, *policy.values), form.formulas(known.get), strict=True):
        assert alike(found, evaluation.value(rule.expression)), rule.written


def test_every_operator_sign_and_function_is_reached():
    """What many random policies hold: every node of the tree, every sign, every function, every unit."""
    reached: set[object] = set()

    @settings(deadline=None, max_examples=250, database=None, suppress_health_check=list(HealthCheck))
    @given(documents())
    def look(text):
        for root in expressions(load(text, "r.yaml", TYPES)):
            for node in tree.walk(root):
                reached.add(type(node))
                reached.update(getattr(node, name) for name in ("operator", "function", "which") if hasattr(node, name))
                reached.update((type(node), node.unit) for _ in "1" if hasattr(node, "unit"))

    look()
    units = {(kind, unit) for kind in (tree.Span, tree.Shift) for unit in ("DAY", "MONTH")}
    signs = {"=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "LEAST", "GREATEST"}
    functions = {"ABS", "FLOOR", "CEIL", "ROUND", "LN", "EXP", "SQRT"}
    assert set(tree.Expression.__args__) | signs | functions | units <= reached


HOSTILE = ["__import__('os')", "{0.__class__}", "\\'); import os #", "a0", "get", "\n", "c0", "{", "''", '"""', "\\"]


@MANY
@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=8), min_size=1, max_size=3))
def test_texts_of_a_document_stay_texts_in_the_code(texts):
    """Nothing that a document says becomes a name, a call or an attribute of the generated code."""
    assume(all("\x00" not in text and text.isprintable() for text in texts))
    literals = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
    rule = f"s IN ({literals})".replace("\\", "\\\\").replace('"', '\\"')
    policy = load(f'id: h\nversion: "1"\nsource: s\nshape: findings\nfindings:\n  - {{code: c, when: "{rule}"}}\n', "h.yaml", TYPES)
    code, _ = source_of(policy)
    made = compile(code, "<policy>", "exec").co_consts[0]
    assert set(made.co_names) <= {"get", "int", "float", "min", "max", "call", "arithmetic"}
    assert compiled(policy).truths({"s": texts[0]}.get) == (True,)


@MANY
@given(documents(depth=3))
def test_generated_code_names_only_what_it_is_given(text):
    policy = load(text, "r.yaml", TYPES)
    allowed = {"int", "float", "min", "max", "call", "arithmetic", "days_between", "months_between", "shift", "__class__"}
    code, constants = source_of(policy)
    made = compile(code, "<policy>", "exec").co_consts[0]
    assert set(made.co_names) <= allowed | set(constants)
    assert all(constant is None or not hasattr(constant, "co_code") for constant in made.co_consts)
