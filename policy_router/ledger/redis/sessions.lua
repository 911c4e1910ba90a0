-- Writes what is kept of a session, in one atomic step of the server. Sessions are no counters: the
-- history of the ledger (see verbs.lua) does not contain them.
--
-- KEYS[1]  the prefix of every key
-- ARGV     key of the session; time of the record; rank; text; seconds to keep it; the most
--          sessions; Unix time ("" for the server's own clock)
--
-- <base>:session:<key>  string: "<at> <rank> <expires> <text>"
-- <base>:sessions       sorted set: the keys of sessions by the time at which they expire

local call = redis.call
local base, id = KEYS[1], ARGV[1]
local SESSION, SESSIONS = base .. ":session:", base .. ":sessions"
local at, rank, text = ARGV[2], ARGV[3], ARGV[4]
local now = tonumber(ARGV[7])
if not now then
  local t = call("TIME")
  now = t[1] + t[2] / 1000000
end
local expires = now + ARGV[5]

local kept = call("GET", SESSION .. id)
if kept then
  local at_before, rank_before, ends, before = string.match(kept, "^(%S+) (%S+) (%S+) (.*)$")
  if tonumber(ends) > now then
    rank = math.max(rank, rank_before)
    expires = math.max(expires, ends)
    if tonumber(at_before) > tonumber(at) then
      at, text = at_before, before
    end
  end
end
local value = string.format("%s %d %.17g %s", at, rank, expires, "") .. text
call("SET", SESSION .. id, value, "PX", math.ceil((expires - now) * 1000))
call("ZADD", SESSIONS, string.format("%.17g", expires), id)
call("ZREMRANGEBYSCORE", SESSIONS, "-inf", string.format("%.17g", now))
local excess = call("ZCARD", SESSIONS) - ARGV[6]
if excess > 0 then
  local dropped = call("ZPOPMIN", SESSIONS, math.min(excess, 100))
  for i = 1, #dropped, 2 do
    call("DEL", SESSION .. dropped[i])
  end
end
return 1
