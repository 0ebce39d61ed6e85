-- Walks JSON text without building anything: top-level members are found in one pass that knows
-- strings and nesting, so a "model" inside a message or a tool's schema is never taken for the
-- request's own. The text is known to be well-formed: Envoy has parsed it before.

local find, sub, byte, gsub = string.find, string.sub, string.byte, string.gsub
local QUOTE, BACKSLASH = 34, 92
local OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY = 123, 125, 91, 93

-- The index of the quote that closes the string whose opening quote is at i.
local function string_end(s, i)
  while true do
    local quote = find(s, '"', i + 1, true)
    if not quote then return nil end
    local k = quote - 1
    while byte(s, k) == BACKSLASH do k = k - 1 end
    if (quote - k) % 2 == 1 then return quote end
    i = quote
  end
end

-- The index of the last byte of the value that begins at i.
local function value_end(s, i)
  local first = byte(s, i)
  if first == QUOTE then return string_end(s, i) end
  if first ~= OPEN_OBJECT and first ~= OPEN_ARRAY then
    local _, last = find(s, '^[^%s,%]}]+', i)
    return last
  end
  local depth = 1
  while depth > 0 do
    i = find(s, '["{}%[%]]', i + 1)
    if not i then return nil end
    local c = byte(s, i)
    if c == QUOTE then
      i = string_end(s, i)
      if not i then return nil end
    elseif c == OPEN_OBJECT or c == OPEN_ARRAY then
      depth = depth + 1
    else
      depth = depth - 1
    end
  end
  return i
end

-- A key as it reads: "mod\u0065l" is "model". Only ASCII matters for the keys that we look for.
local function unescaped(key)
  key = gsub(key, '\\u00([0-7]%x)', function(hex) return string.char(tonumber(hex, 16)) end)
  return (gsub(key, '\\([/"])', '%1'))
end

-- The object member at or after i (just behind "{" or behind the last value): its key, and the
-- first and last index of its value; nil where the object ends.
local function member(s, i)
  local _, quote = find(s, '^[%s,]*"', i)
  if not quote then return nil end
  local close = string_end(s, quote)
  if not close then return nil end
  local key = sub(s, quote + 1, close - 1)
  if find(key, '\\', 1, true) then key = unescaped(key) end
  local _, colon = find(s, '^%s*:%s*', close + 1)
  if not colon then return nil end
  local to = value_end(s, colon + 1)
  if not to then return nil end
  return key, colon + 1, to
end
