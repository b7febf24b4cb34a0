"""google-genai as the suite uses it: a client for the Gemini API, its errors as ours.

The library takes over a second to import, so it is imported where a client is made.
"""

from collections.abc import Callable
from typing import Any

from ..ground.address import is_this_machine
from ..ground.errors import Failure, Unavailable
from . import http

WHO = "Google"


def make_client(key: str, url: str, version: str, timeout: float) -> Any:
    """A client that does not retry by itself: retrying is one policy's business."""
    import ssl

    from google import genai
    from google.genai import types

    # trusts nobody, and costs nothing: the library would load all certificates for each way of
    # asking, the two that are not used here as well, 18 ms a time
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    plain = {"verify": blind} if url.startswith("http:") else {}
    options = types.HttpOptions(
        base_url=url,
        api_version=version,
        timeout=int(timeout * 1000),
        retry_options=types.HttpRetryOptions(attempts=1),
        # a redirect could carry texts and the key to another host, as a proxy would those for a
        # server on this machine
        client_args={"follow_redirects": False, "trust_env": not is_this_machine(url), **plain},
        async_client_args={"ssl": blind, **plain},
    )
    # said outright, or GOOGLE_GENAI_USE_VERTEXAI would send texts somewhere else
    return genai.Client(api_key=key, vertexai=False, http_options=options)


def call(request: Callable[[], Any], key: str) -> Any:
    """What a request returns, its errors as ours, without the key."""
    from google.genai import errors

    try:
        return request()
    except Failure:
        raise
    except errors.APIError as error:
        text = " ".join(str(error.message or error.status or "").split())
        after = (getattr(error.response, "headers", None) or {}).get("retry-after")
        raise http.failure_of_status(WHO, error.code or 500, text, after, [key]) from None
    # of its HTTP library, of pydantic, of json: whatever came was not an answer
    except Exception as error:
        name = type(error).__name__  # of whichever HTTP library google-genai uses
        if "Timeout" in name:
            raise Unavailable(f"{WHO} did not answer in time") from None
        if "Connect" in name:
            cure = "check the network, or GOOGLE_GEMINI_BASE_URL if it is set"
            raise Unavailable(f"{WHO} cannot be reached", cure=cure) from None
        if name in ("ReadError", "WriteError", "RemoteProtocolError"):
            raise Unavailable(f"{WHO} broke off its answer") from None
        raise Unavailable(f"{WHO} answered something that cannot be read") from None
