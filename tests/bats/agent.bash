# An embedding server on this machine, and a past to recall.

bats_require_minimum_version 1.5.0

# serve: vectors of 16 numbers by letters; sets URL and SERVER; each text asked for is a line of the file 'asked'
serve() {
  "$PYTHON" - "$BATS_TEST_TMPDIR" <<'EOF' 3>&- &
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(sys.argv[1] + "/asked", "a") as file:
            file.writelines(json.dumps(text) + "\n" for text in body["input"])
        vectors = [[1.0 + sum(ord(c) % 16 == n for c in text) for n in range(16)] for text in body["input"]]
        data = json.dumps({"data": [{"index": i, "embedding": v} for i, v in enumerate(vectors)]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + "/port.new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + "/port.new", sys.argv[1] + "/port")
server.serve_forever()
EOF
  SERVER=$!
  until [ -e "$BATS_TEST_TMPDIR/port" ]; do kill -0 $SERVER || return 1; sleep 0.02; done
  export OPENAI_BASE_URL="http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")/v1"
  export MIND_EMBED_MODEL=openai:letters
}

end_server() {
  if [ -n "${SERVER:-}" ]; then
    kill "$SERVER" 2> /dev/null || true
    wait "$SERVER" 2> /dev/null || true
    SERVER=
  fi
  return 0
}

teardown() { end_server; }

# a_past: six turns in two contexts, at lines 3 6 9 12 of the first, 3 and 6 of the second
a_past() {
  mem-append --jsonl <<'EOF' > refs
{"context":"discord-thread/123","timestamp":"2026-01-20T10:00:00Z","role":"user","author":"Ann","content":"pm2 hangs when I restart it"}
{"context":"discord-thread/123","timestamp":"2026-01-20T10:01:00Z","role":"agent","content":"Kill the daemon with pm2 kill, then resurrect."}
{"context":"discord-thread/123","timestamp":"2026-01-20T10:02:00Z","role":"tool","content":"zebra processes: none","meta":{"name":"bash"}}
{"context":"discord-thread/123","timestamp":"2026-01-20T10:03:00Z","role":"user","author":"Ann","content":"Das Fahrrad für Jürgen steht im Keller, 30 €"}
{"context":"discord-channel/garden","timestamp":"2026-01-29T10:00:00Z","role":"user","author":"Ben","content":"Tomatoes want sun and water"}
{"context":"discord-channel/garden","timestamp":"2026-01-29T10:01:00Z","role":"agent","content":"Water them at the root."}
EOF
  GARDEN=logs/discord-channel/garden/20260130T142355Z.md
}

# files: everything in the home, with times and sums
files() {
  find "$MIND_HOME" -exec "$PYTHON" -c '
import hashlib, os, sys
for path in sorted(sys.argv[1:]):
    stat = os.lstat(path)
    print(path, oct(stat.st_mode), stat.st_mtime_ns, hashlib.sha256(open(path, "rb").read()).hexdigest() if os.path.isfile(path) else "")' {} +
}
