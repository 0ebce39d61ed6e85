-- Reserve and settle in one step of a Redis or Valkey: `book.py` and `shapes.py`, line by line.
--
-- KEYS[1] is the prefix of all keys, with the hash tag that keeps them in one slot; counters are
-- `:c:NAME`, reservations `:r:NAME`, and `:holds` has reservations by when their holds are due.
-- ARGV is the operation, what it is about (MessagePack of the arrays in `term.py`, whose places are
-- named below), and the time in ms, which is the server's own where it is empty.
-- Whole numbers below 2^53 are exact here. States are arrays from 1, where Python's are from 0.

local SLIDING, CALENDAR, BUCKET = 0, 1, 2
local AT_ONCE, UNDER_WAY = 0, 5
local UNUSED = -1
local HELD, GIVEN_BACK, SETTLED = 0, 1, 2
local LATE_MS, SETTLED_MS, DUE_AT_ONCE, MARGIN_MS = 86400000, 60000, 100, 60000
local NEVER, KEEP_MOST = 9007199254740992, 315360000000
-- A term's places.
local COUNTER, SHAPE, SIZE, PERIOD, SLICE, BURST, UNIT, PROVIDER, TAKE = 1, 2, 3, 4, 5, 6, 7, 8, 9

local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local spread = unpack
local pack, unpack = cmsgpack.pack, cmsgpack.unpack
local call = redis.call

local function div(a, b)
  return floor(a / b)
end

-- Calendar months: month.py.

local DAY_MS, DAYS_TO_1970, DAYS_OF_400_YEARS = 86400000, 719468, 146097

local function month_at(now)
  local days = div(now, DAY_MS) + DAYS_TO_1970
  local era = div(days, DAYS_OF_400_YEARS)
  local day = days - era * DAYS_OF_400_YEARS
  local year = div(day - div(day, 1460) + div(day, 36524) - div(day, 146096), 365)
  local day_of_year = day - (365 * year + div(year, 4) - div(year, 100))
  local march = div(5 * day_of_year + 2, 153)
  return (era * 400 + year) * 12 + march + 2
end

local function month_begins(month)
  local year = div(month - 2, 12)
  local march = month - 2 - year * 12
  local era = div(year, 400)
  local of_era = year - era * 400
  local day = div(153 * march + 2, 5) + of_era * 365 + div(of_era, 4) - div(of_era, 100)
  return (era * DAYS_OF_400_YEARS + day - DAYS_TO_1970) * DAY_MS
end

-- Shapes: shapes.py.

local function advance_slices(term, state, now)
  local here, count = div(now, term[SLICE]), div(term[PERIOD], term[SLICE])
  local length = #state
  if length < 3 then return {0} end
  local head = state[length - 1]
  if head > here + count then return {0} end
  local first = max(here, head) - count
  local at, used = 2, state[1]
  while at <= length and state[at] < first do
    used = used - state[at + 1]
    at = at + 2
  end
  if at == 2 then return state end
  local kept = {used}
  for place = at, length do kept[place - at + 2] = state[place] end
  return kept
end

local function refilled(term, since, now)
  return floor(max(0, now - since) * term[SIZE] / term[PERIOD])
end

local function advance_bucket(term, state, now)
  if #state == 0 or state[1] > now + term[PERIOD] then return {now, 0, now} end
  local since, taken, full = state[1], state[2], state[3]
  local periods = div(now - since, term[PERIOD])
  if periods > 0 then
    taken = taken - periods * term[SIZE]
    since = since + periods * term[PERIOD]
  end
  if taken - refilled(term, since, now) <= 0 and now >= since then return {now, 0, now} end
  return {since, taken, full}
end

local function advance(term, state, now)
  local shape = term[SHAPE]
  if shape == SLIDING then return advance_slices(term, state, now) end
  if shape == CALENDAR then
    local window
    if term[PERIOD] > 0 then window = div(now, term[PERIOD]) else window = month_at(now) end
    if #state > 0 and window <= state[2] and state[2] <= window + 1 then return state end
    return {0, window}
  end
  if shape == BUCKET then return advance_bucket(term, state, now) end
  if #state == 0 then return {0, 0} end
  return state
end

local function capacity(term)
  if term[SHAPE] == BUCKET then return term[BURST] end
  return term[SIZE]
end

local function used_of(term, state, now)
  if term[SHAPE] == BUCKET then return state[2] - refilled(term, state[1], now) end
  return state[1]
end

local function slot_of(term, state, now, till)
  local shape = term[SHAPE]
  if shape == SLIDING then
    local here = div(now, term[SLICE])
    if #state > 2 then return max(here, state[#state - 1]) end
    return here
  end
  if shape == CALENDAR then return state[2] end
  if shape == BUCKET then return now end
  return till
