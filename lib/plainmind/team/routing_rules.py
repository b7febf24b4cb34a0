"""Which tasks are for the local model, and which never are, as tables that a person can read.

`routing` reads them. A phrase is words one after another; each word stands for its plural too, and
`x*` for every word that begins so. Words are the parts of what was written: `AuthService`,
`auth-service` and `auth/service.ts` all hold 'auth'. `<...>` is a class of words (routing.CLASSES).
"""

from typing import NamedTuple


class Rule(NamedTuple):
    """A clause that begins with one of `acts`, and has one of `objects` and of `places` behind it,
    is of `kind`. Without objects or places the act, or the two, are enough."""

    kind: str
    score: float  # how sure that is, 0..1
    acts: str
    objects: str = ""
    places: str = ""


#: kinds of the local model, and where a clause of that kind may say what it is about: a typo in the
#: README's section on authentication is a typo. '' is nowhere; 'behind' its object, lest an object
#: at the end make a harmless task of what stands before it; 'anywhere' for what only reads
LOCAL = {
    "packages": "",
    "formatting": "behind",
    "logs": "anywhere",
    "errors": "anywhere",
    "notes": "behind",
    "config": "",
    "tests": "",
}

#: topics that are names of packages as well, which may be updated
NAMES = "graphql prisma apollo mysql postgresql".split()

#: kinds that are never local
FORBIDDEN = ("security", "schema", "resolvers", "logic", "architecture")

_NOTES = (
    "claude md, agents md, gemini md, notes md, note md, todo md, memory md, notes file, "
    "into the notes, to the notes, in the notes, the notes of this session"
)
_TEXTS = (
    "readme, changelog, contributing, docs, documentation, wiki, user guide, <markdown>, "
    "markdown file, guide s, policy, docstring, code comment, comments of, comments in"
)
_FAULTS = (
    "typo, spelling, misspell*, grammar, formatting, markdown, punctuation, heading, "
    "indentation, broken link, dead link, link, whitespace, blank line, table of contents, "
    "bullet list, numbered list, code block, line length, code fence, misaligned, "
    "sentence case"
)
_COMMENTS = "docstring, comments of, comments in, code comment"
_LOGS = "log, <log>, console output, ci output, run s output, test run, output of the"
_NIGHT = (
    "<log>, yesterday, last night, night, nightly, overnight, this morning, today, output, session"
)
_ERRORS = (
    "error message, stack trace, stacktrace, traceback, stderr, compiler error, compiler s output, "
    "compiler output, build output, pytest output, eslint output, ci error, git error, exit code, "
    "test output, this error, this exception, <error>"
)
_OUTPUTS = "output, stack trace, stacktrace, traceback, stderr, <error>, <log>, ci error, ci output"
MANAGERS = (
    "yarn, npm, pnpm, pip, pip3, pipx, uv, poetry, cargo, go, bundle, composer, gem, brew, apt"
)
_TOOLS = (
    "<config>, jest, vitest, eslint, eslintrc, prettier, ruff, mypy, pytest, tsconfig, "
    "editorconfig, gitignore, dockerignore, nvmrc, linter, lint rule, log level, loglevel, "
    "line length, tab width, cron, telemetry, dev server, development config, dev config, "
    "package json, vscode"
)

#: what users of a program see: such words make the same act another task
_PRODUCT = (
    "component, widget, screen, modal, dialog, button, menu, toolbar, sidebar, footer, header, "
    "the app, the ui, the admin ui, in the dashboard, on the dashboard, landing page, "
    "settings page, search result, the search, viewer, thread view, feature, users, customers, "
    "renderer, middleware, endpoint, websocket, toast, animation, support for, "
    "editor, preview, form, handling, parser, banner, theme, mode, site"
)

