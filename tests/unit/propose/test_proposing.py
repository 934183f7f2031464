import json
import re

import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.aspects.questions import Origin
from mmkd_ray.config import LlmAspects, OpenAiLlm, VllmLlm
from mmkd_ray.errors import AspectError
from mmkd_ray.propose.language_model import Conversation, identity
from mmkd_ray.propose.proposing import DataSet, as_aspects, prompt_hash, propose, select
from mmkd_ray.propose.reply import Reply

LLM = OpenAiLlm(kind="openai", model="owl")
BIRDS = DataSet(("001.Black_footed_Albatross", "owl"), 60)
SHORT = {
    "propose_prompt": "{count} of {class_list}",
    "more_prompt": " not {questions}",
    "select_prompt": "{count} from {questions}",
}
NAMES = ("red", "blue", "green", "grey", "white", "black", "brown", "orange", "yellow", "pink", "purple", "golden")
COLOURS = [f"Is it {name}?" for name in NAMES]


class Replaying:
    """A language model that says what it is told to, in this order; the last one again and again."""

    def __init__(self, *replies):
        self.replies = [reply if isinstance(reply, str) else json.dumps({"questions": reply}) for reply in replies]
        self.prompts = []
        self.closed = False

    def ask(self, prompt):
        self.prompts.append(prompt)
        return Reply(self.replies[min(len(self.prompts), len(self.replies)) - 1], cut_off=False)

    def close(self):
        self.closed = True


def config_of(**settings):
    return LlmAspects(**({"source": "llm", "llm": LLM, "candidates": 4, "count": 2} | settings))


@pytest.fixture
def folder(tmp_path):
    return open_run(str(tmp_path), "t").aspects.child("conversation")


@pytest.fixture
def talk(folder):
    """A conversation with a model that replies so."""

    def started(*replies, llm=LLM):
        model = Replaying(*replies)
        return Conversation(llm, folder, lambda: model), model

    return started


def test_the_prompts_are_those_of_the_paper(talk):
    conversation, model = talk(COLOURS[:4], COLOURS[:2])
    config = config_of(description="Birds of the sea.")
    proposal = propose(conversation, config, BIRDS)
    select(conversation, config, BIRDS, proposal.questions)
    first, second = model.prompts
    assert first.startswith(
        "The data set consists of 2 classes and 60 images. Birds of the sea.\n"
        "The class list is: Black footed Albatross, owl.\n"
        "Generate 4 feature-specific yes-or-no questions"
    )
    assert "at most 160 characters" in first
    assert first.endswith('{"questions": ["...", "..."]}.')
    assert "Select 2 of the most relevant and distinct questions" in second
    assert "- Is it red?\n- Is it blue?\n- Is it green?\n- Is it grey?\n" in second
    assert not re.search(r"\{\w+\}", first + second)


def test_nothing_is_asked_again_if_there_are_enough_questions(talk):
    conversation, model = talk(COLOURS[:6])
    proposal = propose(conversation, config_of(), BIRDS)
    assert proposal.questions == tuple(COLOURS[:4])
    assert proposal.rejected == ()
    assert len(model.prompts) == 1


def test_missing_questions_are_asked_for_again(talk):
    conversation, model = talk(
        [COLOURS[0], "Is it an owl?", "What is it?"],
        [COLOURS[0], "Can you see that it is red?", COLOURS[1]],
        COLOURS[2:],
    )
    proposal = propose(conversation, config_of(**SHORT), BIRDS)
    assert model.prompts == [
        "4 of Black footed Albatross, owl",
        "3 of Black footed Albatross, owl not - Is it red?",
        "2 of Black footed Albatross, owl not - Is it red?\n- Is it blue?",
    ]
    assert proposal.questions == tuple(COLOURS[:4])
    assert [(rejected.question, rejected.reason) for rejected in proposal.rejected] == [
        ("Is it an owl?", "names a class: 'owl'"),
        ("What is it?", "cannot be answered by Yes or No"),
        ("Is it red?", "is a duplicate"),
        ("Can you see that it is red?", "says the same as another: 'Is it red?'"),
    ]


def test_fewer_candidates_are_enough_if_q_can_be_selected(talk):
    conversation, model = talk(COLOURS[:1], COLOURS[:2], [])
    assert propose(conversation, config_of(max_rounds=3), BIRDS).questions == tuple(COLOURS[:2])
    assert len(model.prompts) == 3


