-- Edits a request's body in place: the provider's model name, and usage in streams.

-- Where the top-level object of s begins (behind its brace).
local function object_start(s, i)
  local _, brace = find(s, '^%s*{', i or 1)
  return brace and brace + 1
end

-- Adds to edits what makes the stream_options at from..to ask for usage.
local function ask_for_usage(s, from, to, edits)
  local i = object_start(s, from)
  if not i then -- null
    edits[#edits + 1] = { from, to, '{"include_usage":true}' }
    return
  end
  local any, told = false, false
  local at = i
  while true do
    local key, value_from, value_to = member(s, at)
    if not key then break end
    any = true
    if key == 'include_usage' then
      told = true
      edits[#edits + 1] = { value_from, value_to, 'true' }
    end
    at = value_to + 1
  end
  if not told then
    edits[#edits + 1] = { i, i - 1, any and '"include_usage":true,' or '"include_usage":true' }
  end
end

-- Whether the stream_options at from..to ask for usage already.
local function asks_for_usage(s, from)
  local asked = false
  local at = object_start(s, from)
  while at do
    local key, value_from, value_to = member(s, at)
    if not key then break end
    if key == 'include_usage' then asked = sub(s, value_from, value_to) == 'true' end
    at = value_to + 1
  end
  return asked
end

local function edited(s, edits)
  table.sort(edits, function(a, b) return a[1] < b[1] end)
  local out, at = {}, 1
  for _, edit in ipairs(edits) do
    out[#out + 1] = sub(s, at, edit[1] - 1)
    out[#out + 1] = edit[3]
    at = edit[2] + 1
  end
  out[#out + 1] = sub(s, at)
  return table.concat(out)
end

-- The body with `model` (a JSON string, quotes included) as its top-level model, and whether usage
-- was asked for on behalf of a client that streams without asking. A key that is given twice is
-- edited twice, because providers do not agree on which one counts. All other bytes stay.
local function rewritten(s, model, with_usage)
  local start = object_start(s)
  if not start then return s, false end
  local edits, options = {}, {}
  local streams, asked = false, false
  local at = start
  while true do
    local key, from, to = member(s, at)
    if not key then break end
    if key == 'model' then
      if sub(s, from, to) ~= model then edits[#edits + 1] = { from, to, model } end
    elseif with_usage then
      if key == 'stream' then
        streams = sub(s, from, to) == 'true'
      elseif key == 'stream_options' then
        options[#options + 1] = { from, to }
        asked = asks_for_usage(s, from)
      end
    end
    at = to + 1
  end
  local injected = streams and not asked
  if injected then
    for _, range in ipairs(options) do ask_for_usage(s, range[1], range[2], edits) end
    if #options == 0 then
      edits[#edits + 1] = { start, start - 1, '"stream_options":{"include_usage":true},' }
    end
  end
  if #edits == 0 then return s, injected end
  return edited(s, edits), injected
end