end

local function add_to_slice(term, state, now, place, amount)
  local length = #state
  local head = 0
  if length > 2 then head = state[length - 1] end
  if place < max(div(now, term[SLICE]), head) - div(term[PERIOD], term[SLICE]) then return state end
  local at = length + 1
  while at > 2 and state[at - 2] >= place do at = at - 2 end
  local before
  if at <= length and state[at] == place then before = state[at + 1] end
  local changed = {}
  for index = 1, at - 1 do changed[index] = state[index] end
  if before == nil then
    if amount <= 0 then return state end
    changed[1] = state[1] + amount
    changed[at], changed[at + 1] = place, amount
    for index = at, length do changed[index + 2] = state[index] end
    return changed
  end
  local after = max(0, before + amount)
  changed[1] = state[1] + after - before
  local to = at
  if after > 0 then
    changed[to], changed[to + 1] = place, after
    to = to + 2
  end
  for index = at + 2, length do
    changed[to] = state[index]
    to = to + 1
  end
  return changed
end

local function add(term, state, now, place, amount)
  local shape = term[SHAPE]
  if shape == SLIDING then return add_to_slice(term, state, now, place, amount) end
  if shape == CALENDAR then
    if place == state[2] then return {max(0, state[1] + amount), state[2]} end
    return state
  end
  if shape == BUCKET then
    if amount < 0 and place < state[3] then return state end
    if state[2] + amount <= refilled(term, state[1], now) then return {now, 0, now} end
    return {state[1], state[2] + amount, state[3]}
  end
  local till = state[2]
  if amount > 0 then till = max(till, place) end
  return {max(0, state[1] + amount), till}
end

local function slice_ends(term, place)
  return (place + div(term[PERIOD], term[SLICE]) + 1) * term[SLICE]
end

local function window_ends(term, window)
  if term[PERIOD] > 0 then return (window + 1) * term[PERIOD] end
  return month_begins(window + 1)
end

local function made_good(term, state, amount)
  if term[SIZE] == 0 then return NEVER end
  return state[1] + ceil(amount * term[PERIOD] / term[SIZE])
end

local function wait(term, state, now)
  if term[TAKE] > capacity(term) then return NEVER end
  local need = used_of(term, state, now) + term[TAKE] - capacity(term)
  local shape = term[SHAPE]
  if shape == SLIDING then
    local at = 2
    while at < #state - 1 and state[at + 1] < need do
      need = need - state[at + 1]
      at = at + 2
    end
    return slice_ends(term, state[at]) - now
  end
  if shape == CALENDAR then return window_ends(term, state[2]) - now end
  if shape == BUCKET then
    return made_good(term, state, state[2] + term[TAKE] - term[BURST]) - now
  end
  return 0
end

local function reset(term, state, now)
  local shape = term[SHAPE]
  if shape == SLIDING then
    if #state > 2 then return slice_ends(term, state[#state - 1]) - now end
  elseif shape == CALENDAR then
    if state[1] > 0 then return window_ends(term, state[2]) - now end
  elseif shape == BUCKET then
    if state[2] > 0 then return made_good(term, state, state[2]) - now end
  end
  return 0
end

local function keep(term, state, now)
  if term[SHAPE] > BUCKET then return max(0, state[2] - now) + LATE_MS end
  return min(reset(term, state, now), KEEP_MOST)
end

-- The book: Redis.

local COUNTERS, RESERVATIONS, HOLDS = KEYS[1] .. ':c:', KEYS[1] .. ':r:', KEYS[1] .. ':holds'

local function counter(name)
  local kept = call('GET', COUNTERS .. name)
  if kept then return unpack(kept) end
  return {}
end

local function set_counter(name, state, keep_ms)
  call('SET', COUNTERS .. name, pack(state), 'PX', keep_ms)
end

local function reservation(name)
  local kept = call('GET', RESERVATIONS .. name)
  if kept then return unpack(kept) end
  return nil
end

local function set_reservation(name, stage, gone, holds, now)
  call('SET', RESERVATIONS .. name, pack({stage, gone, holds}), 'PX', max(0, gone - now) + MARGIN_MS)
end

-- The book's entries: book.py.

local function correct(term, slot, amount, now)
  if amount == 0 then return end
  local state = advance(term, counter(term[COUNTER]), now)
  state = add(term, state, now, slot, amount)
  set_counter(term[COUNTER], state, keep(term, state, now) + MARGIN_MS)
end

