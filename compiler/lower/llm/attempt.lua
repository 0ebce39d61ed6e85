-- What happens around one attempt at one target: the request becomes the provider's own, and the
-- answer is read for usage. TARGET holds the target's constants. Runs as an upstream filter, so
-- that each attempt starts again from the client's body. Where the edge translates, requests pass
-- here before it and answers behind it: bodies are in the client's API, always.

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

local function set(handle, key, value)
  handle:streamInfo():dynamicMetadata():set(NAMESPACE, key, value)
end

-- Whether the client asked for Anthropic's beta: a later attempt sees the path of the one before.
local function asks_for_beta(handle, asked)
  if find(asked, '[?&]beta=true') then
    set(handle, 'beta', true)
    return true
  end
  local state = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  return state and state.beta
end

-- The path of an operation at the provider; Azure has deployments, and an API without them.
local function path_of(endpoint, beta)
  if TARGET.version then
    local middle = find(endpoint, '^/responses') and '' or TARGET.deployment
    return TARGET.path .. middle .. endpoint .. TARGET.version
  end
  local path = TARGET.path .. endpoint
  if beta then path = path .. '?beta=true' end
  return path
end

function envoy_on_request(handle)
  local endpoint = handle:metadata():get('endpoint')
  local body = handle:body(true)
  local bytes = body:getBytes(0, body:length())
  local headers = handle:headers() -- after the wait for the body, never before it
  local changed, injected
  if TARGET.forms[endpoint] then
    local boundary = boundary_of(headers:get('content-type'))
    changed = with_value(bytes, boundary, 'model', TARGET.name)
  else
    changed, injected = rewritten(bytes, TARGET.model, TARGET.stream_usage[endpoint])
  end
  headers:replace(':path', path_of(endpoint, asks_for_beta(handle, headers:get(':path'))))
  headers:replace(':authority', TARGET.authority)
  local attempt = headers:get(TARGET.attempt_header)
  if attempt then
    headers:remove(TARGET.attempt_header)
    set(handle, 'attempt', attempt)
  end
  if changed ~= bytes then body:setBytes(changed) end
  headers:replace('content-length', tostring(#changed))
  if injected then set(handle, 'hide_usage', true) end
  if #bytes > LARGE then
    bytes, changed = nil, nil
    collectgarbage()
  end
end

local function read_stream(handle)
  local feed
  local endpoint = handle:metadata():get('endpoint')
  local state = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  if state and state.hide_usage then feed = usage_hider() end
  handle:headers():remove('content-length') -- what comes may be more, or less
  local tokens = {}
  local watch, missing = end_watch(endpoint)
  local read, rest = line_reader(tokens, watch, endpoint == '/responses')
  local seen = 0
  local last, shown, tail = nil, '', ''
  for chunk in handle:bodyChunks() do
    local bytes = chunk:getBytes(0, chunk:length())
    if read(bytes) then report(handle, tokens) end
    -- Nobody calls when a stream is cut or its client has left: what passed is written down now,
    -- each token at first, and then when there is a sixty-fourth more.
    if tokens.said * 64 > seen * 65 then
      seen = tokens.said
      set(handle, 'seen', seen)
    end
    last, shown = chunk, feed and feed(bytes) or bytes
    if shown ~= bytes then chunk:setBytes(shown) end
    if bytes ~= '' then tail = sub(bytes, -3) end
  end
  local more = (feed and feed('') or '') .. missing(rest(), tail)
  -- The last chunk can still be changed here, unless trailers have ended the stream.
  if more ~= '' then pcall(function() last:setBytes(shown .. more) end) end
end

local function read_json(handle)
  local tokens = {}
  local feed, finish = json_reader(tokens)
  for chunk in handle:bodyChunks() do feed(chunk:getBytes(0, chunk:length())) end
  if finish() then
    tokens.told = true
    report(handle, tokens)
  elseif tokens.said then
    set(handle, 'seen', tokens.said)
  end
end

-- An answer that is read as a whole, before anything of it goes on, because the chain goes on where
-- the provider's filter has refused to say anything.
local function read_held(handle)
  local body = handle:body(true)
  local bytes = body:getBytes(0, body:length())
  if filtered(bytes) then
    handle:headers():replace(TARGET.retry_header, 'content_filter')
    set(handle, 'failure', 'content_filter')
  end
  local tokens = {}
  local feed, finish = json_reader(tokens)
  feed(bytes)
  if finish() then
    tokens.told = true
    report(handle, tokens)
  end
end

-- The edge has read, and maybe written, the answer; what it says of it holds.
local function is_processed(handle)
  local processed = handle:metadata():get('processed')
  return processed and processed[TARGET.cluster]
end

-- Has Envoy wait before the next attempt, where that is at this very target and the provider asks
-- for no more than the policy allows. Tells whether it asks for more, and nobody else is left.
local function set_wait(handle, waits)
  local headers = handle:headers()
  local told = is_processed(handle) and tonumber(headers:get(TARGET.wait_header) or '')
  headers:remove(TARGET.wait_header)
  if not waits then return false end
  local state = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  if not (state and state.attempt and waits[state.attempt]) then return false end
  local seconds = told or retry_after(function(name) return headers:get(name) end, os.time())
  if not seconds or seconds <= 0 then return false end
  if seconds > waits.longest then return tonumber(state.attempt) >= waits.final end
  headers:replace(TARGET.wait_header, string.format('%d', math.ceil(seconds)))
  return false
end

local CAUSES = { ['429'] = 'rate_limited', ['503'] = 'overloaded', ['529'] = 'overloaded' }

local function read_failure(handle, status)
  local cause = handle:headers():get(TARGET.retry_header)
  if not cause and status == '400' and not is_processed(handle) then
    local body = handle:body(true)
    cause = refused(body:getBytes(0, body:length()))
    if cause then handle:headers():replace(TARGET.retry_header, cause) end
  end
  cause = cause or CAUSES[status] or byte(status) == 53 and 'server_error'
  if cause then set(handle, 'failure', cause) end
  local waits = handle:metadata():get('waits')
  local headers = handle:headers()
  if waits and CAUSES[status] and not headers:get(TARGET.retry_header) then
    headers:replace(TARGET.retry_header, cause)
  end
  if set_wait(handle, waits) then headers:remove(TARGET.retry_header) end
end

-- What stands in for a target that failed too often: the chain goes on, or the client is told so.
local COOLING = 'The provider failed several times in a row, and is left alone for a moment'
local function cooled(handle)
  set(handle, 'failure', TARGET.cooling)
  local told
  if handle:metadata():get('api') == 'anthropic' then
    told = '{"type":"error","error":{"type":"overloaded_error","message":"' .. COOLING .. '"}}'
  else
    told = '{"error":{"message":"'
      .. COOLING
      .. '","type":"server_error","param":null,"code":"cooling_down"}}'
  end
  handle:body(true):setBytes(told)
  local headers = handle:headers()
  headers:remove(TARGET.cooling_header)
  headers:remove(TARGET.wait_header)
  headers:replace(':status', '503')
  headers:replace(TARGET.retry_header, TARGET.cooling)
  headers:replace('content-type', 'application/json')
  headers:replace('content-length', tostring(#told))
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get(':status')
  local content_type = headers:get('content-type') or ''
  if headers:get(TARGET.cooling_header) then
    cooled(handle)
  elseif byte(status) ~= 50 then
    read_failure(handle, status)
  elseif not headers:get('content-encoding') then
    if find(content_type, 'text/event-stream', 1, true) then
      read_stream(handle)
    elseif find(content_type, 'json', 1, true) then
      if handle:metadata():get('held') and not is_processed(handle) then
        read_held(handle)
      else
        read_json(handle)
      end
    end
  end
end
