-- Reads what an answer says about the tokens it used, from JSON and from SSE, of both APIs.

local function count(s, from, to)
  local n = tonumber(sub(s, from, to))
  if n and n >= 0 and n < 2 ^ 53 then return math.floor(n) end
end

-- Adds the counts of the usage object at from to `tokens`. Later counts replace earlier ones: in
-- streams they are cumulative. OpenAI's prompt_tokens hold the cached ones, Anthropic's
-- input_tokens do not: `fresh`, `read` and `written` are put together by `totals`. OpenAI's Responses
-- have Anthropic's words in OpenAI's meaning, and a total, which Anthropic never tells.
local COUNTED = {
  prompt_tokens = 'prompt',
  completion_tokens = 'output',
  output_tokens = 'output',
  cached_tokens = 'read', -- inside prompt_tokens_details
  reasoning_tokens = 'reasoning', -- inside completion_tokens_details; output tokens, too
  input_tokens = 'fresh',
  cache_read_input_tokens = 'read',
  cache_creation_input_tokens = 'written',
}
local DETAILS = {
  input_tokens_details = true,
  prompt_tokens_details = true,
  completion_tokens_details = true,
  output_tokens_details = true,
}
local function read_usage(s, from, tokens)
  local at = object_start(s, from)
  while at do
    local key, a, b = member(s, at)
    if not key then break end
    local name = COUNTED[key]
    if name then
      tokens[name] = count(s, a, b) or tokens[name]
    elseif DETAILS[key] then
      read_usage(s, a, tokens)
    elseif key == 'total_tokens' then
      tokens.inclusive = true
    end
    at = b + 1
  end
  tokens.seen = true
end

-- The index of the brace of the last usage object of s, or nil. Nothing inside a string can look
-- like one, because its quotes would be escaped.
local function last_usage(s)
  local found, at = nil, 1
  while true do
    local _, key_end = find(s, '"usage"', at, true)
    if not key_end then return found end
    local _, brace = find(s, '^%s*:%s*{', key_end + 1)
    found = brace or found
    at = key_end + 1
  end
end

-- Whether the value that ends at i is a member of the document itself: only members follow it, and
-- then the document's end.
local function at_top(s, i)
  while i do
    if find(s, '^%s*}%s*$', i + 1) then return true end
    local key, _, to = member(s, i + 1)
    if not key then return false end
    i = to
  end
  return false
end

-- Adds what one JSON document says (an answer, or the data of an SSE event) to `tokens`. Usage
-- mostly stands last, so that is tried first; what a model writes (the input of a tool) may hold a
-- "usage" of its own, which must not count.
local function read_document(s, from, tokens)
  local last = last_usage(s)
  if last and from == 1 and at_top(s, value_end(s, last)) then
    read_usage(s, last, tokens)
  else
    last = nil
  end
  local at = object_start(s, from)
  while at do
    local key, a, b = member(s, at)
    if not key then return end
    if key == 'model' then
      if byte(s, a) == QUOTE then tokens.model = sub(s, a + 1, b - 1) end
      if last then return end
    elseif key == 'usage' then
      if byte(s, a) == OPEN_OBJECT and not last then read_usage(s, a, tokens) end
      if last then return end
    elseif key == 'message' or key == 'response' then -- Anthropic's message_start; Responses
      if byte(s, a) == OPEN_OBJECT then read_document(s, a, tokens) end
    end
    at = b + 1
  end
end

-- Input (cached tokens included), output (reasoning included), cached and reasoning tokens.
local function totals(tokens)
  local cached = tokens.read or 0
  local input = tokens.prompt
  if not input and tokens.inclusive then input = tokens.fresh end
  if not input then input = (tokens.fresh or 0) + cached + (tokens.written or 0) end
  local output = tokens.output or 0
  return input, output, math.min(cached, input), math.min(tokens.reasoning or 0, output)
end

