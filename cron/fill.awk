# @BIN@ and @HOME@ become the values of the variables BIN and DIR, byte for byte.
function put(text, mark, value,   at, done) {
  while (at = index(text, mark)) {
    done = done substr(text, 1, at - 1) value
    text = substr(text, at + length(mark))
  }
  return done text
}
{ print put(put($0, "@BIN@", ENVIRON["BIN"]), "@HOME@", ENVIRON["DIR"]) }
