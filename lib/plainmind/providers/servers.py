"""Where the servers are and what opens them, from the environment. Knows no request or answer."""

import re

from ..ground.environment import Environment
from ..ground.errors import Misconfigured

GOOGLE = "https://generativelanguage.googleapis.com"
OPENAI = "https://api.openai.com/v1"
OLLAMA = "http://127.0.0.1:11434"

GOOGLE_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL")


def google_key(env: Environment) -> str:
    """'' where there is none."""
    return env.get("GEMINI_API_KEY").strip() or env.get("GOOGLE_API_KEY").strip()


def google_url(env: Environment) -> str:
    return env.get("GOOGLE_GEMINI_BASE_URL", GOOGLE).rstrip("/")


def google_version(env: Environment) -> str:
    """The version of the API, by google-genai's own variable and default."""
    return {"": "v1", "beta": "v1beta"}.get(said := env.get("GOOGLE_GENAI_API_VERSION"), said)


def require_google_key(env: Environment, setting: str) -> str:
    key = google_key(env)
    if not key:
        cure = f"put it in .env, or set {setting} to embedded"
        raise Misconfigured("GEMINI_API_KEY is not set", cure=cure)
    return key


def ollama_url(env: Environment) -> str:
    """OLLAMA_HOST as Ollama itself reads it: a scheme and a port may be missing."""
    host = env.get("OLLAMA_HOST").strip().rstrip("/")
    if not host:
        return OLLAMA
    scheme, mark, rest = host.rpartition("://")
    name = rest.partition("/")[0].rpartition("@")[2]
    if ":" not in name.rpartition("]")[2] and not mark:
        rest = f"{rest}:11434"
    # 0.0.0.0 is for listening everywhere, and cannot be called; 0.0.0.0.example is another name
    rest = re.sub(r"^0\.0\.0\.0(?=$|[:/])", "127.0.0.1", rest)
    return f"{scheme or 'http'}://{rest}"


def openai_url(env: Environment) -> str:
    return env.get("OPENAI_BASE_URL", OPENAI).rstrip("/")


def openai_variable(env: Environment) -> str:
    """The variable that names the server, '' where it is OpenAI's own."""
    return "OPENAI_BASE_URL" if env.get("OPENAI_BASE_URL") else ""


def openai_headers(env: Environment) -> dict[str, str]:
    """The key, if there is one; a server of one's own needs none."""
    key = env.get("OPENAI_API_KEY").strip()
    if not key and not env.get("OPENAI_BASE_URL"):
        cure = "put it in .env, or name a server in OPENAI_BASE_URL"
        raise Misconfigured("OPENAI_API_KEY is not set", cure=cure)
    return {"Authorization": f"Bearer {key}"} if key else {}
