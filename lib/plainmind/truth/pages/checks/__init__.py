"""The checks of pages, one subject a module; `registry` names them. `vault` is what they look at.

A check of pages one by one is `find_problems(page, vault)`, which gives `PageProblem`s. A check of
all of them together is `find_findings(vault)`, which gives `Finding`s. None changes anything, and
none knows the index."""