-- How many tokens the text between two bytes is, when nobody tells: a piece of a stream is mostly
-- one token; of what is longer than tokens are, four bytes are one.
local LONGEST_TOKEN = 11
local function tokens_of(bytes)
  if bytes <= LONGEST_TOKEN then return bytes > 0 and 1 or 0 end
  return math.floor(bytes / 4)
end

-- The members that hold what a model says, of chats, completions and tools, in both APIs.
-- They are looked for without their first quote: other bytes are rarer, and so found faster.
local SAID = {
  'content"',
  'text"',
  'arguments"',
  'partial_json"',
  'thinking"',
  'reasoning_content"',
  'refusal"',
}
local function said_in(s, key)
  local said, at = 0, 1
  while true do
    local from, key_end = find(s, key, at, true)
    if not from then return said end
    at = key_end + 1
    local quote = byte(s, from - 1) == QUOTE and select(2, find(s, '^%s*:%s*"', at))
    if quote then
      local close = string_end(s, quote)
      if not close then return said end
      said = said + tokens_of(close - quote - 1)
      at = close + 1
    end
  end
end

-- Whether no more than one line has data; an answer that is no stream has none.
local function is_one_event(s)
  local _, first = find(s, 'data:', 1, true)
  return first ~= nil and not find(s, '\ndata:', first, true)
end

-- How many tokens of the model's own words pass in s, about: whole lines of a stream, or an answer.
-- Nothing inside a string can look like one of the members, because its quotes would be escaped.
local function tokens_said(s)
  local said = 0
  for i = 1, #SAID do
    said = said + said_in(s, SAID[i])
    -- One event says one thing, so that the other names need not be looked for.
    if said > 0 and is_one_event(s) then return said end
  end
  -- Who has this one, may say the same again under one of the other names.
  if said == 0 then said = said_in(s, 'reasoning"') end
  return said
end

-- The same of a stream of OpenAI's Responses: what its deltas say is said again when each part, item
-- and the answer itself are done.
local function tokens_in_deltas(s)
  local said = 0
  for line in string.gmatch(s, '[^\r\n]+') do
    if find(line, '"type"%s*:%s*"response%.[%w_.]*delta"') then
      said = said + said_in(line, 'delta"')
    end
  end
  return said
end

-- Whether the text holds a usage object (and not "usage":null): a cheap test that nothing inside
-- a string can pass, because its quotes would be escaped.
local function has_usage(s, from)
  local at = from or 1
  while true do
    local _, key_end = find(s, '"usage"', at, true)
    if not key_end then return false end
    if find(s, '^%s*:%s*{', key_end + 1) then return true end
    at = key_end + 1
  end
end

