-- Reads the model from a form into metadata, by which the route is then chosen anew. Of several
-- fields the last one counts, as in JSON; the attempt edits all of them.

function envoy_on_request(handle)
  local boundary = boundary_of(handle:headers():get('content-type'))
  local body = handle:body(true)
  local model
  if boundary then
    local bytes = body:getBytes(0, body:length())
    local values = form_values(bytes, boundary, 'model')
    local last = values[#values]
    if last then model = sub(bytes, last[1], last[2]) end
  end
  local metadata = handle:streamInfo():dynamicMetadata()
  if model then
    metadata:set(FORM.namespace, FORM.model, model)
  else
    metadata:set(FORM.namespace, FORM.problem, FORM.missing)
  end
  handle:clearRouteCache()
end
