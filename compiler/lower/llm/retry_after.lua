-- How long a provider asks to be left alone, from the headers of its refusal, in seconds or nil.

local UNITS = { ms = 0.001, s = 1, m = 60, h = 3600 }

-- A duration as OpenAI writes it: "20ms", "1s", "6m0s".
local function duration(text)
  local total, seen = 0, false
  for number, unit in string.gmatch(text, '(%d+%.?%d*)(%a+)') do
    if not UNITS[unit] then return nil end
    total, seen = total + tonumber(number) * UNITS[unit], true
  end
  return seen and total or nil
end

-- A number is seconds from now, or a time since 1970 where it is as large as that.
local function seconds_of(text, now)
  local number = tonumber(text)
  if not number then return duration(text) end
  return number > 1e9 and number - now or number
end

-- `get` gives a header by its name. What is said in so many words comes before what follows from
-- the limit that is used up.
local function retry_after(get, now)
  local told = tonumber(get('retry-after-ms') or '')
  if told then return told / 1000 end
  told = get('retry-after')
  if told then return tonumber(told) end -- no date: no provider sends one
  for _, what in ipairs({ '-requests', '-tokens', '' }) do
    local reset = get('x-ratelimit-reset' .. what)
    if reset and (what == '' or get('x-ratelimit-remaining' .. what) == '0') then
      return seconds_of(reset, now)
    end
  end
end