def test_too_few_questions_are_an_error_with_reasons(talk):
    long = "Is it " + "very " * 40 + "red?"
    conversation, model = talk(["Is it red?", "Is it an owl?", "Is this the albatross or the owl?", "Is it red?", long])
    with pytest.raises(AspectError) as raised:
        propose(conversation, config_of(max_rounds=2), BIRDS)
    assert str(raised.value) == (
        "the LLM 'owl' proposed 1 acceptable questions in 2 requests, 2 (aspects.count) are needed; rejected 7, "
        "e.g. 'Is it an owl?' (4 x names a class; 2 x is longer than 160 characters (aspects.rules.max_characters); "
        "1 x is a duplicate). Choose another model, raise aspects.max_rounds, or write the questions yourself "
        "(aspects.source: file)"
    )
    assert len(model.prompts) == 2


def test_a_model_that_proposes_nothing_at_all(talk):
    conversation, _ = talk("I am sorry, but I cannot help with that.")
    with pytest.raises(
        AspectError, match=r"0 acceptable questions in 4 requests, .*rejected 0 \(it proposed no others\)"
    ):
        propose(conversation, config_of(), BIRDS)


THOUSAND = DataSet(tuple(f"{n:04d}.kind_{n}_of_bird" for n in range(1050)), 5000)


def test_a_long_class_list_is_split_and_contains_every_class_once(talk):
    conversation, model = talk(*[COLOURS[2 * part : 2 * part + 2] for part in range(6)])
    config = config_of(candidates=12, classes_per_prompt=200, propose_prompt="{count} of {class_list}.")
    proposal = propose(conversation, config, THOUSAND)
    assert proposal.questions == tuple(COLOURS)
    assert len(model.prompts) == 6
    told = [re.findall(r"kind (\d+) of bird", prompt) for prompt in model.prompts]
    assert [int(n) for part in told for n in part] == list(range(1050))
    assert {len(part) for part in told} == {175}
    assert all(prompt.startswith("2 of ") and "(and 875 more)" in prompt for prompt in model.prompts)
    assert "- Is it purple?" not in model.prompts[4]
    assert all(f"- {question}" in model.prompts[5] for question in COLOURS[:10])


def test_later_parts_are_asked_for_what_earlier_parts_lack(talk):
    conversation, model = talk(COLOURS[:2], [], COLOURS[2:6], COLOURS[6:])
    config = config_of(candidates=12, classes_per_prompt=350, propose_prompt="{count} of {class_list}.")
    assert propose(conversation, config, THOUSAND).questions == tuple(COLOURS)
    assert [prompt.split()[0] for prompt in model.prompts] == ["4", "5", "10", "2"]


def test_the_selection_prompt_shows_part_of_a_long_class_list(talk):
    conversation, model = talk(COLOURS)
    select(conversation, config_of(classes_per_prompt=100), THOUSAND, COLOURS)
    shown = [int(n) for n in re.findall(r"kind (\d+) of bird", model.prompts[0])]
    assert len(shown) == len(set(shown)) == 100
    assert min(shown) < 20
    assert max(shown) > 1030
    assert "(and 950 more)" in model.prompts[0]


def test_the_selection_keeps_the_order_of_importance(talk):
    conversation, _ = talk(["Is it grey?", "is it  BLUE?", "Is it golden?"])
    assert select(conversation, config_of(count=3), BIRDS, COLOURS) == ("Is it grey?", "Is it blue?", "Is it golden?")


def test_a_selected_question_is_matched_to_a_proposed_one(talk):
    questions = ["Does the bird have a long beak?", "Does the bird have a short beak?", "Is the bird flying?"]
    conversation, model = talk(
        ["Is this a bird with a short beak?", "Is the tail forked?", "Does the bird have a short beak?"],
        ["Would you say the bird is flying?", "Does the bird have a long beak?"],
    )
    assert select(conversation, config_of(**SHORT), BIRDS, questions) == (questions[1], questions[2])
    assert model.prompts == [
        "2 from " + "\n".join(f"- {question}" for question in questions),
        f"1 from - {questions[0]}\n- {questions[2]}",
    ]


def test_too_few_selected_are_an_error(talk):
    conversation, model = talk(["Is it red?"])
    with pytest.raises(AspectError, match=r"selected 1 of the 12 questions .* in 3 rounds, 2 \(aspects.count\).*mrmr"):
        select(conversation, config_of(max_rounds=3), BIRDS, COLOURS)
    assert len(model.prompts) == 3


def test_orientation_sensitive_are_those_the_llm_names_and_those_with_left_or_right(talk):
    questions = ["Is the bird facing left?", "Does it look at the clock's three?", "Is it red?"]
    conversation, model = talk(["Does it look at the three of the clock?", "Is the tail forked?"])
    config = config_of()
    aspects = as_aspects(conversation, config, BIRDS, questions)
    assert [aspect.question for aspect in aspects] == questions
    assert [(aspect.orientation_sensitive, aspect.mirror) for aspect in aspects] == [
        (True, "Is the bird facing right?"),
        (True, None),
        (False, None),
    ]
    assert {aspect.origin for aspect in aspects} == {Origin("llm", "owl", prompt_hash(config))}
    assert "- Is the bird facing left?\n- Does it look at the clock's three?\n- Is it red?\n" in model.prompts[0]


