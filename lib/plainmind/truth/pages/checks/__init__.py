"""The checks of pages, one subject a module; `registry` names them. `vault` is what they look at.

A check of a page by itself is `find_problems(page, scan)`, which gives `PageProblem`s: what it
says is kept until the page changes, so it looks at nothing else, and not at the time. A check of
pages among the others is `find_problems(page, vault)`; there a page has no body, and `vault.facts`
what is known of it. A check of all of them together is `find_findings(vault)`, which gives
`Finding`s. None changes anything, and none knows the index."""
