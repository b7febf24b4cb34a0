"""The types of events in the journal of work, and the fields of each: one table, by which a line is
checked and which the manuals print.
"""

import re
from typing import NamedTuple

from . import kinds
from .kinds import Check

TABLE = """
A field with * is required. The events of a type 'by' some fields are put together where these are
the same: of each other field the latest value counts. Of the other types every event is a row.

every event:
  id*            id             names it; made where it is not given. Of two with one id one counts
  at*            time           when it happened; now where it is not given
  type*          type           which of these types it is

team, by name: a team
  name*          name           what names it
  description    text           what it is for

agent, by name: an agent of a team
  name*          agent          what names it
  team           name           its team
  role           line           what it does, in a few words
  description    text           what it is good at
  model          name           the model it works with
  active         flag           whether it is in the team now

session, by session: the beginning or the end of a session of a team
  session*       session        which
  status*        status         how it stands
  team           name           the team
  agents         agents         who takes part
  repository     line           what it works on
  goal           text           what it is to reach
  started        time           when it began
  ended          time           when it ended
  pr_url         line           the pull request it made

task, by session, agent and task: a task that an agent did, or tried
  agent*         agent          who did it
  description*   text           what was done
  status*        status         how it stands; completed where it is not given
  session        session        in which session
  task           name           a name, by which a later event changes it; without one, a row
  kind           name           what kind of task, in a word of yours: success is counted by it
  file           line           the file it was about
  started        time           when it began
  ended          time           when it ended
  duration_s     number>=0      seconds it took; where it is not given, from started to ended
  error          text           why it failed
  route          route          where agent-route sent it
  model          name           the model that did it

experiment, by name: something that is tried, and judged by its metrics
  name*          name           what names it
  hypothesis     text           what is expected
  metric         name           the name of the metric that counts
  baseline       number         that metric before
  better         direction      which way is better
  status         verdict        running, or a person's own verdict
  team           name           the team that tries it
  agent          agent          the agent that tries it

metric: a measurement
  name*          name           what was measured
  value*         number         the value
  unit           name           its unit
  agent          agent          whose it is
  session        session        in which session
  experiment     name           the experiment it belongs to

pattern: something that happens again and again
  kind*          pattern        of which kind
  subject*       line           what
  agent          agent          whose it is
  evidence       text           what shows it

reward: how well something was done; agent-route learns from it
  agent*         agent          who did it
  value*         number(-1,1)   from -1, bad, to 1, good
  task           name           the task's name
  kind           name           the task's kind
  route          route          where it was done
  reason         text           why
  session        session        in which session

user_command: what a user asked for, so that repetition is noticed
  command*       text           as it was given
  agent          agent          whom
  session        session        in which session

lesson: something learned
  lesson*        text           what
  agent          agent          by whom
  session        session        in which session
  category       name           what it is about, in a word of yours

campaign, by name: a campaign of marketing
  name*          name           what names it
  team           name           the team that runs it
  channel        name           where it runs
  status         name           how it stands, in a word of yours
  budget         number>=0      what it may cost
  goal           text           what it is to reach
  started        time           when it began
  ended          time           when it ended

lead, by name: somebody who may become a customer
  name*          name           what names them
  campaign       name           the campaign that found them
  source         name           where they came from
  status         name           how it stands, in a word of yours
  value          number         what they may be worth

content, by name: a piece of content
  name*          name           what names it
  kind           name           such as post, page or video
  status         name           how it stands, in a word of yours
  campaign       name           the campaign it belongs to
  agent          agent          who made it
  url            line           where it is
  published      time           when it was published

repository, by name: a repository that is worked on
  name*          name           what names it
  url            line           its address
  path           line           where it is on this machine
  branch         name           the branch that counts

llm_usage: what calls of a model used
  model*         name           which
  agent          agent          whose call it was
  session        session        in which session
  input_tokens   whole>=0       tokens it was given
  output_tokens  whole>=0       tokens it gave
  cost           number>=0      US dollars
  seconds        number>=0      how long it took
  route          route          where it ran
  task           name           the task's name

pr_merged: a pull request that was merged
  agent*         agent          whose it was
  url            line           its address
  repository     name           the repository's name
  session        session        in which session

praise: a user's praise of an agent
  agent*         agent          who is praised
  reason         text           for what

award: points that a person gives (work-xp --award)
  agent*         agent          who gets them
  amount*        whole(1,1000)  how many
  reason*        text           for what

route: a decision of agent-route, with all it was made from
  task*          text           the task as it was given
  decision*      route          where it was sent
  rule*          name           the rule that decided
  score*         number         how sure it was
  evidence       object         what spoke for and against
  inputs         object         what else a replay needs

void: takes an event back, which then counts nowhere
  of*            id             that event's id
  reason*        text           why
"""

