"""What looks like a secret is told from what only speaks of one: a warning that cries wolf is
switched off."""

import pytest
from plainmind.formats import secrets
from plainmind.truth.log import warning

KEY = "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0z"

SECRETS = [
    f"sk-{KEY}", f"my key: sk-proj-{KEY}", f"ghp_{KEY}", f"AIza{KEY}aB3dE6",
    f"github_pat_{KEY}",
    "AKIAQ3EGRT7YUIOP4ZXC", f"use {KEY}{KEY[:9]}= here", f"AWS_SECRET={KEY}/{KEY[:8]}",
    "-----BEGIN OPENSSH PRIVATE KEY-----", "postgres://ann:s3cr3t-Pw@db.example.net/x",
    f"https://discord.com/api/webhooks/123456789012345678/{KEY}",
    f"curl -H 'Authorization: Bearer {KEY}'", "The wifi password is hunter2-Blue-42.",
    "password: Tr0ub4dor&3", "PASSWORD=correct!horse7", "passwort ist Kx9-blau",
    "pwd = 'q1w2e3r4t5'",
    "api_key: 9f8e7d6c5b4a39281706", "token=Zx81-Qwe-77", "my pin is 48151", "the door code: 7741",
    "Das Kennwort lautet Kx9-blau", "PIN lautet: 4711", "la contraseña es hunter2-Blue",
    "Mi clave: gato77x", "Le mot de passe est hunter2-Blue", "пароль: qwe123rty",
    "Пароль это qwe123rty", "код: 7741", "hasło to kot-77-pies", "パスワードはhunter2Blueです",
    "パスワード：hunter2Blue", "暗証番号は4711", "密码是hunter2Blue", "密碼：hunter2", "口令：481516",
    "비밀번호는 hunter2Blue 입니다", "senha é gato-77", "wachtwoord is kat-77-x",
    "la parola è gatto-77", "şifre: kedi-77-x", "codice: 48151", "código: 7741",
    "पासवर्ड है billi-77x", "كلمة المرور: qwe123rty", "mật khẩu là meo-77x",
    "Visa 4111 1111 1111 1111", "4012888888881881", "amex 3782-822463-10005",
]  # fmt: skip
OTHERS = [
    "The password is required.", "password: Required", "I forgot my password", "passwords are",
    "reset your password: click the link below", "What is a token? A token is a word", "API key",
    "api_key = os.environ['OPENAI_API_KEY']", "password=$PASSWORD", "token: <your-token-here>",
    "password: ********", "sk-xxxxxxxxxxxxxxxxxxxxxxxx", "export KEY=your_api_key_1", "PASSWORD=…",
    "password: changeme1", "see https://example.net/a/b?key=value", "max_tokens: 4096",
    "commit 9b81d14f0e5c3a7b9d2e4f6a8c0b1d3e5f7a9b1c", "id 123e4567-e89b-12d3-a456-426614174000",
    "logs/discord-thread/123/20260130T142355Z.md:3", "sha256:" + "0f" * 32, "4096 tokens is a lot",
    "/usr/lib/python3.11/site-packages/numpy/core/fromnumeric.py", "the code: see below",
    "getUserByEmailAddressFromTheDatabase", "pin is set", "rid_K5V4M2J7Q2ZP", "code 200 is fine",
    "see Code_Architecture_Design_1-DM-S2_02-03",
    "postgresql://testuser:testpassword@localhost/x",
    "4111 1111 1111 1112", "call 0049 1711 2345 678", "id 1334567890123456789", "at 1769783035120",
    "7111 1111 1111 1116", "mi contraseña es secreta", "пароль нужен", "パスワードは必要です", "密码是什么",
    "la parola è d'argento", "kod: dostępu",
    "the token is e.g. a word", "password is at least 8 characters", "Bearer of bad news comes",
]  # fmt: skip


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_seen(text):
    assert secrets.find(text) and warning.find_suspects([("ref", text)]) == ["ref"]


@pytest.mark.parametrize("text", OTHERS)
def test_what_only_speaks_of_one_is_not(text):
    assert secrets.find(text) == []