def test_the_llm_may_name_no_orientation_sensitive_question(talk):
    conversation, _ = talk('None of them: {"questions": []}. Is it red? does not depend on it.')
    (aspect,) = as_aspects(conversation, config_of(), BIRDS, ["Is it red?"])
    assert not aspect.orientation_sensitive


def test_the_hash_depends_on_the_prompts():
    assert prompt_hash(config_of()) == prompt_hash(config_of(candidates=9, description="x"))
    others = {prompt_hash(config_of(**{name: text})) for name, text in SHORT.items()}
    assert len(others - {prompt_hash(config_of())}) == 3


def test_placeholders_are_filled_once_and_other_braces_are_kept(talk):
    odd = DataSet(("{count} of {questions}", r"back\1slash", "brace{"), 7)
    conversation, model = talk(["Is there a {class_list} in it?"], COLOURS[:4])
    config = config_of(
        propose_prompt='{count}/{classes}/{images}/{max_characters}/{unknown}/{"a": 1}: {class_list}: {description}',
        more_prompt="; {class_list}: {count}: {questions}",
        description="costs {count}",
    )
    propose(conversation, config, odd)
    listed = r"{count} of {questions}, back\1slash, brace{"
    assert model.prompts[0] == f'4/3/7/160/{{unknown}}/{{"a": 1}}: {listed}: costs {{count}}'
    assert model.prompts[1].endswith(f"; {listed}: 3: - Is there a {{class_list}} in it?")


def test_a_second_run_asks_nothing_and_gives_the_same_questions(folder):
    def all_of_it(load):
        conversation, config = Conversation(LLM, folder, load), config_of()
        proposal = propose(conversation, config, BIRDS)
        chosen = select(conversation, config, BIRDS, proposal.questions)
        outcome = proposal, as_aspects(conversation, config, BIRDS, chosen)
        conversation.close()
        return outcome, conversation.asked

    model = Replaying(["Is it red?", "What?"], COLOURS, ["Is it green?", "Is it red?"], [])
    first, asked = all_of_it(lambda: model)
    assert asked == 4
    assert model.closed
    assert len(folder.names()) == 4

    def load():
        raise AssertionError("nothing is to be asked, so nothing is to be loaded")

    assert all_of_it(load) == (first, 0)


def test_an_interrupted_run_continues_where_it_stopped(talk):
    class Breaking(Replaying):
        def ask(self, prompt):
            if len(self.prompts) == 1:
                raise AspectError("the network is gone")
            return super().ask(prompt)

    conversation, second = talk(COLOURS)
    broken = Breaking(COLOURS[:1])
    with pytest.raises(AspectError, match="network"):
        propose(Conversation(LLM, conversation._folder, lambda: broken), config_of(), BIRDS)
    assert propose(conversation, config_of(), BIRDS).questions == tuple(COLOURS[:4])
    assert len(second.prompts) == 1
    assert "- Is it red?" in second.prompts[0]


def test_another_prompt_or_another_model_is_asked_again(talk):
    conversation, model = talk("one", "two", "three")
    assert conversation.ask("propose", 0, "a").text == "one"
    assert conversation.ask("propose", 0, "b").text == "two"
    assert conversation.ask("propose", 0, "a").text == "one"
    assert conversation.ask("propose", 1, "a").text == "three", "a second time, on purpose"
    assert conversation.asked == len(model.prompts) == 3
    warmer, other = talk("four", llm=LLM.model_copy(update={"temperature": 0.7}))
    assert warmer.ask("propose", 0, "a").text == "four"
    faster, _ = talk("five", llm=LLM.model_copy(update={"base_url": "http://x/v1", "requests_per_minute": 9}))
    assert faster.ask("propose", 0, "a").text == "one"
    assert len(other.prompts) == 1


def test_a_stored_reply_has_the_model_and_the_prompt(talk, folder):
    conversation, _ = talk("Yes?")
    conversation.ask("select", 3, "Which?")
    (name,) = folder.names()
    assert name.startswith("select-03-")
    assert folder.read_json(name) == {
        "llm": identity(LLM).as_dict(),
        "prompt": "Which?",
        "reply": {"text": "Yes?", "cut_off": False},
    }


def test_the_identity_of_a_model_excludes_its_address():
    there = VllmLlm(kind="vllm", model="m", gpus=2, cpus=3, kv_cache_gib=2.0)
    assert identity(there) == identity(VllmLlm(kind="vllm", model="m"))
    assert identity(there) != identity(VllmLlm(kind="vllm", model="m", revision="abc"))
    assert "api_key_env" not in identity(LLM).facts