RULES = [
    Rule(
        "packages",
        0.9,
        "bump, update, upgrade, downgrade, pin, unpin, install, add, remove, uninstall, delete, "
        "refresh, regenerate, dedupe, move, take, dependency bump, dependency update, "
        "package update",
        "package, dependenc*, devdependenc*, dep, lockfile, lock file, patch version, "
        "latest patch, minor version, newer minor, eslint plugin, pre commit hook, <lockfile>",
    ),
    Rule(
        "packages",
        0.9,
        MANAGERS,
        "add, install, remove, uninstall, up, update, upgrade, dedupe, get, outdated, tidy, "
        "lock, sync",
    ),
    Rule(
        "packages",
        0.8,
        "bump, upgrade, downgrade, pin, update, dependency bump, dependency update",
        "<version>",
    ),
    Rule("packages", 0.7, "run, commit, tidy", f"lockfile, <lockfile>, {MANAGERS}"),
    Rule("packages", 0.7, "freeze, pin, lock", "version"),
    Rule("packages", 0.55, "bump"),
    Rule("formatting", 0.9, "format, reformat, align, indent", "table, column", _TEXTS),
    Rule(
        "formatting",
        0.9,
        "format, reformat, wrap, rewrap, indent, align, prettify, lint, sort, alphabeti*, tidy, "
        "clean up, renumber",
        _TEXTS,
    ),
    Rule("formatting", 0.9, "fix, correct, remove", "typo, spelling, misspell*"),
    Rule(
        "formatting",
        0.9,
        "fix, correct, clean, clean up, tidy, remove, repair, add, make, convert, turn, use, "
        "strip, trim, normali*, unify, change, replace, the",
        _FAULTS,
        _TEXTS,
    ),
    Rule("formatting", 0.8, "run prettier, run markdownlint, prettier", _TEXTS),
    Rule("formatting", 0.7, "typo, spelling, formatting, markdown", _TEXTS),
    Rule("formatting", 0.7, "replace, rename", _TEXTS),
    Rule("formatting", 0.55, "update, add, mention, change, shorten", _TEXTS),
    Rule(
        "logs",
        0.9,
        "summari*, give me a summary, give me a short summary, give a summary, make a summary, "
        "write a summary, give a one paragraph summary, short summary, summary, condense, "
        "make a digest, digest, boil, tl dr, tldr, log summary, recap, "
        "write a three sentence summary, write a short summary",
        _LOGS,
    ),
    Rule(
        "logs",
        0.8,
        "list, count, group, extract, show, filter, collect, how many, how often, which, print",
        _LOGS,
        _NIGHT,
    ),
    Rule("logs", 0.7, "what happened, what went wrong", "session, run, night", ""),
    Rule("logs", 0.7, "log summary"),
    Rule(
        "errors",
        0.9,
        "parse, explain, read, extract, classify, identify, pull, decode, interpret, "
        "translate this, translate the",
        _ERRORS,
    ),
    Rule("errors", 0.8, "classify, identify, read, extract, pull, explain", "error", _OUTPUTS),
    Rule("errors", 0.8, "find, list, show, turn, give, tell me, which, count, group", _OUTPUTS),
    Rule("errors", 0.8, "what does, what is meant by", _ERRORS),
    Rule(
        "notes",
        0.9,
        "update, add, append, remove, note, record, mark, put, write, write down, move, delete, "
        "copy, change, mention, jot down, list, say, document, tick, sort, correct, fix",
        _NOTES,
    ),
    Rule(
        "config",
        0.8,
        "set, change, enable, disable, raise, lower, increase, decrease, reduce, turn on, "
        "turn off, switch, switch on, switch off, add, remove, exclude, include, ignore, bump, "
        "rename, update",
        _TOOLS,
    ),
    Rule("config", 0.7, "set", "<assignment>"),
    Rule(
        "tests",
        0.9,
        "generate, add, write, create, scaffold, make, basic test, simple test, unit test",
        "unit test, test file, test case, snapshot test, smoke test, test stub, test skeleton, "
        "basic test, simple test, basic pytest, simple pytest, render test, test fixture, "
        "missing test, test for the, helper",
    ),
    Rule("tests", 0.7, "generate, add, write, create", "a test that, a test for, pytest"),
    Rule("tests", 0.55, "generate, add, write, create", "test"),
]

#: what makes a clause less sure: by how much, in which kinds ('' for all), and what it is
DOUBTS = [
    (0.15, "packages config tests formatting notes", "all, every, everything, whole, entire"),
    (0.3, "", "complex, tricky, careful*, why, root cause, retry, fix it, fix them"),
    (
        0.3,
        "packages config tests",
        "production, prod, live, monorepo, codebase, performance, faster, slow, cache, caching, "
        "pipeline, deploy*, kubernetes, k8s, docker, nginx, terraform",
    ),
    (
        0.5,
        "packages config tests",
        "major, breaking, breaks, integration, end to end, e2e, load test, property test, fuzz*, "
        "race, concurren*, flaky, next version, from scratch, behaviour, behavior, unless, except, "
        "per tenant, between, injection, tracking, layout, plan",
    ),
    (0.5, "", "rework*, redo, if possible, where needed"),
    (0.5, "packages formatting logs errors notes config", _PRODUCT),
]

#: what is never local wherever it stands: acts and names of the forbidden kinds
NEVER = {
    "schema": "schema design, design schema, data model, data modelling, data modeling, backfill*, "
    "normali* the, normali* table, denormali*, foreign key, primary key, soft delete, er diagram, "
    "alter table, drop table, create table",
    "logic": "business logic, business rule, calculat*, prorat*, reconcil*, state machine, "
    "scheduling algorithm, algorithm, implement*",
    "architecture": "architect, rearchitect*, redesign*, architecture decision, architectural*, "
    "microservice, monolith*, refactor*, rewrit*, restructur*, decoupl*, multi tenant, "
    "multitenant, "
    "decide, decides, choose, evaluate, propose, trade off, should we, should i, scale, scaling, "
    "failover, event bus, event driven, think through, system design, topology",
    "security": "security critical, authenticate, authorise, authorize, harden*, encrypt*, "
    "decrypt*, sanitis*, "
    "sanitiz*, impersonat*, vulnerab*, exploit*, cve, rotate, revoke, sql injection, xss, csrf, "
    "chmod, chown, sudo, authorized key, penetration, timing attack, backdoor, escalat*",
    "resolvers": "resolver, dataloader, n 1, federat*, graphql mutation, graphql type, graphql api",
}

