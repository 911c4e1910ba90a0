-- Adds a batch of tallies, in one atomic step of the server, unless it was added before. Tallies are
-- no counters: the history of the ledger (see verbs.lua) does not contain them.
--
-- KEYS[1]  the prefix of every key
-- ARGV     Unix time ("" for the server's own clock); topic; source; number of the batch; days to
--          keep tallies; days to know the source; then for each count: day; "<key>\31<name>"; number
-- returns  1 when it was added now, else 0
--
-- <base>:tally-source:<source>   string: the number of the last batch that was added
-- <base>:tallies:<topic>         hash: day -> a number that changes whenever something is added
-- <base>:tallies:<topic>:<day>   hash: "<key>\31<name>" -> count

local call = redis.call
local topic = KEYS[1] .. ":tallies:" .. ARGV[2]
local source = KEYS[1] .. ":tally-source:" .. ARGV[3]
local now = tonumber(ARGV[1])
if not now then
  now = tonumber(call("TIME")[1])
end

if tonumber(call("GET", source) or 0) >= tonumber(ARGV[4]) then
  return 0
end
call("SET", source, ARGV[4], "EX", ARGV[6] * 86400)
local days = {}
for i = 7, #ARGV, 3 do
  local day = ARGV[i]
  days[day] = true
  call("HINCRBY", topic .. ":" .. day, ARGV[i + 1], ARGV[i + 2])
end
local oldest = math.floor(now / 86400) - ARGV[5]
for day in pairs(days) do
  call("HINCRBY", topic, day, 1)
  local left = (tonumber(day) - oldest + 1) * 86400
  call("EXPIRE", topic .. ":" .. day, math.max(left, 1))
end
for _, day in ipairs(call("HKEYS", topic)) do
  if tonumber(day) < oldest then
    call("HDEL", topic, day)
  end
end
return 1
