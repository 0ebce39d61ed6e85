-- Whether a stream came to its end: each API has an event that says so, or an error that does. One
-- that just stops would look like a whole answer to a client.

local CUT = "The provider's stream ended before its answer was complete"

-- Whether the event data of one line says "error" at its top.
local function is_error(line)
  local brace = find(line, '{', 1, true)
  local at = brace and brace + 1
  while at do
    local key, from, to = member(line, at)
    if not key then return false end
    if key == 'error' and sub(line, from, to) ~= 'null' then return true end
    at = to + 1
  end
  return false
end

local function has_error(s)
  if not find(s, '"error"', 1, true) then return false end
  for line in string.gmatch(s, '[^\r\n]+') do
    if find(line, '"error"', 1, true) and is_error(line) then return true end
  end
  return false
end

-- Nothing inside a string can look like these: it has no line ends, and its quotes are escaped.
local function said_type(s, name)
  return find(s, name, 1, true) and find(s, '"type"%s*:%s*"' .. name .. '"') ~= nil
end

local ENDED = {
  chat = function(s)
    if find(s, '[DONE]', 1, true) then
      if find(s, '^data:%s*%[DONE%]') or find(s, '[\r\n]data:%s*%[DONE%]') then return true end
    end
    return has_error(s)
  end,
  messages = function(s) return said_type(s, 'message_stop') or said_type(s, 'error') end,
  responses = function(s)
    if find(s, '"response.', 1, true) then
      for _, name in ipairs({ 'completed', 'incomplete', 'failed' }) do
        if find(s, '"type"%s*:%s*"response%.' .. name .. '"') then return true end
      end
    end
    return said_type(s, 'error') or has_error(s)
  end,
}

local WORDS = {
  chat = function()
    return 'data: {"error":{"message":"'
      .. CUT
      .. '","type":"server_error","param":null,"code":"stream_ended"}}\n\n'
  end,
  messages = function()
    return 'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"'
      .. CUT
      .. '"}}\n\n'
  end,
  responses = function(last)
    local number = tonumber(string.match(last, '.*"sequence_number"%s*:%s*(%d+)') or '-1') + 1
    return string.format(
      'event: error\ndata: {"type":"error","sequence_number":%d,"message":"%s",'
        .. '"code":"server_error","param":null,'
        .. '"error":{"message":"%s","type":"server_error","param":null,"code":"stream_ended"}}\n\n',
      number,
      CUT,
      CUT
    )
  end,
}

local KINDS = {
  ['/chat/completions'] = 'chat',
  ['/completions'] = 'chat',
  ['/messages'] = 'messages',
  ['/responses'] = 'responses',
}

-- Watches the lines of a stream: watch(lines), and at its end missing(rest, tail) gives what must
-- be added; `rest` is a last line without its end, or nil where it was too long to be kept.
local function end_watch(endpoint)
  local kind = KINDS[endpoint]
  local over, last = kind == nil, ''
  local ended, words = ENDED[kind], WORDS[kind]
  local function watch(lines)
    if over then return end
    over = ended(lines)
    if find(lines, '"sequence_number"', 1, true) then last = lines end
  end
  local function missing(rest, tail)
    if rest == nil then return '' end
    if rest ~= '' then watch(rest) end
    if over then return '' end
    local gap = ''
    if rest ~= '' then
      gap = '\n\n'
    elseif tail ~= '' and not find(tail, '\n\r?\n$') then
      gap = '\n'
    end
    return gap .. words(last)
  end
  return watch, missing
end
