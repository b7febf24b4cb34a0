"""The model that comes with the suite, really run."""


def test_a_short_question_twice(world, model):
    first, second = (
        world.turn("--model", "embedded", "What is the capital of France?", context=None)
        for _ in range(2)
    )
    assert first == second and first.strip()
    assert world.said.count("\n") == 1 and "is a stand-in" in world.said