KINDS = """
name       one line of at most 200 characters, without control characters
line       one line of at most 2000 characters, without control characters
text       a text of any lines
agent      an agent's name: lower-case letters, digits, '-' and '_', at most 64
agents     a list of agents' names; as a word: backend,frontend
session    session-SECONDS, as work-session names it
id         1 to 64 letters, digits, '.', '_', ':' and '-'
time       RFC 3339 with a zone; in what work-log is given, any TIME of mind-options(7)
flag       true or false
number     a number; >=0 or (-1,1) says from where to where
whole      a number without a fraction, at most 1,000,000,000,000
object     a JSON object
status     pending, in_progress, completed, failed or blocked
route      local or cloud
direction  higher or lower
verdict    running, keep, kill or double_down
pattern    success, failure or repetition
"""


class FieldRule(NamedTuple):
    """A field of a type."""

    name: str
    kind: str  # of KINDS, without its span
    meaning: str
    required: bool
    least: float
    most: float

    def make_check(self) -> Check:
        if self.kind in ("number", "whole"):
            return kinds.make_number(self.least, self.most, whole=self.kind == "whole")
        return kinds.CHECKS[self.kind]


class Schema(NamedTuple):
    """A type. `by`: the fields that name what its events are put together for; () where every event
    is a row."""

    type: str
    by: tuple[str, ...]
    meaning: str
    fields: tuple[FieldRule, ...]


_HEAD = re.compile(r"([a-z_ ]+?)(?:, by ([a-z_, ]+))?:(.*)")
_FIELD = re.compile(r"  (\w+)(\*?) +(\w+?)(?:>=(\S+)|\((\S+),(\S+)\))? +(.*)")


def _read(table: str) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for block in table.strip().split("\n\n")[1:]:
        head, *rows = block.split("\n")
        type, by, meaning = _HEAD.fullmatch(head).groups("")  # type: ignore[union-attr]
        words = tuple(word for word in re.findall(r"\w+", by) if word != "and")
        found[type] = Schema(type, words, meaning.strip(), tuple(map(_read_field, rows)))
    return found


def _read_field(row: str) -> FieldRule:
    name, star, kind, *span, meaning = _FIELD.fullmatch(row).groups()  # type: ignore[union-attr]
    least = float(span[0] or span[1] or -kinds.LARGEST)
    return FieldRule(name, kind, meaning, bool(star), least, float(span[2] or kinds.LARGEST))


def describe(type: str) -> str:
    """What `work-log TYPE --help` prints, '' when there is no such type."""
    if type not in SCHEMAS:
        return ""
    schema, used = SCHEMAS[type], {field.kind for field in SCHEMAS[type].fields}
    blocks = [block.split("\n") for block in TABLE.strip().split("\n\n")[1:]]
    rows = next(rows for head, *rows in blocks if re.match(rf"{type}[,:]", head))
    told = [f"  {row}" for row in KINDS.strip().split("\n") if row.split()[0] in used]
    title, by = f"NAME\n  work-log {type} - {schema.meaning}\n", ", ".join(schema.by)
    merged = [f"DESCRIPTION\n  Events of the same {by} are put together.\n"] if by else []
    fields = ["FIELDS (* is required)", *rows, *blocks[0][1:], ""]
    ends = ["KINDS", *told, "", "SEE ALSO", "  work-log(1) mind-journal(5)", ""]
    return "\n".join([title, *merged, *fields, *ends])


SCHEMAS = _read(TABLE)
#: the fields that every event has besides those of its type
COMMON = SCHEMAS.pop("every event").fields
