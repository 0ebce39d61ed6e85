-- What happens around one attempt at one target: the request becomes the provider's own, and the
-- answer is read for usage. TARGET holds the target's constants. Runs as an upstream filter, so
-- that each attempt starts again from the client's body.

local NAMESPACE = TARGET.namespace

-- A request leaves a few KiB of garbage and the program itself is small, so that Lua's own pace
-- would walk all of it every few requests. This costs memory: a few times what is alive.
-- Copies of a large body are given back at once.
collectgarbage('setpause', 400)
local LARGE = 1048576

local function report(handle, tokens)
  local input, output, cached, reasoning = totals(tokens)
  local usage = { input = input, output = output, cached = cached }
  if tokens.model then usage.model = tokens.model end
  if reasoning > 0 then usage.reasoning = reasoning end
  if tokens.told then usage.told = true end
  if TARGET.price_input then
    local pico = (input - cached) * TARGET.price_input
      + cached * TARGET.price_cached
      + output * TARGET.price_output
    usage.cost = math.floor(pico / 1000 + 0.5) -- nano-USD, whole, as a counter wants it
  end
  handle:streamInfo():dynamicMetadata():set(NAMESPACE, 'usage', usage)
end

function envoy_on_request(handle)
  local endpoint = handle:metadata():get('endpoint')
  local body = handle:body(true)
  local bytes = body:getBytes(0, body:length())
  local changed, injected = rewritten(bytes, TARGET.model, TARGET.stream_usage[endpoint])
  local headers = handle:headers() -- after the wait for the body, never before it
  local path = TARGET.path .. endpoint
  if find(headers:get(':path'), '[?&]beta=true') then path = path .. '?beta=true' end
  headers:replace(':path', path)
  headers:replace(':authority', TARGET.authority)
  if changed ~= bytes then body:setBytes(changed) end
  headers:replace('content-length', tostring(#changed))
  if injected then
    handle:streamInfo():dynamicMetadata():set(NAMESPACE, 'hide_usage', true)
  end
  if #bytes > LARGE then
    bytes, changed = nil, nil
    collectgarbage()
  end
end

local function read_stream(handle)
  local feed
  local state = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  if state and state.hide_usage then
    feed = usage_hider()
    handle:headers():remove('content-length')
  end
  local tokens = {}
  local read = line_reader(tokens)
  local seen = 0
  for chunk in handle:bodyChunks() do
    local bytes = chunk:getBytes(0, chunk:length())
    if read(bytes) then report(handle, tokens) end
    -- Nobody calls when a stream is cut or its client has left: what passed is written down now,
    -- each token at first, and then when there is a sixty-fourth more.
    if tokens.said * 64 > seen * 65 then
      seen = tokens.said
      handle:streamInfo():dynamicMetadata():set(NAMESPACE, 'seen', seen)
    end
    if feed then
      local shown = feed(bytes)
      if shown ~= bytes then chunk:setBytes(shown) end
    end
  end
end

local function read_json(handle)
  local tokens = {}
  local feed, finish = json_reader(tokens)
  for chunk in handle:bodyChunks() do feed(chunk:getBytes(0, chunk:length())) end
  if finish() then
    tokens.told = true
    report(handle, tokens)
  elseif tokens.said then
    handle:streamInfo():dynamicMetadata():set(NAMESPACE, 'seen', tokens.said)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get(':status')
  local content_type = headers:get('content-type') or ''
  if status == '400' then
    local body = handle:body(true)
    if context_exceeded(body:getBytes(0, body:length())) then
      handle:headers():replace(TARGET.retry_header, 'context_exceeded')
    end
  elseif byte(status) == 50 and not headers:get('content-encoding') then
    if find(content_type, 'text/event-stream', 1, true) then
      read_stream(handle)
    elseif find(content_type, 'json', 1, true) then
      read_json(handle)
    end
  end
end