local function give_back(now)
  for _, name in ipairs(call('ZRANGEBYSCORE', HOLDS, '-inf', now, 'LIMIT', 0, DUE_AT_ONCE)) do
    call('ZREM', HOLDS, name)
    local known = reservation(name)
    if known and known[1] == HELD then
      for _, hold in ipairs(known[3]) do
        local term = hold[1]
        if term[UNIT] ~= AT_ONCE then correct(term, hold[2], -term[TAKE], now) end
      end
      set_reservation(name, GIVEN_BACK, known[2], known[3], now)
    end
  end
end

local function tell(answer, term, state, now)
  local resets = reset(term, state, now)
  if resets >= NEVER then resets = 0 end
  answer[#answer + 1] = max(0, capacity(term) - used_of(term, state, now))
  answer[#answer + 1] = resets
end

local function reserve(asked, now)
  local name, terms, hold_ms = asked[1], asked[2], asked[3]
  give_back(now)
  local keys = {RESERVATIONS .. name}
  for place, term in ipairs(terms) do keys[place + 1] = COUNTERS .. term[COUNTER] end
  local kept = call('MGET', spread(keys))
  local present, states = {}, {}
  for place, term in ipairs(terms) do
    local state = {}
    if kept[place + 1] then state = unpack(kept[place + 1]) end
    present[place] = advance(term, state, now)
  end
  local answer = {1, -1, 0}
  if name ~= '' and kept[1] and unpack(kept[1])[2] > now then
    for place, term in ipairs(terms) do tell(answer, term, present[place], now) end
    return answer
  end
  local till = now + min(hold_ms, LATE_MS)
  local holds, refused, longest = {}, -1, -1
  for place, term in ipairs(terms) do
    local state = states[term[COUNTER]] or present[place]
    if used_of(term, state, now) + term[TAKE] > capacity(term) then
      local waits = wait(term, state, now)
      if waits > longest then refused, longest = place - 1, waits end
    else
      local slot = slot_of(term, state, now, till)
      states[term[COUNTER]] = add(term, state, now, slot, term[TAKE])
      if term[UNIT] ~= AT_ONCE or term[PROVIDER] ~= '' then holds[#holds + 1] = {term, slot} end
    end
  end
  if refused >= 0 then
    if longest >= NEVER then longest = 0 end
    answer = {0, refused, longest}
    for place, term in ipairs(terms) do tell(answer, term, present[place], now) end
    return answer
  end
  for _, term in ipairs(terms) do
    local state = states[term[COUNTER]]
    set_counter(term[COUNTER], state, keep(term, state, now) + MARGIN_MS)
    tell(answer, term, state, now)
  end
  if name == '' then return answer end
  local gone, due = till, false
  for _, hold in ipairs(holds) do
    if hold[1][UNIT] ~= AT_ONCE then gone, due = till + LATE_MS, true end
  end
  set_reservation(name, HELD, gone, holds, now)
  if due then
    call('ZADD', HOLDS, till, name)
    call('PEXPIRE', HOLDS, 2 * LATE_MS)
  end
  return answer
end

local function settle(bill, now)
  local name, used, provider = bill[1], bill[2], bill[3]
  local known = reservation(name)
  if not known then
    -- It may be on its way, for a request that has ended meanwhile: then it takes nothing.
    set_reservation(name, SETTLED, now + SETTLED_MS, {}, now)
    return
  end
  if known[2] <= now or known[1] == SETTLED then return end
  local reserved = {}
  for _, hold in ipairs(known[3]) do
    local term = hold[1]
    reserved[term[COUNTER]] = true
    if term[UNIT] ~= AT_ONCE then
      local owed = term[TAKE]
      if term[UNIT] == UNDER_WAY or (term[PROVIDER] ~= '' and term[PROVIDER] ~= provider) then
        owed = 0
      elseif used[term[UNIT] + 1] ~= UNUSED then
        owed = used[term[UNIT] + 1]
      end
      if known[1] == HELD then owed = owed - term[TAKE] end
      correct(term, hold[2], owed, now)
    end
  end
  for _, term in ipairs(bill[4]) do
    if term[UNIT] ~= UNDER_WAY and not reserved[term[COUNTER]] then
      local taken = used[term[UNIT] + 1]
      if taken == UNUSED then taken = term[TAKE] end
      local state = advance(term, counter(term[COUNTER]), now)
      correct(term, slot_of(term, state, now, now), taken, now)
    end
  end
  set_reservation(name, SETTLED, now + SETTLED_MS, {}, now)
  call('ZREM', HOLDS, name)
end

local now
if ARGV[3] == '' then
  local clock = call('TIME')
  now = clock[1] * 1000 + floor(clock[2] / 1000)
else
  now = tonumber(ARGV[3])
end
if ARGV[1] == 'reserve' then return reserve(unpack(ARGV[2]), now) end
for _, bill in ipairs(unpack(ARGV[2])) do settle(bill, now) end
return 1
