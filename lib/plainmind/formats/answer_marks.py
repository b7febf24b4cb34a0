"""How models mark thoughts, turns, channels and calls in what they write."""

import re

_THOUGHTS = "think|thinking|thought|thoughts|reasoning|mm:think|seed:think|antthinking"
ROLES = "assistant|user|system|tool|developer|model|human|observation|ipython"
# patterns of what most answers have none of: compiled where they are looked for
OPEN = (
    rf"(?i:<(?:{_THOUGHTS})[ ]{{0,2}}>|<\|(?:{_THOUGHTS})\|>|\[THINK\]|◁think▷"
    r"|<\|begin_of_thought\|>)"
)
CLOSE = (
    rf"(?i:</(?:{_THOUGHTS})[ ]{{0,2}}>|<\|/(?:{_THOUGHTS})\|>|\[/THINK\]|◁/think▷"
    r"|<\|end_of_thought\|>)"
)
END_OF_CHANNEL = r"<\|(?:end|call|return)\|>|(?=<\|(?:start|channel)\|>)"
END_OF_TURN = r"(?=<\|(?:eom_id|eot_id|im_end|end)\|>|</s>|<｜end▁of▁sentence｜>)"

#: opening of a call -> what ends it
CALLS = {
    "<tool_call>": "</tool_call>",
    "<tool_calls>": "</tool_calls>",
    "<function_call>": "</function_call>",
    "<function_calls>": "</function_calls>",
    "<function=": "</function>",
    "<invoke ": "</invoke>",
    "<minimax:tool_call>": "</minimax:tool_call>",
    "<|tool_call|>": r"<\|/tool_call\|>|(?=<\|(?:end|im_end)\|>)",
    "<|tool_calls_section_begin|>": r"<\|tool_calls_section_end\|>",
    "<｜tool▁calls▁begin｜>": "<｜tool▁calls▁end｜>",
    "<|python_tag|>": END_OF_TURN,
    "[TOOL_CALLS]": END_OF_TURN,
}
TOKEN = re.compile(
    rf"""(?P<code>`+|~~~+)
    | (?P<open>{OPEN})
    | (?P<close>{CLOSE})
    | (?P<call>{"|".join(map(re.escape, CALLS))})
    | (?P<channel><\|channel\|>)
    | (?P<turn><\|(?:start|im_start|start_header_id)\|>|<start_of_turn>
        |<\|(?:{ROLES})\|>|<｜(?:User|Assistant)｜>|\[INST\])
    | (?P<strike><s>)
    | (?P<unstrike></s>)
    | (?P<control><(?:{_THOUGHTS})[ ]?/>
        |<\|[^|<>\s]{{1,40}}\|>|<｜[^｜<>\n]{{1,40}}｜>|<(?:eos|bos|EOT|end_of_turn)>
        |\[/INST\])""",
    re.VERBOSE | re.IGNORECASE,
)
#: the end of a text that may be the beginning of a token
BEGUN = re.compile(
    r"(?:<[^<>\s]{0,60}(?:(?<=[a-z])[ ]{1,2}/?)?|\[[/A-Z_]{0,14}|◁/?[a-z]{0,6}|`+|~+)\Z",
    re.IGNORECASE,
)
#: control tokens at the end, as they follow a code block that was not closed
LAST_TOKENS = re.compile(
    r"(?:(?:<\|[^|<>\s]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>|</s>|<eos>|<end_of_turn>)\s{0,9})+"
    r"(?:<[^<>\s]{0,60})?\Z|<[^<>\s]{0,60}\Z",
    re.IGNORECASE,
)

#: harmony whose tokens a server took out, and an answer that is all JSON: known by how they begin
BARE_THOUGHTS = re.compile(r"\s*analysis(?=[A-Z])")
BARE_CALL = re.compile(r"\s*(?:assistant)?commentary (?=to=functions\.)")
JSON = re.compile(
    r'\s*(?:`{3,}(?:json|tool_call|tool_code)?\s*)?[\[{]\s*(?:[\[{]\s*)?"(?:name|function|type|'
    r'arguments|parameters)"'
)
MAY_BE_JSON = re.compile(
    r'\s*(?:`{1,3}(?:[a-z_]{0,9}\s{0,9})?)?(?:[\[{]\s{0,9}){0,2}(?:"[a-z]{0,10}"?)?'
)
OPENINGS = ("analysis", "commentary to=functions.", "assistantcommentary to=functions.")

#: what any of these needs
SUSPECT = re.compile(
    r"<[|｜/a-z]|\[/?(?:THINK|INST|TOOL_CALLS)\]|◁|\A\s*(?:analysis[A-Z]|(?:assistant)?commentary )"
    r'|\A\s*(?:`{3}\w*\s*)?[\[{]\s*(?:[\[{]\s*)?"',
    re.IGNORECASE,
)
