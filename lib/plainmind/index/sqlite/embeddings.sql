-- Every event that is to be embedded, with its vector of the model that answers now, which is made
-- little-endian float32 here (1 ms): vectors has what is stored.
CREATE VIEW embeddings AS
SELECT (WITH RECURSIVE
       byte(all_of) AS (SELECT CAST(
           x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f' ||
           x'202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f' ||
           x'404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f' ||
           x'606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f' ||
           x'808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f' ||
           x'a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf' ||
           x'c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf' ||
           x'e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff' AS BLOB)),
       place(at) AS (
           SELECT 1 UNION ALL SELECT at + 2 FROM place WHERE at + 2 < length(vectors.embedding)),
       half(at, bits) AS (
           SELECT at, 256 * instr(all_of, substr(vectors.embedding, at + 1, 1)) - 257 +
               instr(all_of, substr(vectors.embedding, at, 1)) FROM place, byte),
       -- a number below 2^-14 has no leading 1: its first one is looked for
       number(at, sign, exponent, fraction, first) AS (
           SELECT at, bits >> 15, bits >> 10 & 31, bits & 1023,
               (bits & 1023 > 1) + (bits & 1023 > 3) + (bits & 1023 > 7) + (bits & 1023 > 15) +
               (bits & 1023 > 31) + (bits & 1023 > 63) + (bits & 1023 > 127) +
               (bits & 1023 > 255) + (bits & 1023 > 511) FROM half),
       single(at, bits) AS (
           SELECT at, (sign << 31) | CASE
               WHEN exponent > 0 THEN (exponent + 112 << 23) | (fraction << 13)
               WHEN fraction > 0 THEN (first + 103 << 23) | (fraction - (1 << first) << 23 - first)
               ELSE 0 END
           FROM number ORDER BY at)
       SELECT CAST(group_concat(
           substr(all_of, (bits & 255) + 1, 1) || substr(all_of, (bits >> 8 & 255) + 1, 1) ||
           substr(all_of, (bits >> 16 & 255) + 1, 1) || substr(all_of, (bits >> 24) + 1, 1), ''
           ) AS BLOB) FROM single, byte)                              AS embedding,
       windows.path                                               AS path,
       events.line                                                AS line,
       events.timestamp                                           AS timestamp,
       events.role                                                AS role,
       events.author                                              AS author,
       substr(windows.context, 1, instr(windows.context, '/') - 1) AS surface,
       substr(windows.context, instr(windows.context, '/') + 1)   AS context_id,
       EXISTS (SELECT 1 FROM pins
               WHERE pins.path = windows.path AND pins.line = events.line) AS pinned,
       model.value                                                AS model,
       coalesce(vectors.status, 'pending')                        AS status,
       coalesce(vectors.attempts, 0)                              AS attempts,
       coalesce(vectors.error, '')                                AS error,
       coalesce(vectors.next_try, '')                             AS next_try,
       events.content                                             AS content
FROM events
JOIN windows ON windows.id = events.id / 16777216
LEFT JOIN settings AS model ON model.name = 'embed_model'
LEFT JOIN vectors
       ON vectors.kind = 'event' AND vectors.owner = events.id AND vectors.model = model.value
WHERE events.role IN ('user', 'agent');
