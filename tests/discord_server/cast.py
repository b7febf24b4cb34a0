"""Who and what is there when the server starts, by fixed ids."""

TOKEN = "loopback-bot-token-for-tests-only"
WEBHOOK_TOKEN = "loopback-webhook-token-for-tests-only"

GUILD = "1100000000000000001"
CHANNEL = "1100000000000000010"
ELSEWHERE = "1100000000000000011"
DM = "1100000000000000012"
BOT = "1100000000000000020"
OWNER = "1100000000000000021"
STRANGER = "1100000000000000022"
WEBHOOK = "1100000000000000023"
ROLE = "1100000000000000030"

#: (id, name, is it a bot)
PEOPLE = [(BOT, "plainmind", True), (OWNER, "ada", False), (STRANGER, "mallory", False)]
