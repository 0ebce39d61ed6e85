-- Tells which tenant a verified token or certificate is, where no edge is asked. WHO holds what the
-- policy says: issuers with the paths of their claims, tenants by claim and by certificate, teams,
-- and the limits of each that a rate-limit service is asked about. The route says which ways it
-- takes, in order. A tenant that is not found is not set: the filters behind this one refuse what
-- has none.

local function at(payload, claim)
  local whole = payload[claim.whole]
  if whole ~= nil then return whole end
  for _, part in ipairs(claim.path) do
    if type(payload) ~= 'table' then return nil end
    payload = payload[part]
  end
  return payload
end

local function text(payload, claim)
  local value = claim and at(payload, claim)
  if type(value) == 'string' and value ~= '' then return value end
end

local function by_token(handle, issuer)
  local payloads = handle:streamInfo():dynamicMetadata():get(WHO.jwt)
  local payload = payloads and payloads[issuer]
  if not payload then return nil end
  local claims = WHO.issuers[issuer]
  local claim = text(payload, claims.tenant)
  local tenant = claim and WHO.claims[claim]
  if not tenant then return nil end
  local team = text(payload, claims.team)
  -- A team that the tenant does not have is nobody's, rather than the tenant as a whole.
  if team and not WHO.tenants[tenant].teams[team] then return nil end
  return tenant, team, text(payload, claims.user)
end

local function by_certificate(handle)
  local tls = handle:streamInfo():downstreamSslConnection()
  if not tls or not tls:peerCertificateValidated() then return nil end
  -- What Envoy calls the principal when it asks an edge.
  local name = tls:uriSanPeerCertificate()[1]
    or tls:dnsSansPeerCertificate()[1]
    or tls:subjectPeerCertificate()
  -- DNS names do not differ by case, and a URI is none.
  local names = { uri = name }
  if not string.find(name, '://', 1, true) then
    names.dns = string.lower((string.gsub(name, '%.+$', '')))
  end
  for _, known in ipairs(WHO.certificates) do
    local named = names[known.kind]
    if named and string.find(named, known.pattern) then return known.tenant, nil, name end
  end
end

local function limits_of(metadata, limits)
  for slot, id in pairs(limits) do metadata:set(WHO.namespace, slot, id) end
end

function envoy_on_request(handle)
  local here = handle:filterContext()
  local tenant, team, user, way
  for _, method in ipairs(here:get('ways')) do
    way = method.kind
    if method.issuer then
      tenant, team, user = by_token(handle, method.issuer)
    elseif way == 'mtls' then
      tenant, team, user = by_certificate(handle)
    end
    if tenant or way == 'none' then break end
  end
  if not tenant then
    if way ~= 'none' then handle:respond({ [':status'] = '401' }, '') end
    return
  end
  local known = WHO.tenants[tenant]
  local metadata = handle:streamInfo():dynamicMetadata()
  local headers = handle:headers()
  for key, value in pairs({ tenant = tenant, team = team, user = user, auth = way }) do
    metadata:set(WHO.account, key, value)
    local header = here:get('tells') and WHO.headers[key]
    -- What a token says of its user may be anything; a header is one line of visible characters.
    if header and not string.find(value, '[^\32-\126]') then headers:replace(header, value) end
  end
  limits_of(metadata, known.limits)
  if team then limits_of(metadata, known.teams[team]) end
end
