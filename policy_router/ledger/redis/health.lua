-- Reads what is kept of the health of models, and replaces one text, in one atomic step of the
-- server. These are no counters: the history of the ledger (see verbs.lua) does not contain them.
--
-- KEYS[1]  the prefix of every key
-- ARGV     Unix time ("" for the server's own clock); then nothing to read all, or to replace one:
--          key; "=" and the text before, or "" for none; text after; seconds to keep it; the most
--          texts
-- returns  all keys and texts in turn; or "=" and the text that is kept now, or "" for none
--
-- <base>:health  hash: the key of each text -> "<expires> <text>"

local call = redis.call
local HEALTH = KEYS[1] .. ":health"
local now = tonumber(ARGV[1])
if not now then
  local t = call("TIME")
  now = t[1] + t[2] / 1000000
end

local kept, found, count = {}, {}, 0
local all = call("HGETALL", HEALTH)
for i = 1, #all, 2 do
  local expires, text = string.match(all[i + 1], "^(%S+) (.*)$")
  if tonumber(expires) > now then
    kept[all[i]] = text
    count = count + 1
    found[#found + 1] = all[i]
    found[#found + 1] = text
  elseif ARGV[2] then
    call("HDEL", HEALTH, all[i])
  end
end
if not ARGV[2] then
  return found
end

local key, before, after, lasts = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local there = kept[key] and ("=" .. kept[key]) or ""
if there ~= before or (there == "" and count >= tonumber(ARGV[6])) then
  return there
end
call("HSET", HEALTH, key, string.format("%.17g ", now + lasts) .. after)
call("EXPIRE", HEALTH, math.max(math.ceil(lasts), call("TTL", HEALTH)))
return "=" .. after