-- Reads usage from a JSON answer as it comes: feed(bytes), and finish() at its end gives whether
-- there was any; if not, `tokens.said` is an estimate of the output. Usage stands at the end of long
-- answers (embeddings), so of those only the end is kept.
local WHOLE, TAIL = 1048576, 8192
local function json_reader(tokens)
  local parts, size, tail = {}, 0, nil
  local function feed(bytes)
    size = size + #bytes
    if tail then
      tail = sub(tail .. bytes, -TAIL)
    else
      parts[#parts + 1] = bytes
      if size > WHOLE then
        tail = sub(table.concat(parts), -TAIL)
        parts = nil
      end
    end
  end
  local function finish()
    if not tail then
      local whole = table.concat(parts)
      read_document(whole, 1, tokens)
      if not tokens.seen then tokens.said = tokens_said(whole) end
    else
      local from = last_usage(tail)
      if from then read_usage(tail, from, tokens) end
    end
    return tokens.seen == true
  end
  return feed, finish
end

-- Whether the SSE event is the one that only tells usage: its choices are empty.
local function only_usage(event)
  local from = find(event, '{', 1, true)
  if not from then return false end
  local empty, usage = false, false
  local at = from + 1
  while true do
    local key, a, b = member(event, at)
    if not key then return empty and usage end
    if key == 'choices' then
      empty = find(event, '^%[%s*%]', a) ~= nil
    elseif key == 'usage' then
      usage = byte(event, a) == OPEN_OBJECT
    end
    at = b + 1
  end
end

-- The index behind the last line end of s, or 1. Anchored: else each byte would be a new start, and
-- a long line without an end would hold Envoy's worker for minutes.
local function last_line(s)
  if byte(s, #s) == 10 then return #s + 1 end
  return string.match(s, '^.*\n()') or 1
end

-- No event of a provider is as long; what claims to be is not kept.
local LONGEST_EVENT = 1048576

-- Whether an event with usage is where a stream tells it in the end, and not a count on the way:
-- Anthropic's first event has one, and some servers put one beside every piece of content.
local function is_final(line, count_said)
  return count_said(line) == 0 and not find(line, '"message_start"', 1, true)
    or find(line, '"finish_reason"%s*:%s*"') ~= nil
end

-- Reads usage from the lines of a stream as they come: feed(bytes) gives true when there was any.
-- `tokens.said` counts the output that has passed, `tokens.told` is set once usage was final. Whole
-- lines are given to `watch`, too; rest() is the line that has not ended, nil where it was dropped.
local function line_reader(tokens, watch, responses)
  local rest, dropped = '', false
  local count_said = responses and tokens_in_deltas or tokens_said
  tokens.said = 0
  local function feed(bytes)
    local s = rest == '' and bytes or rest .. bytes
    local stop = last_line(bytes) -- what rests has no line end
    if stop == 1 then
      dropped = dropped or #s > LONGEST_EVENT
      rest = #s > LONGEST_EVENT and '' or s
      return false
    end
    stop = #s - #bytes + stop
    rest = sub(s, stop)
    if #rest > LONGEST_EVENT then
      rest, dropped = '', true
    end
    if stop <= #s then s = sub(s, 1, stop - 1) end
    if watch then watch(s) end
    if not tokens.told then tokens.said = tokens.said + count_said(s) end
    if not has_usage(s) then return false end
    local found = false
    for from in string.gmatch(s, '()[^\r\n]+') do
      local _, data = find(s, '^data:%s*', from)
      if data then
        local stop_at = find(s, '[\r\n]', data + 1) or #s + 1
        local line = sub(s, data + 1, stop_at - 1)
        if has_usage(line) then
          read_document(line, 1, tokens)
          if is_final(line, count_said) then tokens.told = true end
          found = true
        end
      end
    end
    return found
  end
  return feed, function() return not dropped and rest or nil end
end

-- Takes the usage-only event out of a stream: feed(bytes) gives the bytes to send now. Whole events
-- pass at once; of an unfinished event, only one that may become that event is held back.
local function usage_hider()
  local held = ''
  return function(bytes)
    if bytes == '' then -- the end of the stream
      local last = held
      held = ''
      return last
    end
    local s = held == '' and bytes or held .. bytes
    local out, at = {}, 1
    -- What is held has been searched, but a blank line may begin in its last three bytes.
    local search = math.max(1, #held - 2)
    while true do
      local _, stop = find(s, '\r?\n\r?\n', search)
      if not stop then break end
      local event = sub(s, at, stop)
      if not (has_usage(event) and only_usage(event)) then out[#out + 1] = event end
      at = stop + 1
      search = at
    end
    held = sub(s, at)
    -- A comment or "[DONE]" can never become it, and a server may end without the last blank line.
    if
      find(held, '^:')
      or find(held, '^data:%s*%[')
      or find(held, '[DONE]', 1, true)
      or #held > LONGEST_EVENT
    then
      -- Its line ends stay: they may be half of the blank line that ends the event.
      local stop, least = #held, #held - 3
      while stop > least and (byte(held, stop) == 10 or byte(held, stop) == 13) do
        stop = stop - 1
      end
      out[#out + 1] = sub(held, 1, stop)
      held = sub(held, stop + 1)
    end
    return table.concat(out)
  end
end
