"""Which addresses are this machine's own: what goes there does not leave it."""

import re

#: what one reader of URLs takes for part of a name and another for its end
_DOUBTFUL = re.compile(r"[\s\\\x00-\x1f\x7f]")


def is_this_machine(url: str) -> bool:
    """Whether a URL's host is loopback."""
    from urllib.parse import urlsplit

    try:
        return not _DOUBTFUL.search(url) and is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether a host is localhost, or an address in 127.0.0.0/8 or ::1 written out. A name that
    merely resolves to one is not: who answers for the name may change its mind."""
    import ipaddress

    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
