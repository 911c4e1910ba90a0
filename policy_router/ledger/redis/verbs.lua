-- The verbs of the store, each of which is one atomic step of the server.
--
-- KEYS[1]  the prefix of every key; its hash tag keeps the keys together
-- ARGV     verb; Unix time ("" for the server's own clock); a header
--          "<entries to keep> <version> <lineage> <branch>" with the version and the lineage that
--          the caller saw last (0 and "" for none) and its own branch ("" when the ledger has it);
--          then the arguments of the verb
-- Returns  the answer of the verb, followed by the version; where the lineage is not the one that
--          the caller saw, or data was lost: [version, lineage, what was lost ("" for nothing)]
--
-- ledger/continuity.py explains versions and branches. A lineage is "<ledger>.<branch>".
--
-- <base>:meta          hash: now (the latest time), seq (the number of the last entry), lineage,
--                      version (changes so far), lost ("<since> <seen> <found>"), pruned (the
--                      version of the latest branch that was dropped)
-- <base>:branches      sorted set: lineages by the version at which they were succeeded
-- <base>:ledgers       hash: ledger -> "lost", or "accepted" once the loss was accepted
-- <base>:hold:<id>     string: state, expires, taken, forget, body (see `recall`)
-- <base>:leases        sorted set: open holds by the time they expire
-- <base>:window:<key>  hash: slot -> amount
-- <base>:count:<key>   hash: spent, held, told (the highest amount whose threshold was reported),
--                      opening (what entries that are no longer kept had spent); of a session also
--                      ends (when it is over), forgotten (what was spent before it was last over),
--                      born (the number of the last entry before this hash)
-- <base>:counts        sorted set: calendar counters by the time they are forgotten
-- <base>:seats:<key>   set: the open holds that count for concurrency
-- <base>:ledger        stream of entries; their ids are <milliseconds>-<seq>
--
-- Numbers are doubles in Lua, exact up to 2^53; callers send nothing larger. They are added with
-- HINCRBY, in 64 bits, and returned as text.

local REMEMBERED = 86400 -- seconds for which an ended hold is known
local KEPT = 62 * 86400 -- seconds for which a calendar counter is kept after its end
local SWEPT = 256 -- expired holds charged in one step, so that no step takes long
local TRIMMED = 64 -- entries trimmed in one step
local BRANCHES_KEPT = 1000

-- A charge is an array with these indices; WARN is an array of thresholds with the next ones.
-- IDLE is only there for the count of a session.
local KEY, METRIC, AMOUNT, CAP, WIDTH, SLOTS, START, FINISH, WARN = 1, 2, 3, 4, 5, 6, 7, 8, 9
local IDLE = 10
local SHARE, AT, LIMIT = 1, 2, 3

local call = redis.call
local base = KEYS[1]
local META, LEASES, COUNTS = base .. ":meta", base .. ":leases", base .. ":counts"
local LEDGER = base .. ":ledger"
local HOLD, WINDOW = base .. ":hold:", base .. ":window:"
local COUNT, SEATS = base .. ":count:", base .. ":seats:"
local BRANCHES, LEDGERS = base .. ":branches", base .. ":ledgers"
local rows_kept, seen_version, SEEN, JOIN = string.match(ARGV[3], "^(%d+) (%d+) (%S*) (%S*)$")
local SEEN_VERSION = tonumber(seen_version)

local clock = tonumber(ARGV[2])
if not clock then
  local t = call("TIME")
  clock = t[1] + t[2] / 1000000
end
local stored = call("HMGET", META, "now", "lineage", "version", "lost")
-- Time never goes back, not even when another server with a slower clock took over.
local shown = tonumber(stored[1] or 0)
local now = math.max(shown, clock)
local lineage, version, lost = stored[2], tonumber(stored[3] or 0), stored[4]
local advances, changes = false, false -- whether `now` and `version` are to be stored

local function advance()
  advances = now > shown
end

local function whole(n)
  return string.format("%.0f", n + 0) -- adding 0 turns -0, which HINCRBY rejects, into 0
end

local function exact(n)
  return string.format("%.17g", n)
end

-- From the server's clock to a time of the ledger, whose clock may be ahead.
local function milliseconds_until(time)
  return whole(math.ceil((time - clock) * 1000))
end

local function slot_of(time, charge)
  return math.floor(math.floor(time) / charge[WIDTH])
end

-- Continuity ----------------------------------------------------------------------------------

-- What is needed when data may be lost, and when a process begins. Defining a function costs every
-- run of the script a little, so these are defined only where they are used.
local function continuity()
  local steps = {}

  local function ledger_of(name)
    return string.match(name, "^[^.]*")
  end

  -- An id that no ledger had before.
  local function new_id()
    local parts = { JOIN, SEEN, lineage or "", whole(version), exact(clock) }
    return string.sub(redis.sha1hex(table.concat(parts, " ")), 1, 16)
  end

  -- Records a loss of data for all processes. seen: the version that a process saw; found: the
  -- version that is there; "-1" for unknown.
  function steps.notice(seen, found)
    if not lost then
      lost = exact(now) .. " " .. seen .. " " .. found
      call("HSET", META, "lost", lost)
    end
  end

  -- Checks whether the history of this ledger contains what the caller saw last.
  function steps.compare()
    local ours, theirs = lineage and ledger_of(lineage), ledger_of(SEEN)
    local there
    if ours ~= theirs then
      there = call("HGET", LEDGERS, theirs) == "accepted"
    elseif lineage == SEEN then
      there = version >= SEEN_VERSION
    else
      local succeeded = call("ZSCORE", BRANCHES, SEEN) or call("HGET", META, "pruned") or -1
      there = SEEN_VERSION <= tonumber(succeeded)
    end
    if not there then
      call("HSETNX", LEDGERS, theirs, "lost")
      steps.notice(whole(SEEN_VERSION), ours == theirs and whole(version) or "-1")
    end
  end

  -- Gives the ledger the branch of the caller, and an id where the server is empty.
  function steps.join()
    if lineage and lineage == ledger_of(lineage) .. "." .. JOIN then
      return -- by a command that was sent together with this one
    elseif lineage then
      call("ZADD", BRANCHES, version, lineage)
      if call("ZCARD", BRANCHES) > BRANCHES_KEPT then
        call("HSET", META, "pruned", call("ZPOPMIN", BRANCHES)[2])
      end
    end
    local id = new_id()
    lineage = (lineage and ledger_of(lineage) or id) .. "." .. (JOIN == "" and id or JOIN)
    call("HSET", META, "lineage", lineage)
  end

  -- Processes that saw a lost ledger go on with this one. It gets a new id, so that a later loss of
  -- its own data will be noticed.
  function steps.accept()
    for _, ledger in ipairs(call("HKEYS", LEDGERS)) do
      call("HSET", LEDGERS, ledger, "accepted")
    end
    if lineage then
      call("HSET", LEDGERS, ledger_of(lineage), "accepted")
    end
    lineage = new_id() .. "." .. new_id()
    call("HSET", META, "lineage", lineage)
    for _, name in ipairs(call("ZRANGE", COUNTS, 0, -1)) do
      if call("EXISTS", COUNT .. name) == 0 then
        call("ZREM", COUNTS, name)
      end
    end
    call("HDEL", META, "lost")
    lost, changes = false, true
  end

  function steps.has_capped_budget(charges)
    for _, charge in ipairs(charges) do
      if charge[CAP] >= 0 and string.sub(charge[KEY], 1, 8) == "budgets/" then
        return true
      end
    end
    return false
  end

  return steps
end

-- Holds ---------------------------------------------------------------------------------------

-- body: JSON [about, keys, charges], where `about` and `keys` are JSON texts; "" once it is no
-- longer needed.
local function recall(id)
  local text = call("GET", HOLD .. id)
  if not text then
    return nil
  end
  local state, expires, taken, forget, body =
    string.match(text, "^(%l+) (%S+) (%S+) (%S+) (.*)$")
  forget = tonumber(forget)
  if forget > 0 and forget <= now then
    return nil
  end
  return {
    id = id,
    state = state,
    expires = tonumber(expires),
    taken = tonumber(taken),
    forget = forget,
    body = body,
  }
end

local function keep(hold)
  changes = true
  local text = string.format(
    "%s %.17g %.17g %.17g %s",
    hold.state, hold.expires, hold.taken, hold.forget, hold.body
  )
  if hold.forget > 0 then
    call("SET", HOLD .. hold.id, text, "PX", milliseconds_until(hold.forget))
  else
    call("SET", HOLD .. hold.id, text)
  end
end

local function open_body(hold)
  local about, keys, charges = unpack(cjson.decode(hold.body))
  hold.about, hold.keys, hold.charges = about, keys, charges
end

-- Counters ------------------------------------------------------------------------------------

-- Open holds whose leases ran out and that were not charged yet; looked up once in a step.
local lapsed = nil

local function under_way(key)
  lapsed = lapsed or call("ZRANGEBYSCORE", LEASES, "-inf", now)
  local holds = call("SCARD", key)
  for _, id in ipairs(lapsed) do
    holds = holds - call("SISMEMBER", key, id)
  end
  return holds
end

-- What the count of a session shows; nil when it is not kept.
local function session(charge)
  local got = call("HMGET", COUNT .. charge[KEY], "spent", "held", "ends", "forgotten")
  if not got[1] or tonumber(call("ZSCORE", COUNTS, charge[KEY]) or 0) <= now then
    return nil
  end
  local count = {
    spent = tonumber(got[1]),
    held = tonumber(got[2]),
    ends = tonumber(got[3]),
    forgotten = tonumber(got[4]),
  }
  count.over = count.ends <= now and count.held == 0
  return count
end

-- Adds to what is held of a session. Its count is forgotten some time after it is over, but not
-- while something is held.
local function hold_of_session(charge, by)
  local key = COUNT .. charge[KEY]
  if call("HINCRBY", key, "held", whole(by)) > 0 then
    call("ZADD", COUNTS, "+inf", charge[KEY])
    call("PERSIST", key)
  else
    local forget = call("HGET", key, "ends") + KEPT
    call("ZADD", COUNTS, exact(forget), charge[KEY])
    call("PEXPIRE", key, milliseconds_until(forget))
  end
end

-- Lets a session last for its idle time from now on.
local function use_session(charge)
  local key, count = COUNT .. charge[KEY], session(charge)
  if not count then
    call("ZREMRANGEBYSCORE", COUNTS, "-inf", exact(now))
    call("DEL", key)
    local born = call("HGET", META, "seq") or "0"
    call("HSET", key, "spent", "0", "held", "0", "forgotten", "0", "born", born)
  elseif count.over then
    call("HSET", key, "forgotten", whole(count.spent))
    call("HDEL", key, "told")
  end
  call("HSET", key, "ends", exact(math.max(count and count.ends or 0, now + charge[IDLE])))
end

-- Before an entry of the hold is written: the count of a session begins with that entry.
local function use_sessions(hold)
  for _, charge in ipairs(hold.charges) do
    if charge[IDLE] then
      use_session(charge)
    end
  end
end

-- What is used of a counter, and the slots of a rolling window.
local function look(charge)
  if charge[WIDTH] > 0 then
    local slots = call("HGETALL", WINDOW .. charge[KEY])
    local oldest = slot_of(now, charge) - charge[SLOTS]
    local used = 0
    for i = 1, #slots, 2 do
      if tonumber(slots[i]) >= oldest then
        used = used + slots[i + 1]
      end
    end
    return used, slots
  elseif charge[IDLE] then
    local count = session(charge)
    if not count and tonumber(call("ZSCORE", COUNTS, charge[KEY]) or 0) > now then
      continuity().notice("-1", "-1") -- it was deleted, or evicted
    end
    return count and not count.over and count.spent - count.forgotten + count.held or 0, {}
  elseif charge[FINISH] > 0 then
    local got = call("HMGET", COUNT .. charge[KEY], "spent", "held")
    if not got[1] and tonumber(call("ZSCORE", COUNTS, charge[KEY]) or 0) > now then
      continuity().notice("-1", "-1") -- it was deleted, or evicted
    end
    return (got[1] or 0) + (got[2] or 0), {}
  end
  return under_way(SEATS .. charge[KEY]), {}
end

local function fits(charge, used)
  return charge[CAP] < 0 or used + math.max(charge[AMOUNT], 1) <= charge[CAP]
end

local function take_slot(charge)
  local key, slot = WINDOW .. charge[KEY], slot_of(now, charge)
  local amount = call("HINCRBY", key, whole(slot), whole(charge[AMOUNT]))
  if amount == charge[AMOUNT] then -- the slot is new: others may have left the window
    local left = {}
    for _, name in ipairs(call("HKEYS", key)) do
      if tonumber(name) < slot - charge[SLOTS] then
        left[#left + 1] = name
      end
    end
    if #left > 0 then
      call("HDEL", key, unpack(left))
    end
    call("PEXPIRE", key, milliseconds_until((slot + charge[SLOTS] + 1) * charge[WIDTH]))
  end
end

-- Adds to what is held of a calendar counter, or of a session.
local function hold_part(charge, by)
  if charge[IDLE] then
    hold_of_session(charge, by)
  else
    call("HINCRBY", COUNT .. charge[KEY], "held", whole(by))
  end
end

local function take_part(charge)
  local key = COUNT .. charge[KEY]
  if charge[IDLE] then
    use_session(charge)
    return hold_of_session(charge, charge[AMOUNT])
  end
  if call("EXISTS", key) == 0 then
    local forget = charge[FINISH] + KEPT
    call("ZREMRANGEBYSCORE", COUNTS, "-inf", exact(now))
    call("ZADD", COUNTS, exact(forget), charge[KEY])
    call("HSET", key, "spent", "0", "held", "0")
    call("PEXPIRE", key, milliseconds_until(forget))
  end
  call("HINCRBY", key, "held", whole(charge[AMOUNT]))
end

-- Whether a charge is on a calendar counter that is still kept. When no verb was called for months,
-- a hold can outlive its counter; what it used is then only in the ledger.
local function kept(charge)
  if charge[IDLE] then
    return session(charge) ~= nil
  end
  return charge[FINISH] > 0 and now < charge[FINISH] + KEPT
end

-- Corrects the slot that was charged, if it is still in the window.
local function correct(hold, charge, by)
  local slot = slot_of(hold.taken, charge)
  if by ~= 0 and slot >= slot_of(now, charge) - charge[SLOTS] then
    call("HINCRBY", WINDOW .. charge[KEY], whole(slot), whole(by))
  end
end

-- Adds to what is spent, and to `crossed` the thresholds that were not reported yet.
local function spend(charge, by, crossed)
  local key, warn = COUNT .. charge[KEY], charge[WARN]
  local spent = call("HINCRBY", key, "spent", whole(by))
  if charge[IDLE] then
    spent = spent - call("HGET", key, "forgotten")
  end
  if #warn == 0 or spent < warn[1][AT] then
    return
  end
  local notified = tonumber(call("HGET", key, "told") or 0) -- the highest amount
  for _, threshold in ipairs(warn) do
    if threshold[AT] > notified and spent >= threshold[AT] then
      crossed[#crossed + 1] = { charge[KEY], threshold[SHARE], whole(spent), threshold[LIMIT] }
      call("HSET", key, "told", whole(threshold[AT]))
    end
  end
end

-- Ledger --------------------------------------------------------------------------------------

-- Drops the oldest entries; what they spent becomes the opening balance of their counters.
local function trim(rows)
  for _, entry in ipairs(call("XRANGE", LEDGER, "-", "+", "COUNT", TRIMMED)) do
    local row = {}
    for i = 1, #entry[2], 2 do
      row[entry[2][i]] = entry[2][i + 1]
    end
    local parts = { usd = row.cost, tokens = row["in"] + row.out, requests = row.requests }
    for _, name in ipairs(cjson.decode(row.keys)) do
      local got = call("HMGET", COUNT .. name, "spent", "born")
      local seq = tonumber(string.match(entry[1], "%-(%d+)$"))
      if got[1] and seq > tonumber(got[2] or 0) then
        local part = parts[string.match(name, "^[^|]*|([^|]*)|")]
        call("HINCRBY", COUNT .. name, "opening", whole(part))
      end
    end
  end
  call("XTRIM", LEDGER, "MAXLEN", rows)
end

local function write(hold, kind, cost, tokens_in, tokens_out, requests, estimated)
  local seq = call("HINCRBY", META, "seq", 1)
  call(
    "XADD", LEDGER, string.format("%.0f-%.0f", math.floor(now * 1000), seq),
    "id", hold.id, "kind", kind, "ts", now, "about", hold.about,
    "cost", whole(cost), "in", whole(tokens_in), "out", whole(tokens_out),
    "requests", whole(requests), "estimated", estimated, "keys", hold.keys
  )
  local rows = tonumber(rows_kept)
  if call("XLEN", LEDGER) >= rows + TRIMMED then
    trim(rows)
  end
end

-- Steps ---------------------------------------------------------------------------------------

local function settled_amount(charge, actual)
  if charge[METRIC] == "usd" then
    return actual.cost
  elseif charge[METRIC] == "tokens" then
    return actual.tokens_in + actual.tokens_out
  end
  return charge[AMOUNT]
end

local function held_of(hold, metric)
  for _, charge in ipairs(hold.charges) do
    if charge[METRIC] == metric then
      return charge[AMOUNT]
    end
  end
  return 0
end

-- Removes an open hold from everything that contains open holds.
local function leave(hold, state)
  for _, charge in ipairs(hold.charges) do
    if charge[WIDTH] == 0 and charge[FINISH] == 0 then
      call("SREM", SEATS .. charge[KEY], hold.id)
    end
  end
  call("ZREM", LEASES, hold.id)
  hold.state, hold.forget = state, now + REMEMBERED
  if state ~= "expired" then
    hold.body = ""
  end
  keep(hold)
end

local function settle(hold, actual, kind, crossed)
  use_sessions(hold)
  write(hold, kind, actual.cost, actual.tokens_in, actual.tokens_out, 1, actual.estimated)
  for _, charge in ipairs(hold.charges) do
    local amount = settled_amount(charge, actual)
    if kept(charge) then
      hold_part(charge, -charge[AMOUNT])
      spend(charge, amount, crossed)
    elseif charge[WIDTH] > 0 then
      correct(hold, charge, amount - charge[AMOUNT])
    end
  end
  leave(hold, kind == "expire" and "expired" or "settled")
end

-- Charges a hold whose lease ran out with all that it holds.
local function expire(hold, crossed)
  open_body(hold)
  local whole_hold = {
    cost = held_of(hold, "usd"),
    tokens_in = held_of(hold, "tokens"),
    tokens_out = 0,
    estimated = "1",
  }
  settle(hold, whole_hold, "expire", crossed)
end

local function sweep(crossed)
  local ids = call("ZRANGEBYSCORE", LEASES, "-inf", now, "LIMIT", 0, SWEPT)
  if #ids < SWEPT then
    lapsed = {} -- none remains
  end
  for _, id in ipairs(ids) do
    local hold = recall(id)
    if hold then
      expire(hold, crossed)
    else
      call("ZREM", LEASES, id) -- it was deleted; that must not stop the others
    end
  end
end

-- Corrects an expired hold, which was charged in full, to what was really used; nil: nothing.
local function adjust(hold, actual, crossed)
  open_body(hold)
  local real = actual or { cost = 0, tokens_in = 0, tokens_out = 0, estimated = "0" }
  write(
    hold, "adjust", real.cost - held_of(hold, "usd"),
    real.tokens_in - held_of(hold, "tokens"), real.tokens_out, actual and 0 or -1, real.estimated
  )
  for _, charge in ipairs(hold.charges) do
    local amount = actual and settled_amount(charge, actual) or 0
    if kept(charge) then
      spend(charge, amount - charge[AMOUNT], crossed)
    elseif charge[WIDTH] > 0 then
      correct(hold, charge, amount - charge[AMOUNT])
    end
  end
  hold.state, hold.body = "corrected", ""
  keep(hold)
end

local function give_back(hold)
  for _, charge in ipairs(hold.charges) do
    if kept(charge) then
      hold_part(charge, -charge[AMOUNT])
    elseif charge[WIDTH] > 0 then
      correct(hold, charge, -charge[AMOUNT])
    end
  end
  leave(hold, "released")
end

-- text: "cost tokens_in tokens_out estimated", or "" for a hold of which nothing was sent.
local function finish(id, text, crossed)
  local actual = nil
  if text ~= "" then
    local cost, tokens_in, tokens_out, estimated = string.match(text, "^(%d+) (%d+) (%d+) (%d)$")
    actual = {
      cost = tonumber(cost),
      tokens_in = tonumber(tokens_in),
      tokens_out = tonumber(tokens_out),
      estimated = estimated,
    }
  end
  local hold = recall(id)
  if not hold then
    return "unknown"
  end
  if hold.state == "open" and hold.expires <= now then
    expire(hold, crossed) -- more leases ran out than one step charges
  end
  if hold.state == "expired" then
    adjust(hold, actual, crossed)
    return "adjusted"
  elseif hold.state ~= "open" then
    return "again"
  end
  open_body(hold)
  if actual then
    settle(hold, actual, "settle", crossed)
  else
    give_back(hold)
  end
  return "done"
end

local function take(id, lease, body, charges)
  for _, charge in ipairs(charges) do
    if charge[WIDTH] > 0 then
      take_slot(charge)
    elseif charge[FINISH] > 0 then
      take_part(charge)
    else
      call("SADD", SEATS .. charge[KEY], id)
    end
  end
  local expires = now + lease
  call("ZADD", LEASES, exact(expires), id)
  keep({ id = id, state = "open", expires = expires, taken = now, forget = 0, body = body })
  return exact(expires)
end

-- Verbs ---------------------------------------------------------------------------------------

local verbs = {}

-- charges as JSON -> now, then for each what is used and, where it does not fit, its slots
function verbs.read(text)
  local found = { exact(now) }
  for _, charge in ipairs(cjson.decode(text)) do
    local used, slots = look(charge)
    found[#found + 1] = { whole(used), fits(charge, used) and {} or slots }
  end
  return found
end

-- id, lease, body and, where an earlier attempt ends with it, the id and the settlement of its hold
-- -> "stale", now | "granted", expires, crossed, missed | "lost", crossed, missed
--    | "refused", now, crossed, missed, [place, used, slots]...
-- missed: 1 when the earlier attempt is unknown
function verbs.reserve(id, lease, body, after, actual)
  advance()
  local known = recall(id)
  local charges = cjson.decode(body)[3]
  if not known then
    for _, charge in ipairs(charges) do
      if charge[FINISH] > 0 and (now < charge[START] or now >= charge[FINISH]) then
        return { "stale", exact(now) }
      end
    end
  end
  local crossed, missed = {}, 0
  sweep(crossed)
  if after and finish(after, actual, crossed) == "unknown" then
    missed = 1
  end
  if known then
    return { "granted", exact(known.expires), crossed, missed }
  end
  local answer = { "refused", exact(now), crossed, missed }
  for place, charge in ipairs(charges) do
    local used, slots = look(charge)
    if not fits(charge, used) then
      answer[#answer + 1] = { place - 1, whole(used), slots }
    end
  end
  if lost and continuity().has_capped_budget(charges) then
    return { "lost", crossed, missed }
  elseif #answer > 4 then
    return answer
  end
  return { "granted", take(id, lease, body, charges), crossed, missed }
end

-- id, lease -> 1 when it is open, -1 when it is unknown, else 0
function verbs.renew(id, lease)
  advance()
  local hold = recall(id)
  if not hold then
    return { -1 }
  end
  if hold.state ~= "open" or hold.expires <= now then
    return { 0 }
  end
  hold.expires = math.max(hold.expires, now + lease)
  call("ZADD", LEASES, exact(hold.expires), id)
  keep(hold)
  return { 1 }
end

-- id, settlement -> how it ended, crossed
function verbs.finish(id, actual)
  advance()
  local crossed = {}
  sweep(crossed)
  return { finish(id, actual, crossed), crossed }
end

-- -> number of the last entry, id of the oldest entry, [key, spent, held, opening, born,
--    forgotten]...,
--    [key, held]...
function verbs.snapshot()
  local counts, open = {}, {}
  for _, name in ipairs(call("ZRANGEBYSCORE", COUNTS, "(" .. exact(now), "+inf")) do
    local got = call("HMGET", COUNT .. name, "spent", "held", "opening", "born", "forgotten")
    local count = { name }
    for i = 1, 5 do
      count[i + 1] = got[i] or "0"
    end
    counts[#counts + 1] = count
  end
  for _, id in ipairs(call("ZRANGE", LEASES, 0, -1)) do
    local hold = recall(id)
    if hold then
      open_body(hold)
      for _, charge in ipairs(hold.charges) do
        if kept(charge) then
          open[#open + 1] = { charge[KEY], whole(charge[AMOUNT]) }
        end
      end
    end
  end
  local oldest = call("XRANGE", LEDGER, "-", "+", "COUNT", 1)[1]
  return { call("HGET", META, "seq") or "0", oldest and oldest[1] or "", counts, open }
end

-- -> what had been lost, "" for nothing
function verbs.accept()
  local was = lost
  if was then
    continuity().accept()
  end
  return { was or "" }
end

if SEEN ~= "" and (lineage ~= SEEN or version < SEEN_VERSION) then
  continuity().compare()
end
local answer = verbs[ARGV[1]](unpack(ARGV, 4))
if changes then
  if JOIN ~= "" or not lineage then
    continuity().join()
  end
  version = version + 1
  call("HSET", META, "now", now, "version", version)
elseif advances then
  call("HSET", META, "now", now)
end
if lineage == SEEN and not lost then
  answer[#answer + 1] = version
else
  answer[#answer + 1] = { version, lineage or "", lost or "" }
end
return answer