#: what such tasks are about: not local either, unless LOCAL lets a kind be about it
TOPICS = {
    "schema": "schema, database, table, column, migration, migrate*, sql, postgres*, mysql, "
    "prisma, "
    "model, relation, index on, cascade, nullable, entit*, event store",
    "logic": "pric*, invoice, invoicing, billing, bill, payment, payout, payroll, pay, tax, vat, "
    "discount, coupon, refund, commission, fee, overtime, eligib*, workflow, approval, ledger, "
    "booking, shift, delivery, deliveries, charge, cancel*, optimi*, scheduling, scheduler, "
    "rule that, "
    "the rules, compute, matching, priority",
    "architecture": "architecture, design, boundaries, domain, message queue, queue, service, "
    "distributed, plugin system, sharding, replication, caching strategy, event sourcing, "
    "state management, sync, offline, region, topology",
    "security": "auth, authn, authz, authent*, authoriz*, authoris*, login, log in, logout, "
    "signin, "
    "sign in, signup, password*, passphrase, passwd, credential, secret, token, jwt, jsonwebtoken, "
    "oauth*, oidc, saml, sso, cookie, permission, privilege, role, rbac, acl, access control, "
    "access right, admin, crypto*, cipher, bcrypt, argon2, scrypt, hash, hashing, hashes, "
    "tls, ssl, "
    "openssl, https, certificate, cors, csp, content security, security, secure*, insecure, "
    "injection, escap*, signature, sign, signed, signing, firewall, iam, sandbox*, api key, "
    "public key, private key, ssh, key, two factor, 2fa, mfa, totp, webauthn, passkey, rate "
    "limit*, "
    "captcha, gdpr, pii, personal data, <secrets>, helmet, vault, kms, keychain, attack*, public, "
    "trust*, allow every, allow all, skip*, unsafe, root, audit",
    "resolvers": "graphql, subscription, mutation, apollo, pagination, nested, fragment, "
    "union type, "
    "quer*",
}

#: orders that a task may give; one clause gives one of them, and a second one is another task
VERBS = (
    "add allow append apply approve assign attach batch block build bump bypass call cancel "
    "change check choose "
    "clean combine compute configure connect convert copy create decide define delete deploy "
    "design develop "
    "disable document downgrade draft draw drop enable ensure escape evaluate expose extend "
    "extract fix "
    "format generate give grant handle hash hide hook implement improve include increase "
    "install integrate "
    "introduce investigate join let make merge migrate model move open optimise optimize "
    "paginate partition "
    "plan prevent propose protect publish rebuild redirect reduce refactor remove rename "
    "replace reset resolve restructure return review rewrite rotate round route sanitise "
    "sanitize save seed send set "
    "ship sign skip solve speed split store support switch sync translate tune turn update upgrade "
    "validate verify wire wrap write"
).split()

#: what may go on behind 'and' or a comma: things that the rules are about, and orders that only
#: read. Any other word there may be an order that nobody foresaw
THINGS = ", ".join(
    [
        _TEXTS, _FAULTS, _LOGS, _NIGHT, _ERRORS, _OUTPUTS, _NOTES, _TOOLS,
        "<version>, <lockfile>, lockfile, package, dependenc*, devdependenc*, disk, error, "
        "warning, line, line number, column, rule, command, message, file, code, test, stack, "
        "table, list, paragraph, sentence, section, title, example",
    ]
)  # fmt: skip
READ_ON = "summari*, name the field"
#: what may stand before such a thing, and the first also behind it
PREPOSITIONS = frozenset("in of for from at on with by as under out".split())
DETERMINERS = frozenset(
    "the a an this that these its their our my each every all other which please thanks also "
    "failing broken dead missing blank old new".split()
)
#: what joins an order to what stands before it, with a comma, a colon and a dash
JOINS = frozenset("and then but plus also & && | || + or afterwards followed".split())

#: what may stand before an order, and means nothing
OPENINGS = frozenset(
    "please can could would you just simply quickly now then also next finally kindly hey hi hello "
    "chore deps docs style ci test build todo task we i need want to us let s help me "
    "ok okay so first second third lastly".split()
)

#: sentences beside a task that ask for nothing
REMARKS = (
    "thanks, thank you, nothing else, that is all, no code changes, no other changes, "
    "keep it short, keep the order, one paragraph is enough, cheers"
)

#: a task that speaks of its own route or of its reader's orders is not taken at its word
OWN_ROUTE = (
    "route it, route this, route to, route as, routed, local model, run locally, use local, "
    "use the local, as local, to local, it local, this local, is local, stay local, agent route, "
    "cloud, ignore previous, ignore all, ignore the, ignore any, disregard, instruction, "
    "system prompt, you are, pretend, override, low complexity, task complexity"
)

#: words of other languages, where two of them say that this is not English
FOREIGN = frozenset(
    "und oder nicht mit fur der das den dem ein eine einen bitte im zum aus dass "
    "el los las una con para por del que y en al "
    "les une et avec pour dans sur est au aux des du "
    "gli della che nel il och att som av til een het voor van met niet".split()
)
